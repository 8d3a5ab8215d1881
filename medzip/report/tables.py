"""Tables that people read of a run: rows of plain values, objects named by digits of their keys."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medzip.archive import Summary
from medzip.report.records import GainRecord
from medzip.training.strata import by_stratum

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medzip.archive import RecompressSummary, SeriesRecord
    from medzip.archive.recompressing import Recompressed
    from medzip.training.run import TrainedModel
    from medzip.training.store import SampleStore

__all__ = ["as_it_is", "bits_rows", "gains_of", "gains_rows", "objects_rows", "strata_rows"]


def objects_rows(summary: Summary) -> list[dict[str, Any]]:
    """One row an object of an archive run, in their order."""
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


def gains_rows(summary: RecompressSummary) -> list[dict[str, Any]]:
    """One row an object of a recompression, those that gained most first."""
    return [
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


def gains_of(summary: RecompressSummary) -> tuple[GainRecord, ...]:
    """What a report keeps of a recompression, an object each."""
    return tuple(
        GainRecord(one.name, one.outcome.value, one.reason, one.before_bytes, one.after_bytes)
        for one in summary.objects
    )


def as_it_is(summary: RecompressSummary, described: Iterable[SeriesRecord]) -> Summary:
    """The archive after a recompression: all objects, which model each has, and why.

    Parameters
    ----------
    summary
        Of the recompression.
    described
        All objects as they are now, from ``inspect``.
    """
    tried = {one.key: one for one in summary.objects}
    records = tuple(_now(record, tried.get(record.key)) for record in described)
    profiles = sorted({record.profile for record in records})
    return Summary(summary.archive, ", ".join(profiles), records, (), summary.seconds)


def _now(record: SeriesRecord, tried: Recompressed | None) -> SeriesRecord:
    """An object that this run replaced has its record; the others it did not prove."""
    if tried is not None and tried.record is not None:
        return tried.record
    trials = record.trials if tried is None else tried.trials
    return replace(record, trials=trials)


def strata_rows(store: SampleStore) -> list[dict[str, Any]]:
    """One row a stratum of a sample store."""
    return [
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


def bits_rows(trained: TrainedModel) -> list[dict[str, Any]]:
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
