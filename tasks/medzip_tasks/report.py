"""Tasks of the report: figures of other codecs, rows into the dataset, the page for people."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger

from medzip.bench.archived import Beside, beside, comparable, pictured
from medzip.bench.peers import REPORT_PEERS
from medzip.report import render_report, rows_from, write_report_rows
from medzip.report.showing import NOTHING, WITHHELD, Wanted
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
    """One committed object: whether to measure other codecs on it, and which pictures to draw."""

    archive: str
    key: str
    name: str
    peers: tuple[str, ...]
    wanted: Wanted


def comparisons(
    summary: Summary, most: int, wanted: Wanted = NOTHING
) -> list[tuple[Comparison, ...]]:
    """Group the largest objects with voxels, so many at most, so that small ones share a task.

    Those to be drawn come after them, if they are not among them.
    """
    drawn = pictured(summary.objects, wanted)
    lots: list[tuple[Comparison, ...]] = []
    lot: list[Comparison] = []
    voxels = 0
    for place, record in enumerate(comparable(summary.objects)):
        peers = REPORT_PEERS if place < most else ()
        asked = wanted if record.key in drawn else NOTHING
        if not peers and not asked:
            continue
        lot.append(Comparison(summary.archive, record.key, record.name, tuple(peers), asked))
        voxels += record.voxels
        if voxels >= LOT_VOXELS:
            lots.append(tuple(lot))
            lot, voxels = [], 0
    return [*lots, tuple(lot)] if lot else lots


@step("compare-{label}", hours=1)
def compare_series(label: str, items: tuple[Comparison, ...]) -> list[Beside | Failure]:
    """Measure JPEG XL, JPEG-LS and JPEG 2000 on a slab of each object; draw what is asked for."""
    return run_each("compare", _beside, items)


def _beside(item: Comparison) -> Beside:
    found = beside(item.archive, item.key, item.peers, wanted=item.wanted)
    if found.withheld:
        get_run_logger().info("%s: no picture: %s", item.name, WITHHELD[found.withheld])
    return found


@step("report", hours=1)
def write_report(
    summary: Summary,
    folder: str,
    run_id: str,
    started: datetime,
    compared: tuple[Beside, ...] = (),
    gains: tuple[GainRecord, ...] = (),
    wanted: Wanted = NOTHING,
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
        page = Path(folder) / "report.html"
        return str(render_report(dataset, page, run_id=run_id, wanted=wanted))
    except Exception as error:
        raise StepFailedError.of("report", "report", error) from None
