"""`medzip train`: a model from a cohort of volumes, or from a store of samples of them.

    medzip train CORPUS MODELS --work FOLDER --form default
    medzip train STORE MODELS --work FOLDER [--resume]

A corpus is sampled into FOLDER/samples first. A killed run goes on with ``--resume``. The model
goes to MODELS/<digest>, with a card that says what it learned from.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from medzip.cli.options import (
    Backend,
    Batch,
    CheckpointEvery,
    Configuration,
    Device,
    Epochs,
    LeaveOut,
    Precision,
    Rate,
    Start,
    Steps,
    TrainSeed,
)

if TYPE_CHECKING:
    from medzip.training.run import Run

__all__ = ["train"]


def train(
    source: Annotated[
        Path,
        typer.Argument(help="DICOM, .npy arrays, an index.json, an archive, or a sample store."),
    ],
    models: Annotated[Path, typer.Argument(help="Folder that gets the model directory.")],
    work: Annotated[Path, typer.Option(help="Folder of samples, checkpoint and curves; kept.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in that folder.")
    ] = False,
    form: Annotated[
        str | None,
        typer.Option(help="Form of samples of a corpus: fast, default or wide. [default: default]"),
    ] = None,
    voxels: Annotated[
        int | None,
        typer.Option(min=1000, help="Voxels drawn of a corpus, by kind of scan. [1000000]"),
    ] = None,
    steps: Steps = None,
    batch: Batch = None,
    rate: Rate = None,
    seed: TrainSeed = 0,
    start: Start = None,
    leave_out: LeaveOut = None,
    configuration: Configuration = None,
    epochs: Epochs = None,
    backend: Backend = None,
    device: Device = "auto",
    precision: Precision = None,
    checkpoint_every: CheckpointEvery = 500,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Train a model: config.json, model.safetensors, training.json, MODEL_CARD.md.

    Many parameters: each is an option of the command line.
    """
    import torch

    from medzip.archive.refusing import check_outside
    from medzip.training.kinds import run_of
    from medzip.training.learning import CHECKPOINT

    check_outside(work)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if (work / CHECKPOINT).exists() and not resume:
        raise typer.BadParameter(
            f"expected no checkpoint in {work}, got one; --resume goes on from it, another "
            "--work begins anew"
        )
    torch.set_num_threads(threads)
    run = run_of(
        {
            "steps": steps,
            "batch": batch,
            "rate": rate,
            "seed": seed,
            "start": start,
            "leave_out": tuple(leave_out) if leave_out else None,
            "configuration": configuration,
            "epochs": epochs,
            "backend": backend,
            "device": device,
            "precision": precision,
            "checkpoint_every": checkpoint_every,
        }
    )
    if (source / "store.json").is_file():
        if form is not None or voxels is not None:
            raise typer.BadParameter(
                f"expected no --form and --voxels with {source}, got some; a sample store has its "
                "own"
            )
        _train(source, models, work, run)
    else:
        _sample(source, work / "samples", form or run.form, voxels or 1_000_000, seed)
        _train(work / "samples", models, work, run)


def _sample(corpus: Path, store: Path, form: str, voxels: int, seed: int) -> None:
    """Sample a corpus, or what is missing of it."""
    from medzip.training.cohort import find_cohort
    from medzip.training.forms import form_named
    from medzip.training.sampling import sample_cohort

    console = Console(stderr=True)
    sample_cohort(
        find_cohort(corpus),
        store,
        form_named(form),
        voxels,
        seed,
        lambda one: console.print(f"{one.about.name}: {one.rows} samples", highlight=False),
    )


def _train(store: Path, models: Path, work: Path, run: Run) -> None:
    """Train on the store, shown as a bar."""
    from medzip.training.run import train as train_on

    with _bar() as bar:
        task = bar.add_task("train", total=None, loss=0.0)
        trained = train_on(
            store,
            models,
            work,
            run,
            lambda point: bar.update(
                task, total=point.steps, completed=point.step, loss=point.loss
            ),
        )
    Console().print(
        f"{trained.mean_bits:.4f} bits a voxel held out, mean of {len(trained.bits)}: "
        f"{trained.folder}",
        soft_wrap=True,
        highlight=False,
    )


def _bar() -> Progress:
    columns = (
        TextColumn("step {task.completed} of {task.total}"),
        BarColumn(),
        TextColumn("loss {task.fields[loss]:.4f}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))
