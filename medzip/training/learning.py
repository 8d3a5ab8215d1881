"""The one loop of every training: steps, points of the curves, checkpoints; killed, it goes on.

A `Learner` knows how to take a step and what its state is; `learn` knows when. A learner that goes
on from a checkpoint ends where an undisturbed one would, to the last bit, on one machine with one
number of threads.
"""

from __future__ import annotations

import logging
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medzip.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from medzip.training.curves import Curves, Point

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import torch

__all__ = ["CHECKPOINT", "CURVES", "Learned", "Learner", "Look", "learn"]

log = logging.getLogger("medzip.training")

CHECKPOINT = "checkpoint.safetensors"
CURVES = "curves.jsonl"


@dataclass(frozen=True)
class Look:
    """Where a learner is.

    Attributes
    ----------
    loss
        Mean of the steps since the look before.
    rate
        Learning rate of the last step.
    bits
        Bits a voxel by series on held-out voxels; empty where it did not look at them.
    """

    loss: float
    rate: float
    bits: dict[str, float]


class Learner(ABC):
    """Weights, optimiser and place of a training, between two of its steps.

    Attributes
    ----------
    identity
        Digest of all that decides the model: a checkpoint of another one is not taken up.
    step, steps
        Steps taken, and of how many.
    voxels
        How many it learns from.
    """

    identity: str
    step: int
    steps: int
    voxels: int

    @abstractmethod
    def advance(self) -> None:
        """One step."""

    @abstractmethod
    def is_due(self) -> bool:
        """Whether the step that was taken last gives a point of the curves."""

    @abstractmethod
    def look(self) -> Look:
        """What that point shows; the mean of the losses begins anew."""

    @abstractmethod
    def tensors(self) -> dict[str, torch.Tensor]:
        """All tensors that it needs to go on."""

    @abstractmethod
    def notes(self) -> dict[str, Any]:
        """All plain numbers that it needs to go on, beside `step`."""

    @abstractmethod
    def restore(self, saved: Checkpoint) -> None:
        """The inverse of `tensors` and `notes`; sets `step`."""


@dataclass(frozen=True)
class Learned:
    """What a loop gave beside the learner's weights.

    Attributes
    ----------
    points
        The curves, those of killed runs included.
    seconds
        Of training, those of killed runs up to their last checkpoint included.
    resumed
        The step that this call went on from, 0 for a fresh one.
    """

    points: tuple[Point, ...]
    seconds: float
    resumed: int


def learn(
    learner: Learner,
    work: Path | None = None,
    every: int = 500,
    progress: Callable[[Point], None] | None = None,
) -> Learned:
    """All steps that a learner has left.

    Parameters
    ----------
    learner
        Ends trained.
    work
        Folder of the checkpoint and the curves; keep it to resume. None: neither is kept.
    every
        Steps between two checkpoints; there is one after the last step, too.
    progress
        Called with every point of the curves.

    Raises
    ------
    ModelError
        The checkpoint is damaged, or of another run.
    """
    saved = None if work is None else read_checkpoint(work / CHECKPOINT, learner.identity)
    before = 0.0
    if saved is not None:
        learner.restore(saved)
        before = saved.seconds
        log.info("going on after step %d of %d", learner.step, learner.steps)
    resumed = learner.step
    curves = Curves(None if work is None else work / CURVES, resumed)
    began = time.perf_counter()

    def seconds() -> float:
        return round(before + time.perf_counter() - began, 3)

    while learner.step < learner.steps:
        learner.advance()
        if learner.is_due():
            look = learner.look()
            point = Point(learner.step, learner.steps, look.loss, look.rate, seconds(), look.bits)
            curves.add(point)
            if progress is not None:
                progress(point)
        last = learner.step == learner.steps
        if work is not None and (last or learner.step % every == 0):
            state = Checkpoint(
                learner.identity, learner.step, seconds(), learner.tensors(), learner.notes()
            )
            write_checkpoint(work / CHECKPOINT, state)
    return Learned(tuple(curves.points), seconds(), resumed)
