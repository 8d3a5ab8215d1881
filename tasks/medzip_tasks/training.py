"""Tasks of a training: the run itself, which shows itself while it runs, and what follows it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from medzip.models import Registry
from medzip.report import render_sampling, render_training
from medzip.training.run import train
from medzip_tasks.policy import StepFailedError
from medzip_tasks.progress import Progress
from medzip_tasks.step import step

if TYPE_CHECKING:
    from medzip.training.curves import Point
    from medzip.training.run import Run, TrainedModel

__all__ = ["publish_model", "train_model", "write_sampling_page", "write_training_page"]


@step("train-{label}", hours=14 * 24)
def train_model(label: str, store: str, models: str, work: str, run: Run) -> TrainedModel:
    """Train on a store; a worker that died is followed by one that goes on from the checkpoint.

    Never cached: a run that is done finds its last checkpoint, and takes seconds.
    """

    def show(point: Point) -> None:
        held = "" if point.mean_bits is None else f", held out {point.mean_bits:.4f}"
        progress.reach(point.step, f"loss {point.loss:.4f}{held}", total=point.steps)

    try:
        with Progress("medzip-training-progress", "steps") as progress:
            return train(store, models, work, run, show)
    except Exception as error:
        raise StepFailedError.of("model", "train", error) from None


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
