"""Arguments and options that several subcommands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "PROFILE_COSTS",
    "AllowEmpty",
    "ArchivePath",
    "Backend",
    "Batch",
    "CheckpointEvery",
    "Configuration",
    "Device",
    "Epochs",
    "Form",
    "Json",
    "LeaveOut",
    "Modality",
    "Models",
    "Pictures",
    "PicturesOf",
    "Precision",
    "Profile",
    "ProfileName",
    "Rate",
    "SampleSeed",
    "SourcesAndStore",
    "Start",
    "Steps",
    "TrainSeed",
    "Voxels",
    "Workers",
    "sources_and_last",
]


class ProfileName(StrEnum):
    """How much time compressing may take."""

    FAST = "fast"
    DEFAULT = "default"
    MAX = "max"


PROFILE_COSTS = (
    "Effort. What one core compresses in a second, and how much smaller than with JPEG XL e7 it "
    "gets (six scans of benchmarks/results/eval.json): fast 12 MB, 10.2 %; default 0.68 MB, "
    "13.8 %; max 0.035 MB, 14.4 %. It restores 13, 8.6 and 5.4 MB in a second."
)
"""Held to the measured results by tests/test_cli.py."""
Profile = Annotated[ProfileName, typer.Option(help=PROFILE_COSTS)]
ArchivePath = Annotated[Path, typer.Argument(help="Folder of the archive.", metavar="ARCHIVE")]
AllowEmpty = Annotated[
    bool,
    typer.Option(
        "--allow-empty", help="Archive a source without any file; most often it is not mounted."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
Pictures = Annotated[
    bool,
    typer.Option(
        "--pictures",
        help="Show image slices of CT, MR and PET series in the report: guard it as the images.",
    ),
]
PicturesOf = Annotated[
    list[str] | None,
    typer.Option(
        "--pictures-of",
        metavar="NAME",
        help="Show this object of any kind, by the first digits of its name; again for more.",
    ),
]
Models = Annotated[
    Path | None,
    typer.Option("--models", help="Registry of models to choose from, for each series."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes at work; as many as cores by default."),
]

# of what samples a cohort
SourcesAndStore = Annotated[
    list[Path],
    typer.Argument(
        help="DICOM, arrays, an index.json or archives, then the store.", metavar="SOURCE... STORE"
    ),
]
Voxels = Annotated[
    int, typer.Option(min=1000, help="Voxels in all, equally by scanner and kernel.")
]
Form = Annotated[
    str,
    typer.Option(help="Whose inputs to keep: fast, default, wide; or a shape of the papers."),
]
Modality = Annotated[str, typer.Option(help="CT or MR: those alone.")]
SampleSeed = Annotated[int, typer.Option("--seed", help="Of every choice.")]

# of what trains; None: as the run has it, which says what does not belong to its kind
Steps = Annotated[int | None, typer.Option(min=1, help="Gradient steps. [10000]")]
Batch = Annotated[int | None, typer.Option(min=16, help="Voxels a step. [4096]")]
Rate = Annotated[float | None, typer.Option(min=0.0, help="Peak learning rate. [0.004]")]
TrainSeed = Annotated[int, typer.Option("--seed", help="Of weights and order, and of samples.")]
Start = Annotated[str | None, typer.Option(help="Shipped model or model directory to go on from.")]
LeaveOut = Annotated[
    list[str] | None,
    typer.Option(metavar="SERIES", help="Judge by it, do not learn from it; again for more."),
]
Configuration = Annotated[
    str | None, typer.Option(help="Train this predictor of the papers instead of a network.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Of such a predictor.")]
Backend = Annotated[
    str | None,
    typer.Option(help="Of such a predictor: order0 as published, or [conditional]."),
]
Device = Annotated[str, typer.Option(help="cpu, cuda or auto.")]
Precision = Annotated[str | None, typer.Option(help="Of a network: float32, tf32 or [auto].")]
CheckpointEvery = Annotated[int, typer.Option(min=1, help="Steps.")]


def sources_and_last(paths: list[Path], last: str) -> tuple[list[Path], Path]:
    """Split `SOURCE... LAST`; one path alone is a usage error."""
    if len(paths) < 2:
        raise typer.BadParameter(f"expected SOURCE... and {last}, got one path; give both")
    return paths[:-1], paths[-1]
