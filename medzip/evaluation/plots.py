"""Results as pictures: the saving on each slab, and size against speed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.figure import Figure

from medzip.evaluation.peers import BASELINE, PEERS

if TYPE_CHECKING:
    import os

    from medzip.evaluation.results import Results

__all__ = ["pareto_plot", "saving_plot", "write_plots"]

_OWN = ("#7cc4cf", "#00798c", "#003d47")
_OTHERS = (
    "#a9b2bb",
    "#5a6672",
    "#c58ab0",
    "#7d8a97",
    "#8a63b8",
    "#b79add",
    "#eeb98c",
    "#d1792b",
    "#8f4a12",
    "#b3261e",
)


def _colours() -> dict[str, str]:
    """Give MedZip's profiles shades of one colour and each other codec its own, in every plot."""
    own = [name for name in PEERS if name.startswith("medzip")]
    others = [name for name in PEERS if not name.startswith("medzip")]
    shades = dict(zip(own, _OWN, strict=True))
    return shades | {name: _OTHERS[i % len(_OTHERS)] for i, name in enumerate(others)}


def saving_plot(results: Results) -> Figure:
    """Draw the saving of each codec on each slab against the baseline."""
    codecs = [
        codec
        for codec in results.ran
        # General compressors lie so far off that they would flatten the rest.
        if codec.name != BASELINE and (results.mean_saving(codec.name) or 0) > -0.35
    ]
    colours = _colours()
    figure = Figure(figsize=(10, 1.2 + 0.7 * len(results.slabs)), layout="constrained")
    axes = figure.add_subplot()
    height = 0.8 / max(1, len(codecs))
    places = np.arange(len(results.slabs))[::-1]
    for i, codec in enumerate(codecs):
        savings = [results.saving(slab.name, codec.name) for slab in results.slabs]
        axes.barh(
            places + 0.4 - (i + 0.5) * height,
            [0 if saving is None else 100 * saving for saving in savings],
            height=height * 0.92,
            color=colours[codec.name],
            label=codec.label,
        )
    axes.axvline(0, color="#17202a", linewidth=1)
    axes.set_yticks(places, [slab.name for slab in results.slabs])
    axes.set_xlabel("smaller than JPEG XL effort 7, %")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure


def pareto_plot(results: Results) -> Figure:
    """Draw the mean saving against decoding speed; codecs that nothing beats in both are joined."""
    points = []
    for codec in results.ran:
        saving, rate = results.mean_saving(codec.name), results.rate(codec.name, "decode")
        if codec.name == BASELINE:
            saving = 0.0
        if saving is not None and rate is not None:
            points.append((codec, rate / 1e6, 100 * saving))
    colours = _colours()
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for codec, rate, saving in points:
        axes.scatter(rate, saving, s=64, color=colours[codec.name], zorder=3)
        axes.annotate(
            codec.label, (rate, saving), textcoords="offset points", xytext=(7, 5), fontsize=9
        )
    front = [
        (rate, saving)
        for _, rate, saving in points
        if not any(r >= rate and s >= saving and (r, s) != (rate, saving) for _, r, s in points)
    ]
    front.sort()
    axes.plot([rate for rate, _ in front], [s for _, s in front], color="#9aa7b4", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:g}"))
    axes.set_xlabel("decoding on one core, million voxels a second")
    axes.set_ylabel("mean saving against JPEG XL effort 7, %")
    axes.margins(x=0.15)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def write_plots(results: Results, stem: str | os.PathLike[str]) -> list[Path]:
    """Write both plots as SVG, named after `stem`; the same results give the same bytes."""
    written = []
    # Text stays text, so that pages can be searched; no date and no random identifiers.
    with matplotlib.rc_context({"svg.hashsalt": "medzip", "svg.fonttype": "none"}):
        for name, figure in (
            ("saving", saving_plot(results)),
            ("pareto", pareto_plot(results)),
        ):
            path = Path(f"{stem}-{name}.svg")
            figure.savefig(path, format="svg", metadata={"Date": None})
            written.append(path)
    return written
