"""`medzip restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medzip.archive.records import LEAST_DIGITS
from medzip.cli.console import end, progress, public_failures, public_lost, show_json, show_line
from medzip.cli.options import ArchivePath, Json, Workers
from medzip.units import size_text

__all__ = ["restore"]


def restore(
    archive: ArchivePath,
    dest: Annotated[Path, typer.Argument(help="Folder for the files.", metavar="DEST")],
    series: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help=f"SeriesInstanceUID, or name of the object as `inspect` and reports show it: its "
            f"first {LEAST_DIGITS} digits or more. Again for more of them.",
        ),
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write the original files below DEST, each checked against its SHA-256."""
    from medzip import archive as archives
    from medzip.cores import cores

    with progress() as on_event:
        result = archives.restore(archive, dest, series or (), workers or cores(), on_event)
    if as_json:
        show_json(
            {
                "files": result.files,
                "links": result.links,
                "raw_bytes": result.raw_bytes,
                "failures": public_failures(result.failures),
                "lost": public_lost(result.lost),
            }
        )
    else:
        show_line(f"{result.files} files, {result.links} links, {size_text(result.raw_bytes)}")
    end(result.failures, result.lost)
