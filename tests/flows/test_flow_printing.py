"""What is printed for people and programs."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from medzip.archive import Failure, ObjectPlan, Summary, Verdict, failed_record
from medzip.cli.console import show_json
from medzip.dicom.records import FileEntry

PATH = "/in/DOE^JANE/1.dcm"


@pytest.fixture
def summary() -> Summary:
    plan = ObjectPlan("ab" * 32, "series", (FileEntry("1.dcm", PATH, 10, "", 0, 0),), ())
    failure = Failure(plan.name, "stage", "SourceError", f"{PATH}: expected to read it")
    failed = failed_record(plan, "fast", failure)
    proven = replace(failed, key="cd" * 32, verdict=Verdict.ALREADY_PROVEN, failure=None)
    unread = Failure("scan", "scan", "SourceError", f"{PATH}: expected a file")
    return Summary("/archive", "fast", (failed, proven), (unread, failure), 1.0)


def test_json_says_what_failed_without_a_path(
    summary: Summary, capsys: pytest.CaptureFixture[str]
) -> None:
    show_json(summary.public())
    said = capsys.readouterr().out
    assert "DOE" not in said
    assert json.loads(said)["failures"] == [
        {"name": "scan", "stage": "scan", "kind": "SourceError"},
        {"name": "ab" * 6, "stage": "stage", "kind": "SourceError"},
    ]
