"""Rows go in once a run, whatever is retried, and come out as they went in."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow.dataset as pads
import pyarrow.parquet as pq
import pytest

from medzip.errors import ArchiveError
from medzip.report import ReportRows, read_report_rows, rows_from, write_report_rows
from medzip.report.dataset import run_ids
from medzip.report.schema import SCHEMAS

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.archive.summary import Summary
    from medzip.report.machine import Machine

LATER = datetime(2027, 1, 1, tzinfo=UTC)


def test_round_trip(tmp_path: Path, rows: ReportRows) -> None:
    write_report_rows(tmp_path, rows)
    assert read_report_rows(tmp_path) == rows


def test_writing_again_replaces(tmp_path: Path, rows: ReportRows) -> None:
    assert write_report_rows(tmp_path, rows) == write_report_rows(tmp_path, rows)
    assert read_report_rows(tmp_path) == rows
    assert sorted(path.name for path in tmp_path.rglob("*.*")) == ["run-run-1.parquet"] * len(
        SCHEMAS
    )


def test_runs_do_not_mix(
    tmp_path: Path, rows: ReportRows, summary: Summary, machine: Machine
) -> None:
    write_report_rows(tmp_path, rows)
    write_report_rows(tmp_path, rows_from(summary, run_id="run-2", machine=machine, started=LATER))
    assert run_ids(tmp_path) == ["run-1", "run-2"]
    assert read_report_rows(tmp_path, "run-1") == rows
    assert read_report_rows(tmp_path).runs[0]["run_id"] == "run-2"


def test_columns_carry_units_on_disk(tmp_path: Path, rows: ReportRows) -> None:
    write_report_rows(tmp_path, rows)
    schema = pads.dataset(tmp_path / "series").schema
    assert schema.equals(SCHEMAS["series"])
    assert schema.metadata[b"medzip.report_schema"] == b"2"
    assert schema.field("fit_ns").metadata[b"unit"] == b"ns"


def test_integers_are_those_of_the_records(rows: ReportRows, summary: Summary) -> None:
    series = rows.series[0]
    record = summary.objects[0]
    parts = ("slab", "model", "envelope", "manifest", "container")
    assert sum(series[f"{part}_bytes"] for part in parts) == record.encoded_bytes
    assert series["fit_ns"] == 3_500_000_000
    assert sum(slab["voxels"] for slab in rows.slabs) == record.voxels


@pytest.mark.parametrize("run_id", ["", "../up", "a/b", ".hidden"])
def test_run_id_must_serve_as_file_name(
    tmp_path: Path, run_id: str, summary: Summary, machine: Machine
) -> None:
    with pytest.raises(ValueError, match="run id"):
        write_report_rows(tmp_path, rows_from(summary, run_id=run_id, machine=machine))


def test_rows_of_two_runs_are_refused(tmp_path: Path, rows: ReportRows) -> None:
    mixed = dataclasses.replace(rows, runs=(*rows.runs, {**rows.runs[0], "run_id": "other"}))
    with pytest.raises(ValueError, match="one run"):
        write_report_rows(tmp_path, mixed)


def test_missing_run_is_named(tmp_path: Path, rows: ReportRows) -> None:
    with pytest.raises(ArchiveError, match="none"):
        read_report_rows(tmp_path)
    write_report_rows(tmp_path, rows)
    with pytest.raises(ArchiveError, match="run-1"):
        read_report_rows(tmp_path, "run-9")


@pytest.mark.parametrize("version", [b"1", b"3"])
def test_other_schemas_are_refused(tmp_path: Path, rows: ReportRows, version: bytes) -> None:
    write_report_rows(tmp_path, rows)
    file = tmp_path / "series" / "run-run-1.parquet"
    other = {**SCHEMAS["series"].metadata, b"medzip.report_schema": version}
    pq.write_table(pq.read_table(file).replace_schema_metadata(other), file)
    with pytest.raises(ArchiveError, match="expected report schema 2"):
        read_report_rows(tmp_path)


def test_summary_without_objects(tmp_path: Path, summary: Summary, machine: Machine) -> None:
    empty = dataclasses.replace(summary, objects=(), failures=())
    write_report_rows(tmp_path, rows_from(empty, run_id="empty", machine=machine))
    assert read_report_rows(tmp_path).series == ()
