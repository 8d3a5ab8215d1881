"""`medzip train`: a model from a folder of volumes, or from a store of samples of them.

The shipped models were trained with (see their MODEL_CARD.md for data and figures):

    medzip train CORPUS medzip/models/default --form default

With ``--checkpoint`` the samples and the state of the run are kept in a folder, a killed run goes
on with ``--resume``, and the model goes to DESTINATION/<digest>. A sample store in place of the
corpus is trained on as it is.
"""

from __future__ import annotations

import json
import logging
import platform
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from medzip.fitting.optimise import Recipe

__all__ = ["train"]


def train(
    corpus: Annotated[
        Path,
        typer.Argument(help="DICOM, .npy arrays, an index.json, an archive, or a sample store."),
    ],
    destination: Annotated[
        Path, typer.Argument(help="Folder of the model; of models with --checkpoint or a store.")
    ],
    form: Annotated[
        str, typer.Option(help="fast, default or wide: the network's form.")
    ] = "default",
    steps: Annotated[int, typer.Option(min=1, help="Gradient steps.")] = 10_000,
    batch: Annotated[int, typer.Option(min=16, help="Voxels a step.")] = 4096,
    rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate.")] = 4e-3,
    per_volume: Annotated[int, typer.Option(min=1000, help="Voxels drawn a volume.")] = 250_000,
    start: Annotated[
        Path | None,
        typer.Option(help="Model folder (or shipped name, with a store) to go on from."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Of weights and sample.")] = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Folder of samples and checkpoints; kept.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in that folder.")
    ] = False,
    voxels: Annotated[
        int, typer.Option(min=1000, help="Voxels of the store, equally by scanner and kernel.")
    ] = 1_000_000,
) -> None:
    """Train a model: config.json, model.safetensors, training.json, MODEL_CARD.md."""
    import torch

    from medzip.codec.model import network_digest, read_network, write_network
    from medzip.fitting.optimise import Recipe
    from medzip.models.card import model_card
    from medzip.training.base import BaseRun, train_base
    from medzip.training.inputs import ARCHITECTURES
    from medzip.volumes.sources import find_volumes

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if form not in ARCHITECTURES:
        raise typer.BadParameter(f"expected one of {', '.join(ARCHITECTURES)}, got {form}")
    torch.set_num_threads(threads)
    if checkpoint is not None or (corpus / "store.json").is_file():
        work = corpus / "runs" / "command" if checkpoint is None else checkpoint
        recipe = Recipe(steps, batch, rate=rate, seed=seed)
        _train_on_store(corpus, destination, work, resume, form, voxels, recipe, start, device)
        return
    if resume:
        raise typer.BadParameter("expected --checkpoint with --resume, got none; name the folder")
    volumes = find_volumes(corpus)
    first = None if start is None else read_network(start)
    with _bar() as bar:
        task = bar.add_task("train", total=steps, loss=0.0)
        trained = train_base(
            ((volume.name, volume.load()) for volume in volumes),
            ARCHITECTURES[form],
            BaseRun(per_volume, Recipe(steps, batch, rate=rate, seed=seed), device, seed),
            start=first,
            progress=lambda step, loss: bar.update(task, completed=step, loss=loss),
        )
    destination.mkdir(parents=True, exist_ok=True)
    for name, data in write_network(trained.network).items():
        (destination / name).write_bytes(data)
    about = {
        "form": form,
        "steps": steps,
        "batch": batch,
        "rate": rate,
        "per_volume": per_volume,
        "seed": seed,
        "start": None if first is None else network_digest(first),
        "voxels": trained.voxels,
        "seconds": round(trained.seconds),
        "device": device,
        "threads": threads,
        "machine": platform.machine(),
        "torch": torch.__version__,
        "volumes": [dict(volume.about) | {"name": volume.name} for volume in volumes],
        "held_out_bits": {name: round(value, 4) for name, value in sorted(trained.bits.items())},
    }
    text = json.dumps(about, indent=1, sort_keys=True)
    (destination / "training.json").write_text(text + "\n")
    form_of = trained.network.architecture
    card = model_card(
        about,
        network_digest(trained.network),
        len(form_of.neighbourhood),
        " x ".join(map(str, form_of.hidden)),
    )
    (destination / "MODEL_CARD.md").write_text(card)
    mean = sum(trained.bits.values()) / len(trained.bits)
    Console().print(f"{mean:.4f} bits a voxel outside flat contexts, mean of {len(trained.bits)}")


def _train_on_store(
    corpus: Path,
    models: Path,
    work: Path,
    resume: bool,
    form: str,
    voxels: int,
    recipe: Recipe,
    start: Path | None,
    device: str,
) -> None:
    """Sample the corpus if it is not a store, then train on the store, or go on."""
    from medzip.training.forms import form_named
    from medzip.training.run import CHECKPOINT, TrainingRun, train_on_store
    from medzip.training.sampling import sample_cohort
    from medzip.volumes import find_cohort

    if (work / CHECKPOINT).exists() and not resume:
        raise typer.BadParameter(
            f"expected no checkpoint in {work}, got one; --resume goes on from it, another "
            "--checkpoint begins anew"
        )
    console = Console(stderr=True)
    store = corpus
    if not (corpus / "store.json").is_file():
        store = work / "samples"
        sample_cohort(
            find_cohort(corpus),
            store,
            form_named(form),
            voxels,
            recipe.seed,
            lambda one: console.print(f"{one.about.name}: {one.rows} samples", highlight=False),
        )
    run = TrainingRun(recipe, start=None if start is None else str(start), device=device)
    with _bar() as bar:
        task = bar.add_task("train", total=recipe.steps, loss=0.0)
        trained = train_on_store(
            store,
            models,
            work,
            run,
            progress=lambda point: bar.update(task, completed=point.step, loss=point.loss),
        )
    mean = sum(trained.bits.values()) / len(trained.bits)
    Console().print(
        f"{mean:.4f} bits a voxel outside flat contexts, mean of {len(trained.bits)}: "
        f"{trained.folder}",
        soft_wrap=True,
        highlight=False,
    )


def _bar() -> Progress:
    columns = (
        TextColumn("step {task.completed} of {task.total}"),
        BarColumn(),
        TextColumn("{task.fields[loss]:.4f} bits"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=Console(stderr=True))
