"""A run as the archive returns it: one series proven, one of other files, one failed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest

from medzip.archive.records import (
    Failure,
    PartBytes,
    SeriesRecord,
    SlabRecord,
    StageSeconds,
    Verdict,
    VolumeRecord,
)
from medzip.archive.summary import Summary
from medzip.models.shelf import shipped_digest
from medzip.report import PeerRecord, residual_picture, rows_from
from medzip.report.machine import Machine

if TYPE_CHECKING:
    from medzip.report import ReportRows

NAME = "a" * 12
BASE = shipped_digest("default")
SECRET = ("Doe^Jane", "/data/patients/doe", "1.2.840.113619.2.55.3")


def slab(number: int, shape: tuple[int, int, int], encoded: int) -> SlabRecord:
    voxels = shape[0] * shape[1] * shape[2]
    return SlabRecord(
        name=NAME,
        volume=0,
        slab=number,
        shape=shape,
        dtype="int16",
        voxels=voxels,
        raw_bytes=2 * voxels,
        encoded_bytes=encoded,
        sha256="0" * 64,
        model_digest="1" * 64,
        seconds=0.5,
        reused=False,
    )


@pytest.fixture
def name() -> str:
    return NAME


@pytest.fixture
def secrets() -> tuple[str, ...]:
    """What no report may hold: it is in the failure's message."""
    return SECRET


@pytest.fixture
def summary() -> Summary:
    failure = Failure("c" * 12, "stage", "SourceError", f"{'/'.join(SECRET)}: unreadable")
    proven = SeriesRecord(
        key="a" * 64,
        kind="series",
        verdict=Verdict.PROVEN,
        profile="default",
        codec_version="0.1.0",
        format_version=1,
        files=48,
        raw_bytes=48 * 9000,
        encoded_bytes=70_000,
        voxels=48 * 4096,
        voxel_bytes=48 * 8192,
        parts=PartBytes(slabs=60_000, model=6_000, envelope=3_000, manifest=700, container=300),
        kept_whole=(("lossy", 2),),
        volumes=(VolumeRecord((48, 64, 64), "int16", 24, "volume", "1" * 64, 6_000, 60_000, BASE),),
        slabs=(slab(0, (24, 64, 64), 31_000), slab(1, (24, 64, 64), 29_000)),
        seconds=StageSeconds(stage=0.2, fit=3.5, encode=1.0, seal=0.1, prove=0.4),
        kept_bytes=(("lossy", 18_000),),
    )
    other = SeriesRecord(
        key="b" * 64,
        kind="other",
        verdict=Verdict.ALREADY_PROVEN,
        profile="default",
        codec_version="0.1.0",
        format_version=1,
        files=7,
        raw_bytes=70_000,
        encoded_bytes=20_000,
        voxels=0,
        voxel_bytes=0,
        parts=PartBytes(envelope=19_000, manifest=700, container=300),
        kept_whole=(("not-dicom", 5), ("lossy", 2)),
        volumes=(),
        slabs=(),
        seconds=StageSeconds(),
        kept_bytes=(("not-dicom", 50_000), ("lossy", 20_000)),
    )
    failed = SeriesRecord(
        key="c" * 64,
        kind="series",
        verdict=Verdict.FAILED,
        profile="default",
        codec_version="0.1.0",
        format_version=1,
        files=3,
        raw_bytes=30_000,
        encoded_bytes=0,
        voxels=0,
        voxel_bytes=0,
        parts=PartBytes(),
        kept_whole=(),
        volumes=(),
        slabs=(),
        seconds=StageSeconds(),
        failure=failure,
    )
    return Summary("archive", "default", (proven, other, failed), (failure,), 12.25)


def peer(codec: str, label: str, encoded: int, *, available: bool = True) -> PeerRecord:
    return PeerRecord(
        series=NAME,
        volume=0,
        slab=1,
        codec=codec,
        label=label,
        version=f"{codec} 1.0" if available else "",
        available=available,
        reason="" if available else "not installed",
        lossless=available,
        voxels=24 * 4096,
        raw_bytes=48 * 4096,
        encoded_bytes=encoded,
        encode_ns=30_000_000,
        decode_ns=10_000_000,
    )


@pytest.fixture
def machine() -> Machine:
    return Machine("Test <CPU> & co", 2, 8 << 30, "Linux x86_64", "3.11.0", (("numpy", "2.4.6"),))


@pytest.fixture
def rows(summary: Summary, machine: Machine) -> ReportRows:
    rng = np.random.default_rng(5)
    voxels = rng.integers(0, 2000, (24, 64, 64)).astype(np.int16)
    residual = rng.normal(0, 20, voxels.shape).astype(np.int32)
    return rows_from(
        summary,
        run_id="run-1",
        started=datetime(2026, 11, 20, 8, 30, 5, 999, tzinfo=UTC),
        peers=[
            peer("jpeg-xl-7", "JPEG XL e7", 36_000),
            peer("jpeg-ls", "JPEG-LS", 39_000),
            peer("jpeg-2000", "JPEG 2000", 0, available=False),
        ],
        pictures=[residual_picture(NAME, voxels, residual, first_slice=24)],
        machine=machine,
    )
