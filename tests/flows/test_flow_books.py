"""One record an object, neither more nor less."""

from __future__ import annotations

from dataclasses import replace

from medzip_flows.books import balanced

from medzip.archive import ObjectPlan, SeriesRecord, Verdict, failed_record
from medzip.archive.records import Failure
from medzip.dicom.records import FileEntry


def plan(number: int) -> ObjectPlan:
    file = FileEntry(f"{number}.dcm", f"/in/{number}.dcm", 10, "", 0, 0)
    return ObjectPlan(f"{number:064x}", "series", (file,), ())


def proven(number: int) -> SeriesRecord:
    failed = failed_record(plan(number), "fast", Failure("", "", "", ""))
    return replace(failed, verdict=Verdict.PROVEN, failure=None)


PLANS = [plan(number) for number in (3, 1, 2)]


def test_records_come_in_the_order_of_their_keys() -> None:
    records = [proven(2), proven(3), proven(1)]
    assert balanced(PLANS, records, "fast") == (proven(1), proven(2), proven(3))
    assert balanced([], [], "fast") == ()


def test_none_and_several_are_failures() -> None:
    for records, count in ([proven(1), proven(3)], 0), ([*map(proven, (1, 2, 3, 2))], 2):
        first, second, third = balanced(PLANS, records, "fast")
        assert (first, third) == (proven(1), proven(3))
        assert second.verdict is Verdict.FAILED
        assert second.failure is not None
        assert (second.failure.name, second.failure.kind) == (plan(2).name, "lost")
        assert f"expected one record of each object, got {count};" in second.failure.message


def test_a_record_of_another_object_is_left_out() -> None:
    assert balanced(PLANS[:1], [proven(3), proven(4)], "fast") == (proven(3),)
