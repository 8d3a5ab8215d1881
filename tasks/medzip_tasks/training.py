"""Tasks of a training: the run itself, which shows itself while it runs, and what follows it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from medzip.models import Registry
from medzip.report import render_sampling, render_training
from medzip.training.run import train
from medzip_tasks.policy import StepFailedError
from medzip_tasks.step import step

if TYPE_CHECKING:
    from medzip.training.curves import Point
    from medzip.training.run import Run, TrainedModel

__all__ = ["publish_model", "train_model", "write_sampling_page", "write_training_page"]

SECONDS_BETWEEN_UPDATES = 2.0


@step("train-{label}", hours=14 * 24)
def train_model(label: str, store: str, models: str, work: str, run: Run) -> TrainedModel:
    """Train on a store; a worker that died is followed by one that goes on from the checkpoint.

    Never cached: a run that is done finds its last checkpoint, and takes seconds.
    """
    show = _Shown()
    try:
        trained = train(store, models, work, run, show.point)
    except Exception as error:
        raise StepFailedError.of("model", "train", error) from None
    show.done()
    return trained


@step("publish-model", hours=1)
def publish_model(folder: str, registry: str) -> str:
    """Publish a model directory in a registry; returns its digest."""
    try:
        return Registry(Path(registry)).publish(Path(folder)).digest
    except Exception as error:
        raise StepFailedError.of("model", "publish", error) from None


@step("page-samples", hours=1)
def write_sampling_page(store: str, out: str) -> str:
    """Render the page of a sample store; returns its path."""
    try:
        return str(render_sampling(store, out))
    except Exception as error:
        raise StepFailedError.of("report", "report", error) from None


@step("page-training", hours=1)
def write_training_page(folder: str, out: str) -> str:
    """Render the page of a model directory; returns its path."""
    try:
        return str(render_training(folder, out))
    except Exception as error:
        raise StepFailedError.of("report", "report", error) from None


class _Shown:
    """Points of the curves, in the log and as a progress artifact."""

    def __init__(self) -> None:
        self._log = get_run_logger()
        self._updated = time.monotonic()
        self._artifact = create_progress_artifact(
            progress=0.0, key="medzip-training-progress", description="steps of the training"
        )

    def point(self, point: Point) -> None:
        """Show a point, not more often than a person can follow."""
        held = "" if point.mean_bits is None else f", held out {point.mean_bits:.4f}"
        self._log.info("step %d of %d: loss %.4f%s", point.step, point.steps, point.loss, held)
        if time.monotonic() - self._updated >= SECONDS_BETWEEN_UPDATES:
            self._updated = time.monotonic()
            update_progress_artifact(self._artifact, progress=100.0 * point.step / point.steps)

    def done(self) -> None:
        """The training is complete, were it by an earlier run."""
        update_progress_artifact(self._artifact, progress=100.0)
