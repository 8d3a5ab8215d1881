"""Results as pictures: the saving on each slab, size against speed, and many workers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib.figure import Figure

from medzip.bench.cells import slab_title
from medzip.bench.peers import BASELINE, PEERS

if TYPE_CHECKING:
    import os

    from medzip.bench.records import CodecInfo
    from medzip.bench.results import Results

__all__ = ["pareto_plot", "saving_plot", "scaling_plot", "write_plots"]

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
    "#6b8e23",
    "#c9b458",
    "#4169a8",
    "#d4a5a5",
    "#2e8b57",
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
    # A bar needs a twentieth of an inch to be seen.
    room = max(0.7, 0.08 * len(codecs))
    figure = Figure(figsize=(10, 1.2 + room * len(results.slabs)), layout="constrained")
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
    axes.set_yticks(places, [slab_title(slab.name) for slab in results.slabs])
    axes.set_xlabel("smaller than JPEG XL effort 7, %")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    return figure


def pareto_plot(results: Results) -> Figure:
    """Draw the mean saving against decoding speed; codecs that nothing beats in both are joined.

    A codec that cannot take some slabs has a hollow mark, as its mean is over others; it is not
    part of the front.
    """
    points: list[tuple[CodecInfo, float, float, int]] = []
    hollow: list[tuple[CodecInfo, float, float, int]] = []
    for codec in results.ran:
        rate, savings = results.rate(codec.name, "decode"), results.savings(codec.name)
        if rate is None or not savings:
            continue
        mean = 100 * sum(savings) / len(savings)
        whole = len(savings) == len(results.slabs)
        (points if whole else hollow).append((codec, rate / 1e6, mean, len(savings)))
    colours = _colours()
    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.add_subplot()
    for codec, rate, saving, count in points + hollow:
        colour = colours[codec.name]
        partly = count < len(results.slabs)
        axes.scatter(
            rate, saving, s=64, c="none" if partly else colour, edgecolors=colour, zorder=3
        )
        label = f"{codec.label} ({count} of {len(results.slabs)})" if partly else codec.label
        axes.annotate(label, (rate, saving), textcoords="offset points", xytext=(7, 5), fontsize=9)
    front = sorted(
        (rate, saving)
        for _, rate, saving, _ in points
        if not any(r >= rate and s >= saving and (r, s) != (rate, saving) for _, r, s, _ in points)
    )
    axes.plot([rate for rate, _ in front], [s for _, s in front], color="#9aa7b4", linewidth=1)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(matplotlib.ticker.StrMethodFormatter("{x:g}"))
    axes.set_xlabel("decoding on one core, million voxels a second")
    axes.set_ylabel("mean saving against JPEG XL effort 7, %")
    axes.margins(x=0.15)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def scaling_plot(results: Results) -> Figure:
    """Draw the throughput of n workers over that of one; n times and 0.9 n times are dashed."""
    figure = Figure(figsize=(6.5, 5), layout="constrained")
    axes = figure.add_subplot()
    colours = _colours()
    counts = sorted({figure.workers for figure in results.scaling})
    for share, label in ((1.0, "n"), (0.9, "0.9 n")):
        line = [share * count for count in counts]
        axes.plot(counts, line, color="#9aa7b4", linewidth=1, linestyle="--")
        axes.annotate(label, (counts[-1], line[-1]), fontsize=9, color="#5a6672")
    for codec in sorted({item.codec for item in results.scaling}):
        items = sorted(
            (item for item in results.scaling if item.codec == codec), key=lambda s: s.workers
        )
        for what, style in (("encode", "-"), ("decode", ":")):
            axes.plot(
                [item.workers for item in items],
                [item.rate(what) / items[0].rate(what) * items[0].workers for item in items],
                style,
                marker="o",
                markersize=4,
                color=colours[codec],
                label=f"{results.label(codec)}, {what}",
            )
    axes.set_xticks(counts, [str(count) for count in counts])
    axes.set_xlabel("workers, a core each")
    axes.set_ylabel("throughput, times that of one")
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    return figure


def write_plots(results: Results, stem: str | os.PathLike[str]) -> list[Path]:
    """Write the plots as SVG, named after `stem`; the same results give the same bytes.

    That of scaling only where it was measured.
    """
    written = []
    # Text stays text, so that pages can be searched; no date and no random identifiers.
    with matplotlib.rc_context({"svg.hashsalt": "medzip", "svg.fonttype": "none"}):
        plots = [("saving", saving_plot(results)), ("pareto", pareto_plot(results))]
        if results.scaling:
            plots.append(("scaling", scaling_plot(results)))
        for name, figure in plots:
            path = Path(f"{stem}-{name}.svg")
            figure.savefig(path, format="svg", metadata={"Date": None})
            written.append(path)
    return written
