"""What a person sees of sampling and training in Prefect's pages; nothing there names a patient."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from medzip.training.curves import read_curves
from medzip.training.strata import by_stratum

if TYPE_CHECKING:
    from medzip.training.curves import Point
    from medzip.training.run import TrainedModel
    from medzip.training.store import SampleStore

__all__ = ["bits_table", "curve_image", "samples_table", "training_artifacts"]

TABLE_ROWS = 500
"""Rows of a table at most: it is one document in Prefect's database."""
CURVE_ROWS = 40


def samples_table(store: SampleStore) -> None:
    """Publish what a store holds of each stratum."""
    rows = [
        {
            "scanner": scanner,
            "kernel": kernel,
            "spacing, mm": spacing,
            "series": len(members),
            "samples": sum(one.rows for one in members),
            "outside flat contexts, %": round(
                100 * sum(one.eligible for one in members) / len(members), 1
            ),
        }
        for (scanner, kernel, spacing), members in by_stratum(store.sampled).items()
    ]
    total = sum(one.rows for one in store.sampled)
    create_table_artifact(
        table=rows[:TABLE_ROWS],
        key="medzip-samples",
        description=(
            f"{total} samples of {len(store.sampled)} series in {len(rows)} strata, form "
            f"{store.form.name}, seed {store.seed}, digest {store.digest[:16]}"
        ),
    )


def training_artifacts(trained: TrainedModel) -> None:
    """Publish the curves of a model (table and picture) and its bits by series."""
    points = read_curves(trained.folder / "curves.jsonl")
    create_image_artifact(
        image_url=curve_image(points),
        key="medzip-training-curve",
        description="bits a voxel outside flat contexts: batches, and held-out voxels",
    )
    create_markdown_artifact(_curve_markdown(trained, points), key="medzip-training")
    create_table_artifact(
        table=bits_table(trained)[:TABLE_ROWS],
        key="medzip-training-bits",
        description="bits a voxel outside flat contexts on held-out voxels, by series",
    )


def bits_table(trained: TrainedModel) -> list[dict[str, Any]]:
    """One row a series, the worst first; with what the model it started from gave."""
    return [
        {
            "series": name,
            "bits": round(bits, 4),
            "before": round(trained.start_bits[name], 4) if trained.start_bits else None,
            "saved, %": round(100 * (1 - bits / trained.start_bits[name]), 2)
            if trained.start_bits
            else None,
        }
        for name, bits in sorted(trained.bits.items(), key=lambda item: (-item[1], item[0]))
    ]


def curve_image(points: list[Point]) -> str:
    """The curves as a PNG in a data URL, which Prefect's page shows without a server for files."""
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
    figure.savefig(file, format="png", dpi=100)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"


def _curve_markdown(trained: TrainedModel, points: list[Point]) -> str:
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
    return "\n".join([*lines, "", f"Files in `{Path(trained.folder).name}`."])
