"""A training run on a sample store: killed at any moment, it goes on and ends in the same model.

    store -> learner -> steps (checkpoints, curves) -> integers -> model directory

The work folder holds one checkpoint, replaced atomically, and the curves. A run that finds a
checkpoint of the same settings goes on from it; on one machine the model is that of an undisturbed
run, to the last bit. What is trained, a network or a predictor of the papers, the run itself knows.
"""

from __future__ import annotations

import platform
from abc import abstractmethod
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch

from medzip.canonical import digest_of
from medzip.training.checkpoint import only_run
from medzip.training.devices import device_of, precision_of, products
from medzip.training.learning import CURVES, Learner, learn
from medzip.training.store import SampleStore

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping

    from medzip.training.curves import Point
    from medzip.training.learning import Learned

__all__ = ["Judged", "Run", "StoreLearner", "TrainedModel", "train", "work_folder"]


@dataclass(frozen=True)
class Judged:
    """A model in integers, and its figures.

    Attributes
    ----------
    bits
        Bits a voxel by name of the series, of the integers.
    start_bits
        The same of the model that it started from; empty where it started from random weights.
    write
        (models, about, curves) -> the model directory, proven and named by its digest.
    """

    bits: dict[str, float]
    start_bits: dict[str, float]
    write: Callable[[Path, Mapping[str, Any], bytes], Path] = field(compare=False, repr=False)


class StoreLearner(Learner):
    """A learner whose weights become a model."""

    @abstractmethod
    def judged(self) -> Judged:
        """The weights as integers, with figures.

        Raises
        ------
        ModelError
            They cannot be proven exact.
        """

    @abstractmethod
    def about(self) -> dict[str, Any]:
        """What training.json says of it: form, steps, batch, rate, seed, start, left_out, ..."""


class Run(Protocol):
    """How to train on a store; `medzip.training.network.NetworkRun` is one."""

    @property
    def device(self) -> str:
        """Either "cpu", "cuda", or "auto": a GPU where there is one."""

    @property
    def precision(self) -> str:
        """Either "float32"; "tf32": products of a GPU's tensor cores; "auto": "tf32" on a GPU."""

    @property
    def form(self) -> str:
        """Name of the form of samples that it learns from, if nobody names another."""

    @property
    def checkpoint_every(self) -> int:
        """Steps between two checkpoints."""

    def learner(self, store: SampleStore, device: str) -> StoreLearner:
        """What learns; raises SourceError where the store is of another form."""


@dataclass(frozen=True)
class TrainedModel:
    """What a training run gave.

    Attributes
    ----------
    folder
        The model directory, MODELS/<digest>.
    digest
        Of the model.
    bits, start_bits
        As `Judged` has them.
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

    @property
    def mean_bits(self) -> float:
        """Mean of the series' bits."""
        return sum(self.bits.values()) / len(self.bits)


def train(
    store: str | os.PathLike[str],
    models: str | os.PathLike[str],
    work: str | os.PathLike[str],
    run: Run,
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
        What to train, and how.
    progress
        Called with every point of the curves.

    Raises
    ------
    SourceError
        The store is missing, incomplete, or of another form than the run's.
    ModelError
        The weights cannot be proven exact, or the work folder holds a run of other settings.
    """
    opened = SampleStore.open(store)
    device = device_of(run.device)
    precision = precision_of(run.precision, device)
    with only_run(work) as folder, products(precision):
        learner = run.learner(opened, device)
        learned = learn(learner, folder, run.checkpoint_every, progress)
        judged = learner.judged()
        about = _about(opened, learner, learned, judged) | {
            "device": device,
            "precision": precision,
        }
        target = judged.write(Path(models), about, (folder / CURVES).read_bytes())
    return TrainedModel(
        target,
        target.name,
        judged.bits,
        judged.start_bits,
        learner.voxels,
        learned.seconds,
        learned.resumed,
    )


def work_folder(store: str | os.PathLike[str], run: Any) -> Path:
    """Where a run works if nobody says: in the store, named by all that decides the model."""
    return Path(store) / "runs" / digest_of([asdict(run) | {"checkpoint_every": 0}])[:12]


def _about(
    store: SampleStore, learner: StoreLearner, learned: Learned, judged: Judged
) -> dict[str, Any]:
    """What training.json says of every run; the card is made of it."""
    return learner.about() | {
        "voxels": learner.voxels,
        "seconds": round(learned.seconds),
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "per_volume": max(store.quotas.values()),
        "store": store.digest,
        "volumes": store.volumes_about(),
        "held_out_bits": {name: round(value, 4) for name, value in judged.bits.items()},
        "start_bits": {name: round(value, 4) for name, value in judged.start_bits.items()},
    }
