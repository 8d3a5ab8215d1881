"""Tables of a run for people, and an archive as it is after a recompression."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medzip.archive import Failure, ModelTrial, ObjectPlan, Summary, Verdict, failed_record
from medzip.archive.recompressing import Outcome, Recompressed, RecompressSummary
from medzip.archive.records import PartBytes, SeriesRecord
from medzip.report.curves import CURVE_ROWS, curve_image, curve_markdown
from medzip.report.tables import as_it_is, bits_rows, gains_of, gains_rows, objects_rows
from medzip.training.curves import Point
from medzip.training.run import TrainedModel

SECRET = "/in/DOE^JANE/1.dcm"
FAILURE = Failure("cc" * 6, "stage", "SourceError", f"{SECRET}: expected to read it")
TRIAL = ModelTrial(0, "default", "0" * 64, 10, 5, 0, 50, True, "fewest bytes")


def record(key: str, verdict: Verdict, **changes: Any) -> SeriesRecord:
    plan = ObjectPlan(key * 32, "series", (), ())
    failed = failed_record(plan, "fast", replace(FAILURE, name=plan.name))
    made = failed if verdict is Verdict.FAILED else replace(failed, failure=None)
    return replace(made, verdict=verdict, **changes)


def tried(key: str, outcome: Outcome, before: int, after: int, **more: Any) -> Recompressed:
    return Recompressed(key * 32, outcome, before, after, f"why {key}", **more)


def test_objects_are_rows_of_plain_values_without_a_path() -> None:
    proven = record("aa", Verdict.PROVEN, voxels=16, parts=PartBytes(slabs=3, model=1))
    proven = replace(proven, kept_whole=(("no pixels", 2), ("odd header", 1)))
    rows = objects_rows(
        Summary("/archive", "fast", (proven, record("cc", Verdict.FAILED)), (FAILURE,), 1.0)
    )
    assert [row["object"] for row in rows] == ["aa" * 6, "cc" * 6]
    assert [row["bits per voxel"] for row in rows] == [2.0, None]
    assert [row["kept whole"] for row in rows] == [3, 0]
    assert [row["failure"] for row in rows] == ["", "stage: SourceError"]
    assert "DOE" not in str(rows)


@pytest.fixture
def recompressed() -> RecompressSummary:
    objects = (
        tried("aa", Outcome.KEPT, 100, 100, trials=(TRIAL, replace(TRIAL, chosen=False, name="x"))),
        tried("bb", Outcome.REPLACED, 100, 40, record=record("bb", Verdict.PROVEN)),
        tried("cc", Outcome.FAILED, 100, 100, failure=FAILURE),
    )
    return RecompressSummary("/archive", objects, 7, 2.5)


def test_those_that_gained_most_come_first(recompressed: RecompressSummary) -> None:
    rows = gains_rows(recompressed)
    assert [row["object"] for row in rows] == ["bb" * 6, "aa" * 6, "cc" * 6]
    assert [row["model"] for row in rows] == ["", "default", ""]
    assert [one.outcome for one in gains_of(recompressed)] == ["kept", "replaced", "failed"]
    assert "DOE" not in str(rows)


def test_an_archive_after_a_recompression_has_all_objects(recompressed: RecompressSummary) -> None:
    described = [record(key, Verdict.RECORDED) for key in ("aa", "bb", "dd")]
    now = as_it_is(recompressed, [*described, record("ee", Verdict.RECORDED, profile="max")])
    assert [one.key[:2] for one in now.objects] == ["aa", "bb", "dd", "ee"]
    recorded, proven = Verdict.RECORDED, Verdict.PROVEN
    assert [one.verdict for one in now.objects] == [recorded, proven, recorded, recorded]
    assert [len(one.trials) for one in now.objects] == [2, 0, 0, 0]
    assert (now.profile, now.seconds, now.failures) == ("fast, max", 2.5, ())


def trained(**start: float) -> TrainedModel:
    return TrainedModel(Path("m"), "ab" * 32, {"one": 2.0, "two": 3.0}, start, 10, 1.0, 0)


def test_bits_come_with_what_the_model_started_from() -> None:
    assert bits_rows(trained()) == [
        {"series": "two", "bits": 3.0, "before": None, "saved, %": None},
        {"series": "one", "bits": 2.0, "before": None, "saved, %": None},
    ]
    assert [row["saved, %"] for row in bits_rows(trained(one=4.0, two=3.0))] == [0.0, 50.0]


def test_curves_are_a_picture_and_a_table_of_some_rows() -> None:
    points = [
        Point(step, 1000, 2.0, 0.1, 1.0, {"one": 2.0} if step % 500 == 0 else {})
        for step in range(1, 1001)
    ]
    kind, _, data = curve_image(points).partition(";base64,")
    assert kind == "data:image/svg+xml"
    drawn = base64.b64decode(data).decode()
    assert "<svg" in drawn
    assert "<image" not in drawn, "a drawing, no raster"
    table = [line for line in curve_markdown(trained(), points).splitlines() if line[:1] == "|"]
    assert table[-1].startswith("| 1000 | 2.0000 | 2.0000 |")
    assert CURVE_ROWS <= len(table) - 2 <= CURVE_ROWS + 2
