"""Records of an archive run become rows of the report."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from medzip.report.dataset import ReportRows
from medzip.report.machine import Machine, this_machine

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medzip.archive.records import SeriesRecord
    from medzip.archive.summary import Summary
    from medzip.report.records import GainRecord, PeerRecord, PictureRecord

__all__ = ["CODEC", "rows_from"]

CODEC = "medzip"


def rows_from(
    summary: Summary,
    *,
    run_id: str,
    started: datetime | None = None,
    peers: Iterable[PeerRecord] = (),
    pictures: Iterable[PictureRecord] = (),
    gains: Iterable[GainRecord] = (),
    machine: Machine | None = None,
) -> ReportRows:
    """Turn what an archive run returned into rows.

    Messages of failures stay behind: they name files, which reports must not.

    Parameters
    ----------
    summary
        Result of the run.
    run_id
        Names the run: letters, digits, dot, dash, underscore.
    started
        When it began, with a time zone; now, less the run's length, if not given.
    peers, pictures
        What was measured beside it.
    gains
        What recompressing made of each object.
    machine
        Where it ran; this machine if not given.

    Returns
    -------
    ReportRows
        Rows of exactly one run.
    """
    machine = machine or this_machine()
    if started is None:
        started = datetime.fromtimestamp(datetime.now(UTC).timestamp() - summary.seconds, UTC)
    made = {"codec": CODEC, "profile": summary.profile, "machine": machine.title}
    run: dict[str, Any] = {
        "run_id": run_id,
        "started": started.astimezone(UTC).replace(microsecond=0),
        "wall_ns": _ns(summary.seconds),
        "archive": os.path.abspath(summary.archive),
        **made,
        "codec_version": _common(record.codec_version for record in summary.objects),
        "format_version": max((record.format_version for record in summary.objects), default=0),
        "python": machine.python,
        "versions": dict(machine.versions),
        "system": machine.system,
    }
    return ReportRows(
        runs=(run,),
        series=tuple(_series_row(record, run_id, made) for record in summary.objects),
        slabs=tuple(row for record in summary.objects for row in _slab_rows(record, run_id, made)),
        failures=tuple(
            {"run_id": run_id, "series": f.name, "stage": f.stage, "kind": f.kind}
            for f in summary.failures
        ),
        peers=tuple({"run_id": run_id, **asdict(record)} for record in peers),
        pictures=tuple({"run_id": run_id, **asdict(record)} for record in pictures),
        trials=tuple(row for record in summary.objects for row in _trial_rows(record, run_id)),
        gains=tuple({"run_id": run_id, **asdict(record)} for record in gains),
    )


def _ns(seconds: float) -> int:
    return round(seconds * 1e9)


def _common(values: Iterable[str]) -> str:
    """Join the different values, as objects proven earlier may be of another version."""
    return ", ".join(sorted(set(values)))


def _made(record: SeriesRecord, made: dict[str, Any]) -> dict[str, Any]:
    return {
        **made,
        "profile": record.profile,
        "codec_version": record.codec_version,
        "format_version": record.format_version,
    }


def _series_row(record: SeriesRecord, run_id: str, made: dict[str, Any]) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "series": record.name,
        "kind": record.kind,
        "verdict": str(record.verdict),
        "failed_stage": record.failure.stage if record.failure else "",
        "failure_kind": record.failure.kind if record.failure else "",
        **_made(record, made),
        "model_digests": [volume.model_digest for volume in record.volumes],
        "base_digests": [volume.base_digest for volume in record.volumes],
        "volumes": [
            f"{'×'.join(map(str, volume.shape))} {volume.dtype}" for volume in record.volumes
        ],
        "files": record.files,
        "raw_bytes": record.raw_bytes,
        "encoded_bytes": record.encoded_bytes,
        "slab_bytes": record.parts.slabs,
        "model_bytes": record.parts.model,
        "envelope_bytes": record.parts.envelope,
        "manifest_bytes": record.parts.manifest,
        "container_bytes": record.parts.container,
        "voxels": record.voxels,
        "voxel_bytes": record.voxel_bytes,
        "kept_whole": dict(record.kept_whole),
        "kept_bytes": dict(record.kept_bytes),
        "stage_ns": _ns(record.seconds.stage),
        "fit_ns": _ns(record.seconds.fit),
        "encode_ns": _ns(record.seconds.encode),
        "seal_ns": _ns(record.seconds.seal),
        "prove_ns": _ns(record.seconds.prove),
    }


def _slab_rows(record: SeriesRecord, run_id: str, made: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for slab in record.slabs:
        depth, height, width = slab.shape
        yield {
            "run_id": run_id,
            "series": record.name,
            "volume": slab.volume,
            "slab": slab.slab,
            "depth": depth,
            "height": height,
            "width": width,
            "dtype": slab.dtype,
            "verdict": str(record.verdict),
            **_made(record, made),
            "model_digest": slab.model_digest,
            "voxels": slab.voxels,
            "raw_bytes": slab.raw_bytes,
            "encoded_bytes": slab.encoded_bytes,
            "encode_ns": _ns(slab.seconds),
            "reused": slab.reused,
        }


def _trial_rows(record: SeriesRecord, run_id: str) -> Iterable[dict[str, Any]]:
    for trial in record.trials:
        yield {
            "run_id": run_id,
            "series": record.name,
            "volume": trial.volume,
            "model": trial.name,
            "model_digest": trial.digest,
            "sample_voxels": trial.sample_voxels,
            "sample_bytes": trial.sample_bytes,
            "model_bytes": trial.model_bytes,
            "estimate_bytes": trial.estimate,
            "chosen": trial.chosen,
            "reason": trial.reason,
        }
