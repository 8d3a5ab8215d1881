"""Tasks of the report: rows into the Parquet dataset, the page for people."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from medzip.report import render_report, rows_from, write_report_rows
from tasks.policy import IO_RETRIES, StepFailedError

if TYPE_CHECKING:
    from datetime import datetime

    from medzip.archive import Summary

__all__ = ["write_report"]

HOUR = 3600.0


@task(
    task_run_name="report",
    tags=["medzip", "report"],
    timeout_seconds=1 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def write_report(summary: Summary, folder: str, run_id: str, started: datetime) -> str:
    """Add the rows of this run to the dataset FOLDER/rows and render FOLDER/report.html.

    Returns
    -------
    str
        Path of the page.
    """
    try:
        rows = rows_from(summary, run_id=run_id, started=started)
        dataset = Path(folder) / "rows"
        write_report_rows(dataset, rows)
        return str(render_report(dataset, Path(folder) / "report.html", run_id=run_id))
    except Exception as error:
        raise StepFailedError.of("report", "report", error) from None
