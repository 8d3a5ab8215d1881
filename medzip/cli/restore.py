"""`medzip restore`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medzip.cli.console import end, progress, public_failures, show_json, show_line
from medzip.cli.options import ArchivePath, Json, Workers

__all__ = ["restore"]


def restore(
    archive: ArchivePath,
    dest: Annotated[Path, typer.Argument(help="Folder for the files.", metavar="DEST")],
    series: Annotated[
        list[str] | None,
        typer.Option(help="SeriesInstanceUID or name in reports; again for more."),
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Write the original files below DEST, each checked against its SHA-256."""
    from medzip import archive as archives
    from medzip.cores import cores

    if more and not series:
        raise typer.BadParameter(f"expected ARCHIVE and DEST, got {more[0]!r} too; name one DEST")
    wanted = [*(series or ()), *(more or ())]  # --series A B, and --series A --series B
    with progress() as on_event:
        result = archives.restore(archive, dest, wanted, workers or cores(), on_event)
    if as_json:
        show_json(
            {
                "files": result.files,
                "links": result.links,
                "raw_bytes": result.raw_bytes,
                "failures": public_failures(result.failures),
            }
        )
    else:
        show_line(f"{result.files} files, {result.links} links, {result.raw_bytes} bytes")
    end(result.failures)
