"""How a run begins and ends, and that Prefect is told of no path."""

from __future__ import annotations

import logging
import pickle
from dataclasses import replace

import medzip_flows.running
import pytest
from medzip_flows.cluster import LOCAL, ClusterError, Where
from medzip_flows.running import IncompleteError, at_work, ended
from medzip_tasks.policy import StepFailedError

from medzip.archive import Failure, ObjectPlan, Summary, Verdict, failed_record
from medzip.archive.recompressing import Outcome, Recompressed, RecompressSummary
from medzip.errors import SourceError

SECRET = "/in/DOE^JANE/1.dcm"
FAILURE = Failure("cc" * 6, "stage", "SourceError", f"{SECRET}: expected to read it")
FAILED = failed_record(ObjectPlan("cc" * 32, "series", (), ()), "fast", FAILURE)
PROVEN = replace(FAILED, verdict=Verdict.PROVEN, failure=None)
ARCHIVED = Summary("/archive", "fast", (FAILED, PROVEN), (FAILURE,), 1.0)
RECODED = RecompressSummary(
    "/archive", (Recompressed("cc" * 32, Outcome.FAILED, 9, 9, "", failure=FAILURE),), 0, 1.0
)


def test_a_cluster_that_makes_no_sense_is_refused_before_anything_begins() -> None:
    begun = []
    with pytest.raises(ClusterError), at_work(Where(3, scheduler="tcp://a:1")):
        begun.append(1)
    assert not begun


@pytest.mark.parametrize(
    "error",
    [
        SourceError(f"{SECRET}: expected a file"),
        OSError(5, "Input/output error", SECRET),
        StepFailedError(FAILURE, transient=False),
    ],
)
def test_what_ends_a_run_is_told_on_stderr_alone(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(StepFailedError) as caught, at_work(LOCAL):
        raise error
    assert "DOE" not in str(caught.value)
    assert caught.value.__suppress_context__
    said = capsys.readouterr()
    assert said.err.startswith(f"error: {SECRET}: ")
    assert said.out == ""


@pytest.mark.parametrize("summary", [ARCHIVED, RECODED])
def test_what_failed_is_told_and_the_summary_kept(
    summary: Summary | RecompressSummary,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(medzip_flows.running, "get_run_logger", logging.getLogger)
    state = ended(summary)
    assert state.is_failed()
    assert isinstance(state.data, IncompleteError)
    assert pickle.loads(pickle.dumps(state.data)).summary == summary
    assert f"(1 of {len(summary.objects)} objects, which are as they were" in state.message
    assert capsys.readouterr().err == f"{'cc' * 6}: {FAILURE.message}\n"
    assert caplog.messages == [f"{'cc' * 6}: stage: SourceError"]
    assert "DOE" not in state.message


def test_what_went_well_is_the_summary_itself() -> None:
    summary = replace(ARCHIVED, objects=(PROVEN,), failures=())
    assert ended(summary) is summary
