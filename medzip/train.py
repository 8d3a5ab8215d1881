"""`medzip train`: a base model from a folder of volumes.

The shipped models were trained with (see their MODEL_CARD.md for data and figures):

    medzip train CORPUS medzip/models/default --form default
"""

from __future__ import annotations

import json
import logging
import platform
from pathlib import Path  # noqa: TC003 - typer reads the annotations
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["train"]


def train(
    corpus: Annotated[Path, typer.Argument(help="DICOM files, .npy arrays, or an index.json.")],
    destination: Annotated[Path, typer.Argument(help="Folder of the model, made if absent.")],
    form: Annotated[
        str, typer.Option(help="fast, default or wide: the network's form.")
    ] = "default",
    steps: Annotated[int, typer.Option(min=1, help="Gradient steps.")] = 10_000,
    batch: Annotated[int, typer.Option(min=16, help="Voxels a step.")] = 4096,
    rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate.")] = 4e-3,
    per_volume: Annotated[int, typer.Option(min=1000, help="Voxels drawn a volume.")] = 250_000,
    start: Annotated[Path | None, typer.Option(help="Model folder to go on from.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads.")] = 2,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Of weights and sample.")] = 0,
) -> None:
    """Train a base model: config.json, model.safetensors, training.json, MODEL_CARD.md."""
    import torch

    from medzip.codec.model import network_digest, read_network, write_network
    from medzip.evaluation.sources import find_volumes
    from medzip.training.base import ARCHITECTURES, BaseRun, train_base
    from medzip.training.card import model_card
    from medzip.training.optimise import Recipe

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    if form not in ARCHITECTURES:
        raise typer.BadParameter(f"expected one of {', '.join(ARCHITECTURES)}, got {form}")
    torch.set_num_threads(threads)
    volumes = find_volumes(corpus)
    first = None if start is None else read_network(start)
    console = Console(stderr=True)
    columns = (
        TextColumn("step {task.completed} of {task.total}"),
        BarColumn(),
        TextColumn("{task.fields[loss]:.4f} bits"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
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
