"""Which model each volume was coded with and why, and what recompressing gained."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from medzip.archive.records import ModelTrial
from medzip.report import GainRecord, read_report_rows, rows_from, write_report_rows
from medzip.report.html import page

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.archive.summary import Summary
    from medzip.report import ReportRows
    from medzip.report.machine import Machine


def trial(name: str, estimate: int, *, chosen: bool, reason: str) -> ModelTrial:
    return ModelTrial(0, name, "d" * 64, 1000, 500, 41, estimate, chosen, reason)


@pytest.fixture
def rows(summary: Summary, machine: Machine) -> ReportRows:
    trials = (
        trial("default", 70_000, chosen=False, reason="4.5 % more bytes than <model-1>"),
        trial("<model-1>", 67_000, chosen=True, reason="fewest bytes of 2 models"),
    )
    first = replace(summary.objects[0], trials=trials)
    return rows_from(
        replace(summary, objects=(first, *summary.objects[1:])),
        run_id="run-1",
        gains=[
            GainRecord("a" * 12, "replaced", "-5.00 % bytes", 100_000, 95_000),
            GainRecord("b" * 12, "kept", "no models are registered", 20_000, 20_000),
        ],
        machine=machine,
    )


def test_rows_come_back(rows: ReportRows, tmp_path: Path) -> None:
    write_report_rows(tmp_path, rows)
    again = read_report_rows(tmp_path)
    assert again.trials == rows.trials
    assert again.gains == rows.gains
    assert [row["model"] for row in again.trials if row["chosen"]] == ["<model-1>"]


def test_page_says_which_model_and_why(rows: ReportRows) -> None:
    text = page(rows)
    assert "&lt;model-1&gt;</td><td>4.000</td>" in text
    assert "fewest bytes of 2 models" in text
    assert "default: 4.5 % more bytes than &lt;model-1&gt;" in text


def test_page_says_what_was_gained(rows: ReportRows) -> None:
    text = page(rows)
    assert "1 of 2 objects have a smaller one in their place" in text
    assert "120 kB before, 115 kB after (−4.2 %)" in text
    assert "no models are registered" in text


def test_page_without_choices_has_neither(summary: Summary, machine: Machine) -> None:
    text = page(rows_from(summary, run_id="run-1", machine=machine))
    assert "Models chosen" not in text
    assert "Recompressed" not in text
