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
        str, typer.Option(help="fast, default or wide: the network's form. Of a corpus only.")
    ] = "default",
    voxels: Annotated[
        int, typer.Option(min=1000, help="Voxels drawn of a corpus, equally by kind of scan.")
    ] = 1_000_000,
    steps: Annotated[int, typer.Option(min=1, help="Gradient steps.")] = 10_000,
    batch: Annotated[int, typer.Option(min=16, help="Voxels a step.")] = 4096,
    rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate.")] = 4e-3,
    seed: Annotated[int, typer.Option(help="Of weights and sample.")] = 0,
    start: Annotated[
        str | None, typer.Option(help="Shipped model or model directory to go on from.")
    ] = None,
    leave_out: Annotated[
        list[str] | None, typer.Option(help="Series to judge by and not learn from (repeatable).")
    ] = None,
    configuration: Annotated[
        str | None,
        typer.Option(help="Train this predictor of the papers instead of a network."),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Of such a predictor, instead of its steps.")
    ] = None,
    backend: Annotated[
        str, typer.Option(help="Of such a predictor: conditional, or order0 as published.")
    ] = "conditional",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, float32 or tf32.")] = "auto",
    checkpoint_every: Annotated[int, typer.Option(min=1, help="Steps.")] = 500,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
) -> None:
    """Train a model: config.json, model.safetensors, training.json, MODEL_CARD.md."""
    import torch

    from medzip.training.learning import CHECKPOINT
    from medzip.training.network import NetworkRun

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if (work / CHECKPOINT).exists() and not resume:
        raise typer.BadParameter(
            f"expected no checkpoint in {work}, got one; --resume goes on from it, another "
            "--work begins anew"
        )
    torch.set_num_threads(threads)
    run: Run
    if configuration is None:
        run = NetworkRun(
            steps,
            batch,
            rate,
            seed,
            start,
            tuple(leave_out or ()),
            device,
            precision,
            checkpoint_every,
        )
    else:
        from medzip.papers.training.run import PredictorRun

        run = PredictorRun(configuration, epochs, seed, backend, device, checkpoint_every)
    store = source if (source / "store.json").is_file() else work / "samples"
    if store != source:
        _sample(source, store, form, voxels, seed)
    _train(store, models, work, run)


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
