"""`medzip recompress`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medzip.cli.console import end, progress, public_failures, show_json, show_line, sizes
from medzip.cli.options import PROFILE_COSTS, ArchivePath, Json, ProfileName, Workers
from medzip.units import size_text

if TYPE_CHECKING:
    from medzip.archive import RecompressSummary

__all__ = ["public_gains", "recompress"]


def recompress(
    archive: ArchivePath,
    models: Annotated[
        Path | None,
        typer.Option("--models", help="Registry of models, beside those of the archive."),
    ] = None,
    profile: Annotated[
        ProfileName | None, typer.Option(help=f"{PROFILE_COSTS} That of each object by default.")
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Code ARCHIVE anew with registered models where it gets smaller; never larger."""
    from medzip import archive as archives
    from medzip.cores import cores

    with progress() as on_event:
        result = archives.recompress(
            archive, models, profile.value if profile else None, workers or cores(), on_event
        )
    if as_json:
        show_json(public_gains(result))
    else:
        for one in result.objects:
            show_line(f"{one.name}: {one.outcome.value}, {one.reason}")
        show_line(
            f"{result.replaced} of {len(result.objects)} objects replaced, "
            f"{sizes(result.before_bytes, result.after_bytes)} "
            f"({size_text(result.model_bytes)} of models) "
            f"in {result.seconds:.1f} s"
        )
    end(result.failures)


def public_gains(summary: RecompressSummary) -> dict[str, Any]:
    """What a recompression gained, without texts of failures, which may hold paths."""
    return {
        "objects": [
            {
                "name": one.name,
                "outcome": one.outcome.value,
                "reason": one.reason,
                "before_bytes": one.before_bytes,
                "after_bytes": one.after_bytes,
            }
            for one in summary.objects
        ],
        "model_bytes": summary.model_bytes,
        "before_bytes": summary.before_bytes,
        "after_bytes": summary.after_bytes,
        "seconds": summary.seconds,
        "failures": public_failures(summary.failures),
    }
