"""`medzip verify` and `medzip inspect`: what an archive holds, and whether it is whole."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from medzip.cli.console import (
    end,
    progress,
    public_failures,
    public_lost,
    ratio,
    show_files,
    show_json,
    show_line,
    show_objects,
    sizes,
)
from medzip.cli.options import ArchivePath, Json, Workers

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.archive import Failure

__all__ = ["inspect", "verify"]


def verify(archive: ArchivePath, workers: Workers = None, as_json: Json = False) -> None:
    """Check every byte of ARCHIVE, decode everything, compare every SHA-256."""
    from medzip import archive as archives
    from medzip.cores import cores

    with progress() as on_event:
        result = archives.verify(archive, workers or cores(), on_event)
    if as_json:
        show_json(
            {
                "ok": result.ok,
                "objects": result.objects,
                "files": result.files,
                "models": result.models,
                "unfinished": result.unfinished,
                "failures": public_failures(result.failures),
                "lost": public_lost(result.lost),
            }
        )
    else:
        models_too = f", {result.models} models" if result.models else ""
        show_line(f"{result.objects} objects, {result.files} files{models_too} match")
        if result.unfinished:
            show_line(f"{result.unfinished} unfinished objects: run compress again")
    end(result.failures, result.lost)


def inspect(
    archive: ArchivePath,
    files: Annotated[
        bool,
        typer.Option(
            "--files", help="Name every file, how it is stored, and why it is if it is kept whole."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """List the objects of ARCHIVE as it has them recorded; `verify` checks that they are whole.

    Series are shown by the name that reports use.
    """
    if files:
        _inspect_files(archive, as_json)
    else:
        _inspect_objects(archive, as_json)


def _inspect_files(archive: Path, as_json: bool) -> None:
    from medzip import archive as archives
    from medzip.archive.records import to_json

    failures: list[Failure] = []
    stored = sorted(archives.stored_files(archive, failures.append), key=lambda file: file.path)
    if as_json:
        show_json(
            {
                "archive": os.fspath(archive),
                "checked": False,
                "files": to_json(stored),
                "failures": public_failures(failures),
            }
        )
    else:
        show_files(stored)
    end(failures)


def _inspect_objects(archive: Path, as_json: bool) -> None:
    from medzip import archive as archives
    from medzip.archive.records import to_json

    failures: list[Failure] = []
    records = archives.inspect(archive, failures.append)
    if as_json:
        show_json(
            {
                "archive": os.fspath(archive),
                "checked": False,  # verdict "recorded": `medzip verify` checks
                "objects": to_json(records),
                "failures": public_failures(failures),
            }
        )
    else:
        show_objects(records)
        raw, encoded = sum(r.raw_bytes for r in records), sum(r.encoded_bytes for r in records)
        files = sum(r.files for r in records)
        show_line(f"{files} files, {sizes(raw, encoded)}{ratio(raw, encoded)}")
        show_line("recorded, not checked: `medzip verify` checks every byte")
    end(failures)
