"""The page that people read: one file, no script, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import os
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from medzip.dicom.reasons import REASONS
from medzip.models.shelf import network_name
from medzip.report.charts import BarChart, grouped_bars
from medzip.report.dataset import read_report_rows
from medzip.report.figures import FAILED, LARGE, RECORDED, RunFigures, SeriesFigures, derive
from medzip.report.showing import NOTHING
from medzip.report.telling import bits_said, losses, parts_said, shown, speed_said
from medzip.units import size_text

if TYPE_CHECKING:
    from medzip.report.dataset import ReportRows
    from medzip.report.showing import Wanted

__all__ = ["page", "render_report"]

CHARTED = 12
"""Most series in a chart, those with most voxels; the table of series has all."""

PICTURED = 8
"""Series whose pictures are shown, those with most voxels first."""

PARTS = {
    "slab": "voxels",
    "model": "fitted models",
    "envelope": "everything outside the voxels",
    "manifest": "manifest",
    "container": "container",
}
"""What an archive's bytes are, by their column."""


def _rate(value: float) -> str:
    """Voxels a second as millions; a dash where there is nothing to measure."""
    return f"{value / 1e6:.2f}" if value else "–"


def _seconds(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e9:.1f}" if nanoseconds else "–"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %".replace("-", "−")


def _signed(share: float) -> str:
    return f"{100 * share:+.1f} %".replace("-", "−")


def _png(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode('ascii')}"


def _compared(series: SeriesFigures) -> tuple[str, list[tuple[str, float, str]]]:
    own = [(f"MedZip {series.row['profile']}", series.compared_bpv or series.bpv, "own")]
    peers = [(peer.label, peer.bpv, peer.codec) for peer in series.peers]
    return series.title, own + peers


def _charted(figures: RunFigures) -> list[SeriesFigures]:
    """Choose the series for the charts: the large ones, or whatever there is."""
    coded = [series for series in figures.series if series.bpv]
    large = [series for series in coded if series.is_large]
    return (large or coded)[:CHARTED]


def _bits_chart(shown: list[SeriesFigures]) -> BarChart:
    return grouped_bars([_compared(series) for series in shown])


def _speed_chart(shown: list[SeriesFigures]) -> BarChart:
    groups = []
    for series in shown:
        bars = [
            ("fit and encode", series.fitted_rate / 1e6, "fit"),
            ("encode alone", series.encode_rate / 1e6, "own"),
            ("decode and compare", series.prove_rate / 1e6, "prove"),
        ]
        bars = [bar for bar in bars if bar[1]]
        if bars:
            groups.append((series.title, bars))
    return grouped_bars(groups)


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("medzip.report", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        bytes=size_text, rate=_rate, seconds=_seconds, percent=_percent, signed=_signed, png=_png
    )
    return environment


def page(rows: ReportRows) -> str:
    """Render the rows of one run as HTML."""
    figures = derive(rows)
    charted = _charted(figures)
    order = {series.name: i for i, series in enumerate(figures.series)}
    pictures: list[Any] = sorted(
        figures.pictures, key=lambda row: (order.get(row["series"], len(order)), row["volume"])
    )
    return (
        _environment()
        .get_template("report.html")
        .render(
            figures=figures,
            run=figures.run,
            failed=FAILED,
            recorded=figures.verdicts.get(RECORDED, 0),
            large=LARGE,
            losses=losses(figures),
            shown=shown(figures),
            bits=_bits_chart(charted),
            bits_said=bits_said(charted, figures.run["profile"]),
            speed=_speed_chart(charted),
            speed_said=speed_said(charted),
            parts=PARTS,
            parts_said=parts_said(figures.parts, PARTS),
            charted=charted,
            bases=[(base, network_name(base.digest)) for base in figures.bases],
            archive=shlex.quote(figures.run["archive"]),
            reasons=REASONS,
            pictures=pictures[:PICTURED],
            titles={series.name: series.title for series in figures.series},
            chosen=_chosen(rows),
            gains=sorted(
                rows.gains, key=lambda r: (r["after_bytes"] - r["before_bytes"], r["series"])
            ),
        )
    )


def _chosen(rows: ReportRows) -> list[dict[str, Any]]:
    """The model of each volume that had a choice, and what the other models would have taken."""
    volumes: dict[tuple[str, int], list[Any]] = {}
    for row in rows.trials:
        volumes.setdefault((row["series"], row["volume"]), []).append(row)
    return [
        {
            "series": series,
            "volume": volume,
            "best": next(row for row in trials if row["chosen"]),
            "others": [row for row in trials if not row["chosen"]],
        }
        for (series, volume), trials in volumes.items()
        if any(row["chosen"] for row in trials)
    ]


def render_report(
    dataset: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    run_id: str | None = None,
    wanted: Wanted = NOTHING,
) -> Path:
    """Render one run of a report dataset to a single offline page.

    Parameters
    ----------
    dataset
        Folder written by :func:`medzip.report.dataset.write_report_rows`.
    out
        HTML file to write; replaced as a whole.
    run_id
        Which run; the newest if not given.
    wanted
        Pictures to show, of those that the run has drawn; none if not given.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ArchiveError
        If the dataset has no such run.
    """
    target = Path(out)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    rows = read_report_rows(dataset, run_id, pictures=bool(wanted))
    shown = tuple(row for row in rows.pictures if wanted.wants(row["series"]))
    temporary.write_text(page(replace(rows, pictures=shown)), encoding="utf-8")
    temporary.replace(target)
    return target
