"""One folder of Parquet that holds the rows of every run.

    DATASET/<table>/run-<run id>.parquet

Writing a run again replaces its files and touches no other run's, so a retried task leaves no
duplicates and two runs never wait for each other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as pads
import pyarrow.parquet as pq

from medzip.errors import ArchiveError
from medzip.report.schema import SCHEMA_VERSION, SCHEMAS

__all__ = ["ReportRows", "read_report_rows", "run_ids", "write_report_rows"]

Row = Mapping[str, Any]

_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class ReportRows:
    """Rows of one run, or of several read together; every row carries its run id.

    Attributes hold mappings with exactly the columns of :data:`medzip.report.schema.SCHEMAS`.
    """

    runs: tuple[Row, ...]
    series: tuple[Row, ...] = ()
    slabs: tuple[Row, ...] = ()
    failures: tuple[Row, ...] = ()
    peers: tuple[Row, ...] = ()
    pictures: tuple[Row, ...] = field(default=(), repr=False)
    trials: tuple[Row, ...] = ()
    gains: tuple[Row, ...] = ()

    def table(self, name: str) -> pa.Table:
        """Return the rows of one table under its schema."""
        return pa.Table.from_pylist(list(getattr(self, name)), schema=SCHEMAS[name])


def write_report_rows(dataset: str | os.PathLike[str], rows: ReportRows) -> list[Path]:
    """Write the rows of one run; a second write of the same run replaces the first.

    Parameters
    ----------
    dataset
        Folder of the dataset; made if absent.
    rows
        Rows of exactly one run.

    Returns
    -------
    list of Path
        The files written, one a table.

    Raises
    ------
    ValueError
        If the rows are of no run or of several, or the run id does not serve as a file name.
    """
    ids = {row["run_id"] for name in SCHEMAS for row in getattr(rows, name)}
    if len(rows.runs) != 1 or ids != {rows.runs[0]["run_id"]}:
        raise ValueError(
            f"expected rows of one run and its row in runs, got {len(rows.runs)} runs and run ids "
            f"{sorted(ids)}; write each run on its own"
        )
    run_id = rows.runs[0]["run_id"]
    if not _RUN_ID.fullmatch(run_id):
        raise ValueError(
            f"expected a run id of letters, digits, dot, dash and underscore, got {run_id!r}; "
            "it becomes a file name"
        )
    written = []
    for name in SCHEMAS:
        folder = Path(dataset) / name
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"run-{run_id}.parquet"
        # A reader of the dataset must never meet half a file: other name, other ending, rename.
        temporary = folder / f".run-{run_id}.{os.getpid()}.tmp"
        pq.write_table(rows.table(name), temporary, compression="zstd")
        temporary.replace(target)
        written.append(target)
    return written


def run_ids(dataset: str | os.PathLike[str]) -> list[str]:
    """List the runs of a dataset, the oldest first."""
    rows = _read(Path(dataset), "runs").sort_by([("started", "ascending"), ("run_id", "ascending")])
    return [str(value) for value in rows.column("run_id").to_pylist()]


def read_report_rows(
    dataset: str | os.PathLike[str], run_id: str | None = None, *, pictures: bool = True
) -> ReportRows:
    """Read the rows of one run, the newest unless named.

    Raises
    ------
    ArchiveError
        If the dataset does not exist, has not that run, or was written by another MedZip.
    """
    known = run_ids(dataset)
    if not known or (run_id is not None and run_id not in known):
        raise ArchiveError(
            f"expected run {run_id or '(any)'} in the report dataset {dataset}, got "
            f"{', '.join(known) or 'none'}; name one of those or run the archive flow first"
        )
    chosen = run_id or known[-1]
    tables: dict[str, tuple[Row, ...]] = {}
    for name in SCHEMAS:
        if name == "pictures" and not pictures:
            continue
        table = _read(Path(dataset), name, pads.field("run_id") == chosen)
        tables[name] = tuple(table.to_pylist(maps_as_pydicts="strict"))
    return ReportRows(**tables)


def _read(dataset: Path, name: str, where: pads.Expression | None = None) -> pa.Table:
    files = sorted((dataset / name).glob("run-*.parquet"))
    if not files:
        return SCHEMAS[name].empty_table()
    for file in files:
        metadata = pq.read_schema(file).metadata or {}
        found = int(metadata.get(b"medzip.report_schema", b"0"))
        if found != SCHEMA_VERSION:
            raise ArchiveError(
                f"expected report schema {SCHEMA_VERSION}, got {found} in {file}; use the medzip "
                "that wrote it, or move that file out of the dataset"
            )
    return pads.dataset(files, schema=SCHEMAS[name], format="parquet").to_table(filter=where)
