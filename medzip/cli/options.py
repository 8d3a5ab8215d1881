"""Arguments and options that several subcommands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["ArchivePath", "Json", "Models", "ProfileName", "Workers", "sources_and_last"]


class ProfileName(StrEnum):
    """How much time compressing may take."""

    FAST = "fast"
    DEFAULT = "default"
    MAX = "max"


ArchivePath = Annotated[Path, typer.Argument(help="Folder of the archive.", metavar="ARCHIVE")]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
Models = Annotated[
    Path | None,
    typer.Option("--models", help="Registry of models to choose from, for each series."),
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes at work; as many as cores by default."),
]


def sources_and_last(paths: list[Path], last: str) -> tuple[list[Path], Path]:
    """Split `SOURCE... LAST`; one path alone is a usage error."""
    if len(paths) < 2:
        raise typer.BadParameter(f"expected SOURCE... and {last}, got one path; give both")
    return paths[:-1], paths[-1]
