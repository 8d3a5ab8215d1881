"""Tasks of the report: figures of other codecs, rows into the dataset, the page for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.bench.archived import Beside, beside, comparable, pictured
from medzip.report import render_report, rows_from, write_report_rows
from medzip_tasks.policy import StepFailedError, run_each
from medzip_tasks.step import step

if TYPE_CHECKING:
    from datetime import datetime

    from medzip.archive import Failure, Summary
    from medzip.report import GainRecord

__all__ = ["Comparison", "compare_series", "comparisons", "write_report"]

LOT_VOXELS = 2**20
"""Voxels of objects that share a task."""


@dataclass(frozen=True)
class Comparison:
    """One committed object to measure other codecs on, and whether to draw it."""

    archive: str
    key: str
    name: str
    picture: bool


def comparisons(summary: Summary, most: int) -> list[tuple[Comparison, ...]]:
    """Group the largest objects with voxels, so many at most, so that small ones share a task."""
    drawn = pictured(summary.objects)
    largest = sorted(comparable(summary.objects), key=lambda record: (-record.voxels, record.key))
    lots: list[tuple[Comparison, ...]] = []
    lot: list[Comparison] = []
    voxels = 0
    for record in largest[:most]:
        lot.append(Comparison(summary.archive, record.key, record.name, record.key in drawn))
        voxels += record.voxels
        if voxels >= LOT_VOXELS:
            lots.append(tuple(lot))
            lot, voxels = [], 0
    return [*lots, tuple(lot)] if lot else lots


@step("compare-{label}", hours=1)
def compare_series(label: str, items: tuple[Comparison, ...]) -> list[Beside | Failure]:
    """Measure JPEG XL, JPEG-LS and JPEG 2000 on a slab of each object and draw its middle slice."""
    return run_each(
        "compare", lambda item: beside(item.archive, item.key, picture=item.picture), items
    )


@step("report", hours=1)
def write_report(
    summary: Summary,
    folder: str,
    run_id: str,
    started: datetime,
    compared: tuple[Beside, ...] = (),
    gains: tuple[GainRecord, ...] = (),
) -> str:
    """Add the rows of this run to the dataset FOLDER/rows and render FOLDER/report.html.

    Returns
    -------
    str
        Path of the page.
    """
    try:
        rows = rows_from(
            summary,
            run_id=run_id,
            started=started,
            peers=[peer for item in compared for peer in item.peers],
            pictures=[item.picture for item in compared if item.picture is not None],
            gains=gains,
        )
        dataset = Path(folder) / "rows"
        write_report_rows(dataset, rows)
        return str(render_report(dataset, Path(folder) / "report.html", run_id=run_id))
    except Exception as error:
        raise StepFailedError.of("report", "report", error) from None
