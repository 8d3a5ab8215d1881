"""`medzip compress`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medzip.cli.console import (
    end,
    progress,
    ratio,
    show_json,
    show_line,
    show_note,
    show_objects,
    sizes,
)
from medzip.cli.options import (
    AllowEmpty,
    Json,
    Models,
    Profile,
    ProfileName,
    Workers,
    sources_and_last,
)

__all__ = ["compress"]


def compress(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Folders or files, then the archive.", metavar="SOURCE... ARCHIVE"),
    ],
    profile: Profile = ProfileName.DEFAULT,
    workers: Workers = None,
    models: Models = None,
    allow_empty: AllowEmpty = False,
    as_json: Json = False,
) -> None:
    """Compress everything under SOURCE... into ARCHIVE; nothing counts before it is proven."""
    from medzip import archive as archives

    sources, archive = sources_and_last(paths, "ARCHIVE")
    with progress() as on_event:
        summary = archives.compress(
            sources, archive, profile.value, workers, on_event, models, allow_empty
        )
    if as_json:
        show_json(summary.public())
    else:
        show_objects(summary.objects)
        show_line(
            f"{summary.files} files, {sizes(summary.raw_bytes, summary.encoded_bytes)}"
            f"{ratio(summary.raw_bytes, summary.encoded_bytes)} in {summary.seconds:.1f} s"
        )
        for reason, count in summary.kept_whole.items():
            show_line(f"kept whole: {count} ({reason})")
        if "encoder-changed" in summary.kept_whole:
            _show_encoders()
        for record in summary.objects:
            for trial in record.trials:
                if trial.chosen:
                    show_line(f"{record.name}: {trial.name}, {trial.reason}")
    end(summary.failures)


def _show_encoders() -> None:
    """Name the encoders that are not those of the archives, and what to install."""
    from medzip.dicom.pinned import PINNED, encoder_fault

    for fault in filter(None, map(encoder_fault, PINNED)):
        show_note(fault)
