"""What a person sees of a run in Prefect's pages; nothing there names a patient."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger
from prefect.artifacts import (
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

if TYPE_CHECKING:
    from medzip.archive import RecompressSummary, SeriesRecord, Summary

__all__ = ["Progress", "Share", "gains_table", "objects_rows", "objects_table"]

SECONDS_BETWEEN_UPDATES = 2.0
TABLE_ROWS = 500
"""Rows of the table at most: it is one document in Prefect's database."""


class Progress:
    """Share of the original bytes that is dealt with, as an artifact and in the log.

    Parameters
    ----------
    objects, raw_bytes : int
        What there is to do.
    """

    def __init__(self, objects: int, raw_bytes: int) -> None:
        self._objects = objects
        self._bytes = raw_bytes
        self._objects_done = 0
        self._bytes_done = 0
        self._updated = time.monotonic()
        self._log = get_run_logger()
        self._log.info("%d objects, %.1f MB", objects, raw_bytes / 1e6)
        self._artifact = create_progress_artifact(
            progress=0.0, key="medzip-progress", description="original bytes dealt with"
        )

    def advance(self, record: SeriesRecord) -> None:
        """Count one object that is proven or has failed."""
        self._objects_done += 1
        self._bytes_done += record.raw_bytes
        self._log.info(
            "%d of %d: %s %s, %d -> %d bytes",
            self._objects_done,
            self._objects,
            record.name,
            record.verdict.value,
            record.raw_bytes,
            record.encoded_bytes,
        )
        last = self._objects_done == self._objects
        if last or time.monotonic() - self._updated >= SECONDS_BETWEEN_UPDATES:
            self._updated = time.monotonic()
            share = 1.0 if last or not self._bytes else self._bytes_done / self._bytes
            update_progress_artifact(self._artifact, progress=100.0 * share)


def objects_rows(summary: Summary) -> list[dict[str, Any]]:
    """One row an object: figures as numbers, names as digits of the key."""
    return [
        {
            "object": record.name,
            "kind": record.kind,
            "verdict": record.verdict.value,
            "failure": f"{record.failure.stage}: {record.failure.kind}" if record.failure else "",
            "files": record.files,
            "kept whole": sum(count for _, count in record.kept_whole),
            "raw bytes": record.raw_bytes,
            "archived bytes": record.encoded_bytes,
            "bits per voxel": _bits_per_voxel(record),
        }
        for record in summary.objects
    ]


def _bits_per_voxel(record: SeriesRecord) -> float | None:
    if not record.voxels or record.failure is not None:
        return None
    return round(8 * (record.parts.slabs + record.parts.model) / record.voxels, 3)


def objects_table(summary: Summary) -> None:
    """Publish the table of objects as an artifact."""
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


class Share:
    """How many of a number of things are done, as an artifact and in the log.

    Parameters
    ----------
    key, description : str
        Of the artifact.
    total : int
        How many there are.
    """

    def __init__(self, key: str, description: str, total: int) -> None:
        self._total, self._done = total, 0
        self._log = get_run_logger()
        self._artifact = create_progress_artifact(progress=0.0, key=key, description=description)

    def advance(self, name: str) -> None:
        """Count one that is done."""
        self._done += 1
        self._log.info("%d of %d: %s", self._done, self._total, name)
        update_progress_artifact(self._artifact, progress=100.0 * self._done / self._total)


def gains_table(summary: RecompressSummary) -> None:
    """Publish what recompressing gained of each object, those with most first."""
    rows = [
        {
            "object": one.name,
            "outcome": one.outcome.value,
            "before": one.before_bytes,
            "after": one.after_bytes,
            "why": one.reason,
            "model": ", ".join(sorted({trial.name for trial in one.trials if trial.chosen})),
        }
        for one in sorted(summary.objects, key=lambda o: (o.after_bytes - o.before_bytes, o.key))
    ]
    create_table_artifact(
        table=rows[:TABLE_ROWS],
        key="medzip-gains",
        description=(
            f"{summary.replaced} of {len(rows)} objects replaced, "
            f"{summary.before_bytes / 1e6:.2f} MB -> {summary.after_bytes / 1e6:.2f} MB, "
            f"{summary.model_bytes} bytes of models among them"
        ),
    )
