"""The last part of a run: figures of other codecs, then the report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip_tasks.batches import label
from medzip_tasks.policy import StepFailedError
from medzip_tasks.report import Comparison, compare_series, write_report
from prefect import get_run_logger
from prefect.runtime import flow_run

from medzip.archive import Failure
from medzip.bench.archived import Beside, comparable, pictured

if TYPE_CHECKING:
    from datetime import datetime

    from prefect_dask import DaskTaskRunner

    from medzip.archive import Summary
    from medzip.report import GainRecord

__all__ = ["COMPARED", "report_run"]

COMPARED = 24
"""Objects measured beside other codecs, unless told otherwise; seconds each."""
LOT_VOXELS = 2**20
"""Voxels of objects that share a task."""


def report_run(
    runner: DaskTaskRunner,
    summary: Summary,
    folder: str,
    started: datetime,
    compare: int,
    gains: tuple[GainRecord, ...] = (),
) -> str:
    """Write the rows of this run and the page; returns the path of the page.

    Figures of other codecs are an extra: an object for which they cannot be had is left without.

    Raises
    ------
    StepFailedError
        If rows or page cannot be written.
    """
    futures = [
        runner.submit(compare_series, {"label": label([i.name for i in lot]), "items": lot})
        for lot in _lots(summary, compare)
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
    parameters = {
        "summary": summary,
        "folder": folder,
        "run_id": str(flow_run.id),
        "started": started,
        "compared": tuple(compared),
        "gains": gains,
    }
    page: str = runner.submit(write_report, parameters).result()
    return page


def _lots(summary: Summary, compare: int) -> list[tuple[Comparison, ...]]:
    """Group the largest objects with voxels, so that small ones share a task."""
    drawn = pictured(summary.objects)
    largest = sorted(comparable(summary.objects), key=lambda record: (-record.voxels, record.key))
    lots: list[tuple[Comparison, ...]] = []
    lot: list[Comparison] = []
    voxels = 0
    for record in largest[:compare]:
        lot.append(Comparison(summary.archive, record.key, record.name, record.key in drawn))
        voxels += record.voxels
        if voxels >= LOT_VOXELS:
            lots.append(tuple(lot))
            lot, voxels = [], 0
    return [*lots, tuple(lot)] if lot else lots
