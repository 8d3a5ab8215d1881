"""A network trained on a store of its inputs, from random weights or from another model."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch

from medzip.canonical import digest_of
from medzip.errors import SourceError
from medzip.fitting.linear import LINEAR_VOXELS, solve_linear
from medzip.fitting.optimise import Recipe, Stepper, mean_bits, one_cycle
from medzip.fitting.qat import MixtureNet
from medzip.models import NetworkModel, shipped_model, write_directory
from medzip.models.card import model_card
from medzip.models.shelf import shipped_models
from medzip.models.weights import network_digest, read_network, write_network
from medzip.training.devices import precision_of
from medzip.training.feed import Feed, Place
from medzip.training.inputs import InputsForm
from medzip.training.learning import Look
from medzip.training.run import Judged, StoreLearner

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medzip.codec.plain.network import Network
    from medzip.fitting.sample import Samples
    from medzip.training.checkpoint import Checkpoint
    from medzip.training.store import SampleStore

__all__ = ["NetworkLearner", "NetworkRun"]

log = logging.getLogger("medzip.training")

POINT_STEPS = 50
"""Steps between two points of the loss."""
JUDGED_ROWS = 50_000
"""Rows of a series that was left out, at most, by which a model is judged."""
LINEAR_SERIES = 64
"""Series whose central windows together solve the straight prediction, at most."""


@dataclass(frozen=True)
class NetworkRun:
    """How to train a network on a store of inputs.

    Attributes
    ----------
    steps, batch, rate
        Gradient steps, voxels a step, peak learning rate.
    seed
        Of the first weights and of the order of samples.
    start
        Go on from this model instead of from random weights: name of a shipped model, or folder of
        a model directory. It must have the store's form.
    leave_out
        Names of series that are not trained on but judged by, as a cohort's next series would be.
    device
        "cpu", "cuda", or "auto": a GPU where there is one.
    precision
        "float32"; "tf32": products of a GPU's tensor cores; "auto": "tf32" on a GPU.
    checkpoint_every
        Steps between two checkpoints.
    evaluate_every
        Steps between two looks at the held-out voxels; 0: ten looks, or one every 1000 steps.
    memory
        Bytes of samples held at once, about; a larger store is read in portions.
    """

    steps: int = 10_000
    batch: int = 4096
    rate: float = 4e-3
    seed: int = 0
    start: str | None = None
    leave_out: tuple[str, ...] = ()
    device: str = "auto"
    precision: str = "auto"
    checkpoint_every: int = 500
    evaluate_every: int = 0
    memory: int = 2 << 30
    form: ClassVar[str] = "default"

    @property
    def recipe(self) -> Recipe:
        """Its optimisation."""
        return Recipe(self.steps, self.batch, rate=self.rate, seed=self.seed)

    @property
    def looks_every(self) -> int:
        """Steps between two looks at the held-out voxels."""
        return self.evaluate_every or max(1, min(1000, self.steps // 10))

    def learner(self, store: SampleStore, device: str) -> NetworkLearner:
        """What learns; raises SourceError where the store is of another form."""
        return NetworkLearner(store, self, device)


class NetworkLearner(StoreLearner):
    """A network, its optimiser and its place in a store; see `StoreLearner`."""

    def __init__(self, store: SampleStore, run: NetworkRun, device: str) -> None:
        self._store, self._run, self._device = store, run, device
        self._form = _form(store)
        self._start = None if run.start is None else _start(run.start, self._form)
        self.identity = digest_of(_settings(store, run, device, self._start))
        self.step, self.steps = 0, run.steps
        self._since = 0
        left_out = _keys_of(store, run.leave_out)
        self._feed = Feed(store, left_out, run.batch, run.seed, run.memory, device)
        self.voxels = self._feed.rows
        self._held = {
            one.about.name: store.samples(
                one.about.key,
                slice(0, JUDGED_ROWS if one.about.key in left_out else one.held),
            )
            for one in store.sampled
            if one.rows
        }
        torch.manual_seed(run.seed)
        self._net = MixtureNet(self._form.architecture).to(device)
        if self._start is not None:
            self._net.load(self._start)
            self._net.fractions = None
        self._stepper = Stepper(self._net, self._feed.samples, run.recipe)
        log.info(
            "%d voxels of %d series, %d portion(s), on %s",
            self._feed.rows,
            len(self._held),
            self._feed.portions,
            device,
        )

    def advance(self) -> None:
        """One step."""
        self._stepper.step(self.step, self._feed.next())
        self.step += 1
        self._since += 1

    def is_due(self) -> bool:
        """Whether the step that was taken last gives a point of the curves."""
        return self._looks() or self.step % POINT_STEPS == 0

    def look(self) -> Look:
        """What that point shows."""
        loss = float(self._stepper.total) / self._since
        self._stepper.total.zero_()
        self._since = 0
        bits = self._bits(self._net) if self._looks() else {}
        return Look(loss, one_cycle(self._run.recipe, self.step - 1), bits)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Weights, moments and the sum of the losses."""
        return self._stepper.state()

    def notes(self) -> dict[str, Any]:
        """The place in the store, and the steps since the last point."""
        return {"place": self._feed.about(), "since": self._since}

    def restore(self, saved: Checkpoint) -> None:
        """The inverse of `tensors` and `notes`."""
        self._feed.seek(Place(**saved.notes["place"]))
        self._stepper.load_state(saved.tensors)
        self.step = saved.step
        self._since = int(saved.notes["since"])

    def judged(self) -> Judged:
        """Integers with a straight prediction for all series, and bits of the held-out voxels."""
        windows = self._store.windows(LINEAR_SERIES)
        neighbourhood = self._form.neighbourhood
        self._net.straight = solve_linear(windows, neighbourhood, LINEAR_VOXELS * len(windows))
        network = self._net.integers()  # the proof: sums that could leave 32 bits are refused here
        return Judged(
            self._bits_of(network),
            {} if self._start is None else self._bits_of(self._start),
            partial(_write, network),
        )

    def about(self) -> dict[str, Any]:
        """What training.json says of it alone."""
        run = self._run
        return {
            "form": self._form.name,
            "steps": run.steps,
            "batch": run.batch,
            "rate": run.rate,
            "seed": run.seed,
            "start": None if self._start is None else network_digest(self._start),
            "left_out": sorted(run.leave_out),
        }

    def _looks(self) -> bool:
        return self.step == self.steps or self.step % self._run.looks_every == 0

    def _bits_of(self, network: Network) -> dict[str, float]:
        net = MixtureNet(self._form.architecture).to(self._device)
        net.load(network)
        return self._bits(net)

    def _bits(self, net: MixtureNet) -> dict[str, float]:
        held: dict[str, Samples] = self._held
        return {
            name: round(mean_bits(net, samples.to(self._device)), 6)
            for name, samples in sorted(held.items())
        }


def _write(network: Network, models: Path, about: Mapping[str, Any], curves: bytes) -> Path:
    model, card = NetworkModel(network, network), model_card(about, network)
    return write_directory(models, model, write_network(network), about, card, curves)


def _form(store: SampleStore) -> InputsForm:
    if not isinstance(store.form, InputsForm):
        raise SourceError(
            f"expected a store of a network's inputs, got one of {store.form.kind}; sample again "
            "with the form of a network"
        )
    return store.form


def _start(name: str, form: InputsForm) -> Network:
    """The network to go on from, of the store's form."""
    shipped = name in shipped_models()
    network = shipped_model(name).network if shipped else read_network(Path(name))
    if network.architecture != form.architecture:
        raise SourceError(
            f"expected a model of the store's form {form.name}, got {name} of another; sample "
            "again with its form, or name another model"
        )
    return network


def _keys_of(store: SampleStore, names: tuple[str, ...]) -> set[str]:
    keys = {one.name: one.key for one in store.series}
    unknown = sorted(set(names) - keys.keys())
    if unknown or len(keys) == len(set(names)):
        raise SourceError(
            f"expected to leave out some series of the store, got {', '.join(unknown) or 'all'}; "
            f"it has {', '.join(sorted(keys))}"
        )
    return {keys[name] for name in names}


def _settings(
    store: SampleStore, run: NetworkRun, device: str, start: Network | None
) -> dict[str, Any]:
    """Everything that decides the model: a checkpoint of other settings is not taken up."""
    return {
        "store": store.digest,
        "recipe": digest_of(asdict(run.recipe)),
        "start": None if start is None else network_digest(start),
        "device": device,
        "precision": precision_of(run.precision, device),
        "leave_out": sorted(run.leave_out),
        "memory": run.memory,
        "points": [POINT_STEPS, run.looks_every],
    }
