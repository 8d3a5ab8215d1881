"""`medzip report`: a page for people from what lies in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medzip.cli.console import end, show_line
from medzip.errors import SourceError

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
) -> None:
    """Write the page of a report, an archive, a sample store or a trained model."""
    from medzip.archive.refusing import check_outside
    from medzip.report import render_report, render_sampling, render_training

    page = out or folder.with_name(f"{folder.absolute().name}.html")
    check_outside(page)
    if (folder / "medzip.json").is_file():
        _report_archive(folder, page)
    elif (folder / "store.json").is_file():
        render_sampling(folder, page)
    elif (folder / "training.json").is_file():
        render_training(folder, page)
    elif (rows := folder / "rows").is_dir():
        page = render_report(rows, out or folder / "report.html", run_id=run)
    elif (folder / "runs").is_dir():
        page = render_report(folder, page, run_id=run)
    else:
        raise SourceError(
            f"expected a report, an archive, a sample store or a model directory in {folder}, got "
            "none of them; name the folder that a run wrote"
        )
    show_line(str(page))


def _report_archive(folder: Path, page: Path) -> None:
    """Write the page of all objects as they are; what cannot be read ends with exit code 1."""
    from medzip.archive import Failure, Summary, inspect
    from medzip.atomic import write_atomic
    from medzip.report import rows_from
    from medzip.report.html import page as page_of

    failures: list[Failure] = []
    records = inspect(folder, failures.append)
    profiles = sorted({record.profile for record in records})
    summary = Summary(str(folder), ", ".join(profiles), tuple(records), tuple(failures), 0.0)
    page.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(page, page_of(rows_from(summary, run_id="archive")).encode())
    end(failures)
