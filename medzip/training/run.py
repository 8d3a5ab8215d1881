"""A training run on a sample store: killed at any moment, it goes on and ends in the same model.

    store -> portions of samples -> steps (checkpoints, curves) -> integers -> model directory

The work folder holds one checkpoint, replaced atomically, and the curves. A run that finds a
checkpoint of the same settings goes on from it; on one machine the model is that of an undisturbed
run, to the last bit.
"""

from __future__ import annotations

import logging
import platform
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from medzip.canonical import digest_of
from medzip.codec.model import network_digest, read_network, shipped_model, shipped_models
from medzip.errors import ModelError, SourceError
from medzip.fitting.linear import LINEAR_VOXELS, solve_linear
from medzip.fitting.optimise import Recipe, Stepper, mean_bits, one_cycle
from medzip.fitting.qat import MixtureNet
from medzip.models.writing import write_directory
from medzip.training.checkpoint import only_run, read_checkpoint, write_checkpoint
from medzip.training.curves import Curves, Point
from medzip.training.feed import Feed, Place
from medzip.training.inputs import InputsForm
from medzip.training.store import SampleStore

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from medzip.codec.plain.network import Network
    from medzip.fitting.sample import Samples

__all__ = ["CHECKPOINT", "CURVES", "TrainedModel", "TrainingRun", "train_on_store"]

log = logging.getLogger("medzip.training")

CHECKPOINT = "checkpoint.safetensors"
CURVES = "curves.jsonl"
POINT_STEPS = 50
"""Steps between two points of the loss."""
JUDGED_ROWS = 50_000
"""Rows of a series that was left out, at most, by which a model is judged."""
LINEAR_SERIES = 64
"""Series whose central windows together solve the straight prediction, at most."""


@dataclass(frozen=True)
class TrainingRun:
    """How to train on a store.

    Attributes
    ----------
    recipe
        Steps, batch, peak rate and seed (of the first weights and of the order of samples).
    start
        Go on from this model instead of from random weights: name of a shipped model, or folder of
        a model directory. It must have the store's form.
    device
        "cpu", "cuda", or "auto": a GPU where there is one.
    precision
        "float32"; "tf32": products of a GPU's tensor cores; "auto": "tf32" on a GPU.
    checkpoint_every, evaluate_every
        Steps between two checkpoints, and between two looks at the held-out voxels.
    leave_out
        Names of series that are not trained on but judged by, as a cohort's next series would be.
    memory
        Bytes of samples held at once, about; a larger store is read in portions.
    """

    recipe: Recipe = field(default_factory=lambda: Recipe(10_000, 4096, rate=4e-3))
    start: str | None = None
    device: str = "auto"
    precision: str = "auto"
    checkpoint_every: int = 500
    evaluate_every: int = 1000
    leave_out: tuple[str, ...] = ()
    memory: int = 2 << 30


@dataclass(frozen=True)
class TrainedModel:
    """What a training run gave.

    Attributes
    ----------
    folder
        The model directory, MODELS/<digest>.
    digest
        Of the network (`medzip.codec.model.network_digest`).
    bits
        Bits a voxel outside flat contexts, on held-out voxels of each series, of the integers.
    start_bits
        The same of the model that it started from; empty where it started from random weights.
    voxels
        How many it learned from.
    seconds
        Of training, those of killed runs included.
    resumed
        The step that this run went on from, 0 for a fresh one.
    """

    folder: Path
    digest: str
    bits: dict[str, float]
    start_bits: dict[str, float]
    voxels: int
    seconds: float
    resumed: int


def train_on_store(
    store: str | os.PathLike[str],
    models: str | os.PathLike[str],
    work: str | os.PathLike[str],
    run: TrainingRun,
    *,
    progress: Callable[[Point], None] | None = None,
) -> TrainedModel:
    """Train a model on a store, or go on where a killed run stopped.

    Parameters
    ----------
    store
        Folder of a complete sample store (`medzip.training.store`).
    models
        Folder that gets the model directory, named by its digest.
    work
        Folder of this run's checkpoint and curves; keep it to resume.
    run
        How to train.
    progress
        Called with every point of the curves.

    Raises
    ------
    SourceError
        The store is missing, incomplete, or of another form than `run.start`.
    ModelError
        The weights cannot be proven exact, or the work folder holds a run of other settings.
    """
    opened = SampleStore.open(store)
    form = _form(opened)
    device = (
        ("cuda" if torch.cuda.is_available() else "cpu") if run.device == "auto" else run.device
    )
    first = None if run.start is None else _start(run.start, form)
    with only_run(work) as folder, _products(run.precision, device):
        trained = _Training(opened, form, folder, run, device, first)
        trained.go_on(progress)
        return trained.finish(Path(models))


class _Training:
    """A run between two of its steps."""

    def __init__(
        self,
        store: SampleStore,
        form: InputsForm,
        work: Path,
        run: TrainingRun,
        device: str,
        start: Network | None,
    ) -> None:
        self._store, self._form, self._run, self._device = store, form, run, device
        self._start = start
        self._path = work / CHECKPOINT
        self._settings = _settings(store, run, device, start)
        saved = read_checkpoint(self._path)
        if saved is not None and saved[1]["settings"] != self._settings:
            raise ModelError(
                f"{work}: expected a checkpoint of the same store and settings, got one of others; "
                "name another folder, or remove it"
            )
        self.resumed = self._step = 0 if saved is None else int(saved[1]["step"])
        self._before = 0.0 if saved is None else float(saved[1]["seconds"])
        self._since = 0 if saved is None else int(saved[1]["since"])
        left_out = _keys_of(store, run.leave_out)
        place = Place() if saved is None else Place(**saved[1]["place"])
        recipe = run.recipe
        self._feed = Feed(store, left_out, recipe.batch, recipe.seed, run.memory, device, place)
        self._held = {
            one.about.name: store.samples(
                one.about.key,
                slice(0, JUDGED_ROWS if one.about.key in left_out else one.held),
            )
            for one in store.sampled
            if one.rows
        }
        torch.manual_seed(recipe.seed)
        self._net = MixtureNet(form.architecture).to(device)
        if start is not None:
            self._net.load(start)
            self._net.fractions = None
        self._stepper = Stepper(self._net, self._feed.samples, recipe)
        if saved is not None:
            self._stepper.load_state(saved[0])
            log.info("going on after step %d of %d", self._step, recipe.steps)
        self._curves = Curves(work / CURVES, self._step)
        self._clock = time.perf_counter()

    def go_on(self, progress: Callable[[Point], None] | None) -> None:
        """All steps that are left, with points of the curves and checkpoints on the way."""
        run, recipe = self._run, self._run.recipe
        log.info(
            "%d voxels of %d series, %d portion(s), on %s",
            self._feed.rows,
            len(self._held),
            self._feed.portions,
            self._device,
        )
        while self._step < recipe.steps:
            self._stepper.step(self._step, self._feed.next())
            self._step += 1
            self._since += 1
            last = self._step == recipe.steps
            look = last or self._step % run.evaluate_every == 0
            if look or self._step % POINT_STEPS == 0:
                self._curves.add(self._point(look))
                if progress is not None:
                    progress(self._curves.points[-1])
            if last or self._step % run.checkpoint_every == 0:
                self._save()

    def finish(self, models: Path) -> TrainedModel:
        """Integers, proven, with figures, in a directory named by their digest."""
        windows = self._store.windows(LINEAR_SERIES)
        neighbourhood = self._form.neighbourhood
        self._net.straight = solve_linear(windows, neighbourhood, LINEAR_VOXELS * len(windows))
        network = self._net.integers()  # the proof: sums that could leave 32 bits are refused here
        bits = self._bits_of(network)
        start_bits = {} if self._start is None else self._bits_of(self._start)
        seconds = self._seconds()
        about = self._about(bits, start_bits, seconds)
        curves = (self._path.parent / CURVES).read_bytes()
        folder = write_directory(models, network, about, curves)
        return TrainedModel(
            folder, folder.name, bits, start_bits, self._feed.rows, seconds, self.resumed
        )

    def _point(self, look: bool) -> Point:
        loss = float(self._stepper.total) / self._since
        self._stepper.total.zero_()
        self._since = 0
        bits = self._bits(self._net) if look else {}
        rate = one_cycle(self._run.recipe, self._step - 1)
        return Point(self._step, self._run.recipe.steps, loss, rate, self._seconds(), bits)

    def _save(self) -> None:
        about = {
            "settings": self._settings,
            "step": self._step,
            "since": self._since,
            "seconds": self._seconds(),
            "place": self._feed.about(),
        }
        write_checkpoint(self._path, self._stepper.state(), about)

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

    def _seconds(self) -> float:
        return round(self._before + time.perf_counter() - self._clock, 3)

    def _about(
        self, bits: dict[str, float], start_bits: dict[str, float], seconds: float
    ) -> dict[str, Any]:
        """What training.json says; the card is made of it."""
        store, recipe = self._store, self._run.recipe
        return {
            "form": self._form.name,
            "steps": recipe.steps,
            "batch": recipe.batch,
            "rate": recipe.rate,
            "seed": recipe.seed,
            "per_volume": max(store.quotas.values()),
            "start": None if self._start is None else network_digest(self._start),
            "voxels": self._feed.rows,
            "seconds": round(seconds),
            "device": self._device,
            "precision": self._settings["precision"],
            "threads": torch.get_num_threads(),
            "machine": platform.machine(),
            "torch": torch.__version__,
            "store": store.digest,
            "left_out": sorted(self._run.leave_out),
            "volumes": store.volumes_about(),
            "held_out_bits": {name: round(value, 4) for name, value in bits.items()},
            "start_bits": {name: round(value, 4) for name, value in start_bits.items()},
        }


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


def _precision(precision: str, device: str) -> str:
    if precision not in ("auto", "float32", "tf32"):
        raise SourceError(
            f"expected a precision of auto, float32 or tf32, got {precision!r}; check the name"
        )
    return ("tf32" if device == "cuda" else "float32") if precision == "auto" else precision


@contextmanager
def _products(precision: str, device: str) -> Iterator[None]:
    """Use a GPU's tensor cores for products of float32 matrices, or do not.

    TF32 keeps 10 bits of each factor and sums in float32. Inputs, hidden weights and activations
    of these networks are integers of at most 8 bits times a power of two, so hidden layers stay
    exact; the head and the gradients round. Halving the accumulator too, as bfloat16 autocasting
    does to a layer's outputs, would not leave them exact.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(
        "high" if _precision(precision, device) == "tf32" else "highest"
    )
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _settings(
    store: SampleStore, run: TrainingRun, device: str, start: Network | None
) -> dict[str, Any]:
    """Everything that decides the model: a checkpoint of other settings is not taken up."""
    return {
        "store": store.digest,
        "recipe": digest_of(asdict(run.recipe)),
        "start": None if start is None else network_digest(start),
        "device": device,
        "precision": _precision(run.precision, device),
        "leave_out": sorted(run.leave_out),
        "memory": run.memory,
        "points": [POINT_STEPS, run.evaluate_every],
    }
