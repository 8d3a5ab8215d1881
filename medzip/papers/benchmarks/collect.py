"""Results of all jobs together, and as a Parquet table."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from medzip.bench.circumstances import commit
from medzip.papers.benchmarks.records import FORMAT, VolumeInfo
from medzip.papers.benchmarks.results import Reproduction
from medzip.report.machine import this_machine
from medzip.report.schema import field

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from medzip.papers.benchmarks.cohort import Cohort, Member
    from medzip.papers.benchmarks.records import JobResult, Row
    from medzip.papers.benchmarks.sizes import BenchmarkSize

__all__ = ["SCHEMA", "collect", "write_rows"]

SCHEMA = pa.schema(
    [
        field("benchmark", pa.int64(), "", "1 to 6 as the papers number them; 0: beyond them"),
        field("job", pa.string(), "", "model, or name of another codec"),
        field("kind", pa.string(), "", "lstm, mlp, attention; empty for other codecs"),
        field("shape", pa.string(), "", "neighbourhood"),
        field("length", pa.int64(), "voxel", "of the sequence"),
        field("sampling", pa.string(), "", "how training voxels were drawn"),
        field("fold", pa.int64(), "", "part of the cohort that the model was not trained on"),
        field("volume", pa.string(), "", "name of the volume"),
        field("unseen", pa.bool_(), "", "whether no model of the run saw its modality"),
        field("backend", pa.string(), "", "order0 as published, or conditional"),
        field("epoch", pa.int64(), "", "after which epoch; 0: at the end"),
        field("voxels", pa.int64(), "voxel", "real voxels"),
        field("encoded_bytes", pa.int64(), "byte", "of the slab, without the model"),
        field("model_bytes", pa.int64(), "byte", "of the model, stored once an archive"),
        field("encode_ns", pa.int64(), "ns", "encoding, one core; 0 where not taken"),
        field("decode_ns", pa.int64(), "ns", "decoding, one core; 0 where not taken"),
        field("decoded", pa.bool_(), "", "whether it was decoded"),
        field("lossless", pa.bool_(), "", "whether decoding gave the same voxels"),
        field("note", pa.string(), "", "why there is no figure"),
    ],
    metadata={"medzip.table": "sequence", "medzip.sequence": FORMAT},
)
"""The columns; ratios such as bits per voxel are derived on reading."""


def collect(
    size: BenchmarkSize,
    cohort: Cohort,
    jobs: Iterable[JobResult],
    others: Iterable[Row],
) -> Reproduction:
    """Put a run together; the order is that of keys, not that in which workers ended."""
    ordered = tuple(sorted(jobs, key=lambda job: job.key))
    machine = dataclasses.asdict(this_machine())
    versions = dict(machine.pop("versions"))
    return Reproduction(
        datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        commit(),
        machine,
        versions,
        dataclasses.asdict(size),
        tuple(_info(member, fold) for fold, part in enumerate(cohort.folds) for member in part)
        + tuple(_info(member, -1) for member in cohort.unseen),
        ordered,
        tuple(others),
    )


def write_rows(results: Reproduction, path: Path) -> None:
    """Write all rows as Parquet."""
    jobs = {job.key: job for job in results.jobs}
    unseen = set(results.volume_names(unseen=True))
    table = []
    for row in results.rows:
        job = jobs.get(row.job)
        table.append(
            dataclasses.asdict(row)
            | {
                "kind": job.kind if job else "",
                "shape": job.shape if job else "",
                "length": job.length if job else 0,
                "sampling": job.sampling if job else "",
                "unseen": row.volume in unseen,
                "decoded": row.lossless is not None,
                "lossless": bool(row.lossless),
                "model_bytes": job.model_bytes.get(row.backend, 0) if job else 0,
            }
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(table, schema=SCHEMA), path, compression="zstd")


def _info(member: Member, fold: int) -> VolumeInfo:
    voxels = member.voxels()
    return VolumeInfo(member.name, fold, voxels.shape, voxels.dtype.name, member.series.about.facts)
