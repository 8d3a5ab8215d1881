"""`medzip report`: a page for people from what lies in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medzip.cli.console import end, show_line, show_note
from medzip.cli.options import Pictures, PicturesOf
from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.archive import Summary
    from medzip.report import PictureRecord, Wanted

__all__ = ["report"]


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            help="Report (or its rows), archive, sample store or model directory.",
            metavar="FOLDER",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Page to write; beside FOLDER if not given.")
    ] = None,
    run: Annotated[
        str | None, typer.Option(help="Run of a report; the newest if not given.")
    ] = None,
    pictures: Pictures = False,
    pictures_of: PicturesOf = None,
) -> None:
    """Write the page of a report, an archive, a sample store or a trained model."""
    from medzip.archive.refusing import check_outside
    from medzip.report import Wanted, render_report, render_sampling, render_training

    wanted = Wanted(pictures, tuple(pictures_of or ()))
    page = out or folder.with_name(f"{folder.absolute().name}.html")
    check_outside(page)
    if (folder / "medzip.json").is_file():
        _report_archive(folder, page, wanted)
    elif (folder / "store.json").is_file():
        render_sampling(folder, page)
    elif (folder / "training.json").is_file():
        render_training(folder, page)
    elif (rows := folder / "rows").is_dir():
        page = render_report(rows, out or folder / "report.html", run_id=run, wanted=wanted)
    elif (folder / "runs").is_dir():
        page = render_report(folder, page, run_id=run, wanted=wanted)
    else:
        raise SourceError(
            f"expected a report, an archive, a sample store or a model directory in {folder}, got "
            "none of them; name the folder that a run wrote"
        )
    show_line(str(page))


def _report_archive(folder: Path, page: Path, wanted: Wanted) -> None:
    """Write the page of all objects as they are; what cannot be read ends with exit code 1."""
    from medzip.archive import Failure, Summary, inspect
    from medzip.atomic import write_atomic
    from medzip.report import rows_from
    from medzip.report.html import page as page_of

    failures: list[Failure] = []
    records = inspect(folder, failures.append)
    profiles = sorted({record.profile for record in records})
    summary = Summary(str(folder), ", ".join(profiles), tuple(records), tuple(failures), 0.0)
    rows = rows_from(summary, run_id="archive", pictures=_drawn(summary, wanted))
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(page, page_of(rows).encode())
    end(failures)


def _drawn(summary: Summary, wanted: Wanted) -> Iterator[PictureRecord]:
    """Draw what is asked for; say of what it is not drawn."""
    if not wanted:
        return
    from medzip.archive.records import NAME_DIGITS
    from medzip.bench.archived import beside, pictured
    from medzip.report.showing import WITHHELD

    for key in sorted(pictured(summary.objects, wanted)):
        found = beside(summary.archive, key, (), wanted=wanted)
        if found.picture:
            yield found.picture
        else:
            show_note(f"{key[:NAME_DIGITS]}: no picture: {WITHHELD[found.withheld]}")
