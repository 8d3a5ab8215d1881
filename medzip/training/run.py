"""A training run on a sample store: killed at any moment, it goes on and ends in the same model.

    store -> portions of samples -> steps (checkpoints, curves) -> integers -> model directory

The work folder holds one checkpoint, replaced atomically, and the curves. A run that finds a
checkpoint of the same settings goes on from it; on one machine the model is that of an undisturbed
run, to the last bit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medzip.training.optimise import Recipe

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    from medzip.training.curves import Point

__all__ = ["TrainedModel", "TrainingRun", "train_on_store"]


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
    raise NotImplementedError
