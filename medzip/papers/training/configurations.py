"""How the papers trained their predictors, as named configurations.

Sources: *local-sampling* (2020, table of hyper-parameters), *medzip* (ICPR 2020, table I),
*sampling-strategies* (MLWA 2022, sections 3.3.1 and 3.4). Where a paper does not say, the value is
that of the later paper and the field's comment says so.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from medzip.errors import ModelError
from medzip.papers.codec.shapes import SHAPES

if TYPE_CHECKING:
    from typing import Self

__all__ = ["CONFIGURATIONS", "KINDS", "SAMPLINGS", "STARTS", "SequenceRun", "configuration"]

KINDS = ("lstm", "mlp", "attention")
SAMPLINGS = ("random", "gaussian", "slice", "spacing")
STARTS = ("random", "solved")
_MLP = (1024, 512, 256, 128)


@dataclass(frozen=True)
class SequenceRun:
    """One training run, complete: the same run on the same volumes gives the same model.

    Attributes
    ----------
    name
        What it is called in results.
    kind
        One of `KINDS`.
    shape
        Name of the neighbourhood, a key of `medzip.papers.codec.shapes.SHAPES`.
    hidden
        LSTM: (units,). MLP: width of each hidden layer. Attention: (width, heads, inner width).
    batch
        Voxels a step.
    rate
        Learning rate of Adam; falls to zero as half a cosine where `decay` is set.
    betas
        Of Adam.
    epochs
        Passes over the sample.
    samples
        Voxels drawn from all training volumes together.
    sampling
        One of `SAMPLINGS`.
    spacings
        Pixel spacings in mm whose volumes are used; empty: all volumes.
    slices
        At most so many slices of each volume give samples; None: all.
    lam
        Weight of the correlation in the loss (`medzip.papers.training.loss`).
    decay
        Whether the learning rate falls; the papers keep it.
    start
        "random" as published, or "solved": the output layer starts at its least-squares solution
        over the random hidden layer, which a short training needs.
    prune
        Share of recurrent and hidden weights that is set to zero half-way (smallest first) and
        kept there; 0 as published.
    held
        Share of the sample that is kept for validation.
    seed
        Of weights, sample and order.
    """

    name: str
    kind: str
    shape: str
    hidden: tuple[int, ...]
    batch: int
    rate: float
    betas: tuple[float, float] = (0.9, 0.999)
    epochs: int = 60
    samples: int = 4_700_000
    sampling: str = "random"
    spacings: tuple[float, ...] = ()
    slices: int | None = None
    lam: float = 1.0
    decay: bool = False
    start: str = "random"
    prune: float = 0.0
    held: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        for value, known, what in (
            (self.kind, KINDS, "kind"),
            (self.sampling, SAMPLINGS, "sampling"),
            (self.start, STARTS, "start"),
            (self.shape, tuple(SHAPES), "shape"),
        ):
            if value not in known:
                raise ModelError(
                    f"expected a {what} among {', '.join(known)}, got {value!r}; check the name"
                )
        widths = {"lstm": 1, "mlp": None, "attention": 3}[self.kind]
        if not self.hidden or (widths is not None and len(self.hidden) != widths):
            raise ModelError(
                f"expected {widths or 'one or more'} widths for {self.kind}, got {self.hidden}; "
                "see SequenceRun.hidden"
            )
        counts = (*self.hidden, self.batch, self.epochs, self.samples)
        if min(counts) < 1 or not (0 <= self.held < 1 and 0 <= self.prune < 1 and self.rate > 0):
            raise ModelError(
                f"expected positive widths, batch, rate, epochs and samples, and shares below 1, "
                f"got {self}; correct the configuration"
            )

    def with_(self, **changes: Any) -> Self:
        """The same run but for some fields, for smaller sizes and other shapes."""
        return replace(self, **changes)


def _runs() -> tuple[SequenceRun, ...]:
    largest = "pyramid-13-9-5-1"
    medzip = SequenceRun("medzip3", "lstm", largest, (128,), 128, 1e-4, sampling="spacing")
    strategies = SequenceRun(
        "sampling-strategies", "lstm", largest, (128,), 128, 1e-4, betas=(0.9, 0.98)
    )
    # The paper names batch and rate only; Adam's betas are its defaults. "Shuffled, from 10 slices
    # of one volume" is the slice sampling here.
    local = SequenceRun(
        "local-sampling-1", "mlp", "cube-11", _MLP, 256, 2e-4, sampling="slice", slices=10
    )
    return (
        # Epochs and samples of the ICPR paper are not stated; those of the 2022 paper stand in.
        medzip.with_(name="medzip1", rate=5e-5, sampling="random", spacings=(0.488,)),
        medzip.with_(name="medzip2", rate=5e-5, sampling="random", spacings=(0.625,)),
        medzip.with_(spacings=(0.488, 0.578, 0.625)),
        local,
        local.with_(name="local-sampling-2", shape=largest, batch=32, rate=3e-5),
        strategies,
        # Beyond the papers: their future work, and size against gain.
        strategies.with_(name="attention", kind="attention", hidden=(32, 4, 64), rate=3e-4),
        strategies.with_(name="lstm-64", hidden=(64,)),
        strategies.with_(name="lstm-32", hidden=(32,)),
        strategies.with_(name="pruned", prune=0.5),
    )


CONFIGURATIONS: dict[str, SequenceRun] = {run.name: run for run in _runs()}
"""By name: the papers' (medzip1 .. sampling-strategies), then what goes beyond them."""


def configuration(name: str) -> SequenceRun:
    """A configuration by name.

    Raises
    ------
    ModelError
        There is none of that name.
    """
    if name not in CONFIGURATIONS:
        raise ModelError(
            f"expected a configuration among {', '.join(CONFIGURATIONS)}, got {name!r}; "
            "check the name"
        )
    return CONFIGURATIONS[name]
