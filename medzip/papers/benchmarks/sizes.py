"""How large the benchmarks are: "small" for two cores and half an hour, "full" as published."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from medzip.errors import SourceError
from medzip.papers.codec.shapes import SHAPES
from medzip.papers.training.configurations import SequenceRun, configuration

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

__all__ = ["SIZES", "BenchmarkSize", "sized"]

LARGEST = "pyramid-13-9-5-1"
LONG_CUBES = ("cube-7", "cube-9", "cube-11")
PEERS = ("ppmd", "jpeg-ls", "jpeg-2000", "hevc", "jp3d", "lstm-compress", "medzip-default")
"""Benchmark 6: the papers' codecs, and this project's own model."""


@dataclass(frozen=True)
class BenchmarkSize:
    """One size of the benchmarks.

    Attributes
    ----------
    name
        "small", "full", or another.
    lstm, mlp
        How predictors are trained; shape, sampling and seed are set by each job.
    extras
        Runs beyond the papers, on the shape that each names, trained for the first fold.
    shapes
        Neighbourhoods of benchmarks 1, 2 and 3.
    volumes, unseen
        CT volumes of the cohort, MR volumes that nothing is trained on, at most.
    folds
        Parts of the cohort; a part is tested with models trained on the others.
    mlp_folds, unseen_folds
        How many folds the MLP is trained for, and how many folds' models see the MR volumes.
    crop
        (slices, rows, columns) out of the middle of each volume, or None for all of it.
    timed
        Crop whose seconds benchmark 3 takes, of a volume of the first fold; None: one slice of
        the volume as it is.
    samplings
        Schemes of benchmark 4.
    sampled_shape
        Its neighbourhood.
    snapshots
        Epochs after which benchmark 5 codes a volume.
    peers
        Codecs of benchmark 6.
    """

    name: str
    lstm: SequenceRun
    mlp: SequenceRun
    extras: tuple[SequenceRun, ...]
    shapes: tuple[str, ...] = tuple(SHAPES)
    volumes: int = 12
    unseen: int = 12
    folds: int = 4
    mlp_folds: int = 4
    unseen_folds: int = 4
    crop: tuple[int, int, int] | None = None
    timed: tuple[int, int, int] | None = None
    samplings: tuple[str, ...] = ("random", "gaussian", "slice")
    sampled_shape: str = LARGEST
    snapshots: tuple[int, ...] = (10, 20, 30, 40, 50, 60)
    peers: tuple[str, ...] = PEERS

    def with_(self, **changes: Any) -> Self:
        """The same size but for some fields."""
        return replace(self, **changes)


def _full() -> BenchmarkSize:
    mlp = configuration("local-sampling-2")
    names = ("attention", "lstm-64", "lstm-32", "pruned")
    return BenchmarkSize(
        "full",
        configuration("sampling-strategies"),
        mlp.with_(name="mlp", sampling="random", slices=None, batch=128, rate=1e-4),
        tuple(configuration(name) for name in names),
    )


def _small() -> BenchmarkSize:
    """Half an hour on two cores: a few thousand times fewer samples pass than in the papers.

    So the rate is two hundred times theirs and falls to zero, the output layer starts at its
    least-squares solution, and nets are narrow. Cubes of more than 5 voxels are left out: their
    sequences are as long as all others together.
    """
    full = _full()
    short: dict[str, Any] = {"samples": 24_000, "batch": 64, "decay": True, "start": "solved"}
    shape = "pyramid-9-5-1"
    lstm = full.lstm.with_(hidden=(16,), rate=2e-2, epochs=4, **short)
    mlp = full.mlp.with_(hidden=(128, 64, 32), rate=3e-3, epochs=8, **short)
    attention = configuration("attention")
    return full.with_(
        name="small",
        lstm=lstm,
        mlp=mlp,
        extras=(
            attention.with_(shape=shape, hidden=(16, 2, 32), rate=3e-3, epochs=4, **short),
            lstm.with_(name="lstm-32", shape=shape, hidden=(32,)),
            lstm.with_(name="lstm-8", shape=shape, hidden=(8,)),
            lstm.with_(name="pruned", shape=shape, prune=0.5),
        ),
        shapes=tuple(name for name in SHAPES if name.split("-rows")[0] not in LONG_CUBES),
        unseen=4,
        mlp_folds=1,
        unseen_folds=1,
        crop=(4, 96, 96),
        timed=(4, 64, 64),
        sampled_shape=shape,
        snapshots=(1, 2, 3, 4),
        peers=(*full.peers[:-1], "medzip-fast"),
    )


SIZES: dict[str, BenchmarkSize] = {size.name: size for size in (_small(), _full())}
"""By name."""


def sized(name: str, changes: Mapping[str, Any] | None = None) -> BenchmarkSize:
    """A size by name, with some fields changed; lists, as JSON has them, become tuples.

    Raises
    ------
    SourceError
        There is none of that name.
    """
    if name not in SIZES:
        raise SourceError(f"expected a size among {', '.join(SIZES)}, got {name!r}")
    fields = {key: tuple(v) if isinstance(v, list) else v for key, v in (changes or {}).items()}
    return SIZES[name].with_(**fields)
