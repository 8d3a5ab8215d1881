"""The papers' pictures: heat tables of bits per voxel, residual slices, bits over epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["heat_rows", "heat_table", "residual_sheet", "snapshot_plot", "write_pictures"]

MEAN = "mean"
_COLUMNS = 4
_INK = 0.6
"""Relative luminance below which a cell's text is white."""


def heat_rows(
    results: Reproduction, benchmark: int, backend: str = "order0", *, unseen: bool = False
) -> list[dict[str, Any]]:
    """Bits per voxel as rows (volumes, then their mean) by columns (shapes).

    Parameters
    ----------
    results
        Of a run.
    benchmark
        1: shapes with left voxels; 2: without.
    backend
        "order0" or "conditional".
    unseen
        The MR volumes instead of the cohort.
    """
    shapes = {
        shape: results.bits(jobs, backend, unseen=unseen)
        for shape, jobs in results.models("lstm").items()
        if shape.endswith("-rows") == (benchmark == 2)
    }
    ordered = [name for name in _order(results) if shapes.get(name)]
    volumes = [
        name
        for name in results.volume_names(unseen=unseen)
        if all(name in shapes[shape] for shape in ordered)
    ]
    if not ordered or not volumes:
        return []
    rows: list[dict[str, Any]] = [
        {"volume": name} | {shape: round(shapes[shape][name], 3) for shape in ordered}
        for name in volumes
    ]
    mean = {
        shape: round(float(np.mean([shapes[shape][name] for name in volumes])), 3)
        for shape in ordered
    }
    return [*rows, {"volume": MEAN} | mean]


def heat_table(rows: list[dict[str, Any]], title: str) -> Figure:
    """Draw rows as the papers do: green is small, red is large, the mean below a line."""
    columns = [name for name in rows[0] if name != "volume"]
    values = np.array([[row[name] for name in columns] for row in rows])
    figure = Figure(
        figsize=(2.6 + 0.75 * len(columns), 1.6 + 0.3 * len(rows)), layout="constrained"
    )
    axes = figure.add_subplot()
    image = axes.imshow(values, cmap="RdYlGn_r", aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="left", fontsize=7)
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(rows)), [row["volume"] for row in rows], fontsize=7)
    axes.axhline(len(rows) - 1.5, color="black", linewidth=1)
    best = int(values[-1].argmin())
    for (y, x), value in np.ndenumerate(values):
        red, green, blue, _ = image.cmap(image.norm(value))
        light = 0.3 * red + 0.6 * green + 0.1 * blue
        axes.text(
            x,
            y,
            f"{value:.3f}",
            ha="center",
            va="center",
            fontsize=6.5,
            fontweight="bold" if x == best and y == len(rows) - 1 else "normal",
            color="black" if light > _INK else "white",
        )
    axes.tick_params(length=0)
    axes.set_xlabel(title)
    return figure


def residual_sheet(pictures: dict[str, np.ndarray], title: str) -> Figure:
    """Residual slices side by side: white is zero, red above, blue below, one scale for all.

    Parameters
    ----------
    pictures
        Residuals (rows, columns) by title.
    title
        Below all.
    """
    limit = max(1.0, *(float(np.percentile(np.abs(p), 99)) for p in pictures.values()))
    lines = -(-len(pictures) // _COLUMNS)
    figure = Figure(figsize=(2.4 * _COLUMNS, 2.6 * lines + 0.5), layout="constrained")
    for place, (name, picture) in enumerate(pictures.items()):
        axes = figure.add_subplot(lines, _COLUMNS, place + 1)
        shown = axes.imshow(picture, cmap="bwr", vmin=-limit, vmax=limit, interpolation="nearest")
        axes.set_title(name, fontsize=7)
        axes.set_axis_off()
    figure.colorbar(shown, ax=figure.axes, shrink=0.6, label=title)
    return figure


def snapshot_plot(results: Reproduction) -> Figure | None:
    """Bits per voxel of one volume over epochs, one line a shape (benchmark 5)."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.add_subplot()
    for job in sorted(results.jobs, key=lambda job: job.length):
        points = sorted(
            (row.epoch, row.bits)
            for row in job.rows
            if row.benchmark == 5 and row.backend == "order0"
        )
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", markersize=3, label=job.shape)
    if not axes.lines:
        return None
    axes.set_xlabel("epochs")
    axes.set_ylabel("bits per voxel")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=8)
    return figure


def write_pictures(results: Reproduction, folder: Path, *, slices: bool = False) -> list[Path]:
    """Write all pictures of a run into FOLDER/pictures, as SVG; residuals as PNG.

    Residuals are image slices: they are drawn only if asked for, where the jobs kept them in
    FOLDER/residuals.
    """
    place = folder / "pictures"
    place.mkdir(parents=True, exist_ok=True)
    written = []
    with matplotlib.rc_context({"svg.hashsalt": "medzip", "svg.fonttype": "none"}):
        for number in (1, 2):
            for backend in ("order0", "conditional"):
                for unseen in (False, True):
                    rows = heat_rows(results, number, backend, unseen=unseen)
                    if not rows:
                        continue
                    name = f"benchmark-{number}-{backend}{'-mr' if unseen else ''}"
                    figure = heat_table(rows, f"bits per voxel, LSTM, {backend}")
                    written.append(_save(figure, place / f"{name}.svg"))
        curves = snapshot_plot(results)
        if curves is not None:
            written.append(_save(curves, place / "benchmark-5.svg"))
    for kind in ("lstm", "mlp") if slices else ():
        pictures = {}
        for shape, jobs in sorted(results.models(kind).items()):
            files = [folder / "residuals" / f"{job.key}.npy" for job in jobs if job.fold == 0]
            if files and files[0].exists():
                pictures[shape] = np.load(files[0], allow_pickle=False)
        if pictures:
            sheet = residual_sheet(pictures, f"residual, {kind.upper()}, middle slice")
            written.append(_save(sheet, place / f"residuals-{kind}.png"))
    return written


def _order(results: Reproduction) -> list[str]:
    """Shapes in the order of the papers' tables."""
    from medzip.papers.codec.shapes import SHAPES

    del results
    return list(SHAPES)


def _save(figure: Figure, path: Path) -> Path:
    if path.suffix == ".svg":
        figure.savefig(path, format="svg", metadata={"Date": None})
    else:
        figure.savefig(path, dpi=110)
    return path
