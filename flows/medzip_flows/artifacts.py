"""What a person sees of a run in Prefect's pages; nothing there names a patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect.artifacts import (
    create_image_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from medzip.report.curves import curve_image, curve_markdown
from medzip.report.tables import bits_rows, gains_rows, objects_rows, strata_rows
from medzip.training.curves import read_curves

if TYPE_CHECKING:
    from medzip.archive import RecompressSummary, Summary
    from medzip.training.run import TrainedModel
    from medzip.training.store import SampleStore

__all__ = ["gains_table", "objects_table", "samples_table", "training_artifacts"]

TABLE_ROWS = 500
"""Rows of a table at most: it is one document in Prefect's database."""


def objects_table(summary: Summary) -> None:
    """Publish the objects of an archive run, failures first, then the largest."""
    rows = objects_rows(summary)
    shown = sorted(rows, key=lambda row: (not row["failure"], -row["raw bytes"]))[:TABLE_ROWS]
    ratio = summary.raw_bytes / summary.encoded_bytes if summary.encoded_bytes else 0.0
    create_table_artifact(
        table=shown,
        key="medzip-objects",
        description=(
            f"{len(rows)} objects ({len(shown)} shown), {summary.files} files, "
            f"{summary.raw_bytes / 1e6:.1f} MB -> {summary.encoded_bytes / 1e6:.1f} MB "
            f"(ratio {ratio:.2f}), {len(summary.failures)} failures"
        ),
    )


def gains_table(summary: RecompressSummary) -> None:
    """Publish what recompressing gained of each object, those with most first."""
    create_table_artifact(
        table=gains_rows(summary)[:TABLE_ROWS],
        key="medzip-gains",
        description=(
            f"{summary.replaced} of {len(summary.objects)} objects replaced, "
            f"{summary.before_bytes / 1e6:.2f} MB -> {summary.after_bytes / 1e6:.2f} MB, "
            f"{summary.model_bytes} bytes of models among them"
        ),
    )


def samples_table(store: SampleStore) -> None:
    """Publish what a store holds of each stratum."""
    rows = strata_rows(store)
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
    create_markdown_artifact(curve_markdown(trained, points), key="medzip-training")
    create_table_artifact(
        table=bits_rows(trained)[:TABLE_ROWS],
        key="medzip-training-bits",
        description="bits a voxel outside flat contexts on held-out voxels, by series",
    )
