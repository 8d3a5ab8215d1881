"""The last part of a run: figures of other codecs, then the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip_tasks.batches import label
from medzip_tasks.policy import StepFailedError
from medzip_tasks.report import compare_series, comparisons, write_report
from prefect import get_run_logger
from prefect.runtime import flow_run

from medzip.archive import Failure
from medzip.report.showing import NOTHING

if TYPE_CHECKING:
    from datetime import datetime

    from medzip.archive import Summary
    from medzip.bench.archived import Beside
    from medzip.report import GainRecord
    from medzip.report.showing import Wanted
    from medzip_flows.workers import Workers

__all__ = ["COMPARED", "report_run"]

COMPARED = 24
"""Objects measured beside other codecs, unless told otherwise; seconds each."""


def report_run(
    workers: Workers,
    summary: Summary,
    folder: str,
    started: datetime,
    compare: int,
    gains: tuple[GainRecord, ...] = (),
    wanted: Wanted = NOTHING,
) -> str:
    """Write the rows of this run and the page; returns the path of the page.

    Figures of other codecs are an extra: an object for which they cannot be had is left without.

    Raises
    ------
    StepFailedError
        If rows or page cannot be written.
    """
    futures = [
        workers.begin(compare_series, label=label([item.name for item in lot]), items=lot)
        for lot in comparisons(summary, compare, wanted)
    ]
    compared: list[Beside] = []
    for future in futures:
        try:
            outcomes = future.result()
        except Exception as error:
            kind = (
                error.failure.kind if isinstance(error, StepFailedError) else type(error).__name__
            )
            get_run_logger().warning("no figures of other codecs for some objects: %s", kind)
            continue
        compared += [outcome for outcome in outcomes if not isinstance(outcome, Failure)]
    page: str = workers.run(
        write_report,
        summary=summary,
        folder=folder,
        run_id=str(flow_run.id),
        started=started,
        compared=tuple(compared),
        gains=gains,
        wanted=wanted,
    )
    return page
