"""The curves of a training as a drawing and as Markdown, for pages that are not ours."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.training.curves import Point
    from medzip.training.run import TrainedModel

__all__ = ["curve_image", "curve_markdown"]

CURVE_ROWS = 40
"""Rows of losses, about; steps after which held-out voxels were looked at come beside them."""


def curve_image(points: Sequence[Point]) -> str:
    """The curves as SVG in a data URL, which a page shows without a server for files.

    No artifact holds a raster: so nobody need ask whether one shows a patient.
    """
    figure = Figure(figsize=(7, 3.2), layout="constrained")
    axes = figure.subplots()
    axes.plot([p.step for p in points], [p.loss for p in points], lw=1, label="batches")
    looked = [(p.step, p.mean_bits) for p in points if p.mean_bits is not None]
    if looked:
        axes.plot(*zip(*looked, strict=True), "o-", ms=4, label="held out, mean of series")
    axes.set_xlabel("step")
    axes.set_ylabel("bits a voxel")
    axes.grid(alpha=0.3)
    axes.legend()
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    return f"data:image/svg+xml;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def curve_markdown(trained: TrainedModel, points: Sequence[Point]) -> str:
    """The model, its bits, and some points of the curves as a table."""
    every = max(1, -(-len(points) // CURVE_ROWS))
    shown = [p for i, p in enumerate(points) if i % every == 0 or p.bits or i + 1 == len(points)]
    summary = (
        f"{trained.voxels} voxels, {trained.seconds:.0f} s, "
        f"{trained.mean_bits:.4f} bits a voxel held out."
    )
    lines = [
        f"# Model `{trained.digest[:16]}`",
        "",
        summary,
        "",
        "| step | loss | held out | rate | seconds |",
        "|---:|---:|---:|---:|---:|",
    ]
    for point in shown[-4 * CURVE_ROWS :]:
        held = "" if point.mean_bits is None else f"{point.mean_bits:.4f}"
        lines.append(
            f"| {point.step} | {point.loss:.4f} | {held} | {point.rate:.2g} | {point.seconds:.0f} |"
        )
    return "\n".join([*lines, "", f"Files in `{trained.folder.name}`."])
