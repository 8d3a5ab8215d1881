"""Workers and their server killed, at any time: what they died of has failed, and nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medzip import archive as steps
from medzip.archive import ObjectPlan, Verdict, pool, pooling, scanning
from medzip.archive.line import Archiving
from medzip.archive.pooling import run_in_processes
from medzip.archive.workers import Workers, fan_out
from medzip.dicom.walk import name_trees
from medzip.testing.archives import objects
from medzip.testing.series import write_series

ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="there is no server of forks")

FORKED = """
import os, sys
from medzip.archive.workers import fan_out

def call():
    assert [n for _, n in sorted(fan_out(divmod, [(7, 2), (9, 2)], 2))] == [(3, 1), (4, 1)]

if __name__ == "__main__":
    call()
    child = os.fork()
    if not child:
        call()
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    call()
    print("all")
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number in range(5):
        write_series(tmp_path / "source" / str(number), f"1.2.{number}", number)
    write_series(tmp_path / "source" / "dies", "1.2.9", 9)
    return tmp_path / "source"


@pytest.mark.parametrize("table", ["STAGERS", "PROVERS"])
def test_who_was_at_work_beside_it_has_not_failed(
    table: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One call a process at a time: which of them its end was caused by is found out."""
    monkeypatch.setattr(pooling, "LOT_OBJECTS", 1)
    (source / "dies" / "note").write_text("kept whole")
    (source / "dies" / "note2").write_text("kept whole")
    plans = [p for p in steps.scan([source]).plans if p.kind == "series" or table == "PROVERS"]
    line = Archiving(str(tmp_path / "archive"), "fast")
    with steps.archive_lock(tmp_path / "archive"):
        run_in_processes(line, plans, 3, f"medzip.testing.dying:{table}")
    assert len(line.failures) == 1
    proven = [r for r in line.ended.values() if r.verdict is Verdict.PROVEN]
    assert len(proven) == len(plans) - 1


def test_a_file_that_ends_who_reads_it_is_named(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "READ", "medzip.testing.dying:read_files")
    summary = steps.compress([source], tmp_path / "archive", "fast", 2)
    dying = sorted(str(path) for path in (source / "dies").iterdir())
    assert sorted(failure.message.split(": ")[0] for failure in summary.failures) == dying
    assert [r.verdict for r in summary.objects] == [Verdict.PROVEN] * 5
    assert {(f.name, f.stage) for f in summary.failures} == {("scan", "scan")}


def test_files_that_end_who_arranges_them_are_named(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "PLAN", "medzip.testing.dying:plan_groups")
    found = list(scanning.discover(name_trees([source]), 2))
    plans = [one for one in found if isinstance(one, ObjectPlan)]
    assert len(plans) == 5
    named = [str(one.message) for one in found if not isinstance(one, ObjectPlan)]
    assert len(named) == len(list((source / "dies").iterdir()))
    assert all("dies" in message for message in named)


@linux
def test_a_server_that_was_killed_is_started_again(source: Path, tmp_path: Path) -> None:
    """Killed when it is ready, and when it is not."""
    straight = steps.compress([source], tmp_path / "straight", "fast", 2)
    os.kill(pool._server()._forkserver_pid, signal.SIGKILL)
    killed: list[int] = []

    def kill(_: object) -> None:
        if not killed:
            killed.append(pool._server()._forkserver_pid)
            os.kill(killed[0], signal.SIGKILL)

    summary = steps.compress([source], tmp_path / "archive", "fast", 2, kill)
    assert killed
    assert summary.ok
    assert straight.ok
    assert objects(tmp_path / "archive") == objects(tmp_path / "straight")
    with Workers(1) as workers:
        os.kill(pool._server()._forkserver_pid, signal.SIGKILL)
        assert workers.submit(divmod, 7, 2).result() == (3, 1)
        os.kill(pool._server()._forkserver_pid, signal.SIGKILL)
    assert dict(fan_out(divmod, [(7, 2), (9, 2)], 2)) == {0: (3, 1), 1: (4, 1)}


@linux
def test_a_process_that_was_forked_has_a_server_of_its_own(tmp_path: Path) -> None:
    script = tmp_path / "forked.py"
    script.write_text(FORKED)
    paths = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.stdout, done.stderr) == ("all\n", "")


class Stop(BaseException):
    """As Ctrl-C, at a place that is known."""


def test_whoever_gives_up_leaves_nobody_at_work(source: Path, tmp_path: Path) -> None:
    """The archive is no longer locked by then: they would write beside the next run."""

    def stop(event: steps.Event) -> None:
        if event.stage == "commit":
            raise Stop

    with pytest.raises(Stop):
        steps.compress([source], tmp_path / "archive", "fast", 2, stop)
    with steps.archive_lock(tmp_path / "archive"):
        writing = [p for p in multiprocessing.active_children() if p.is_alive()]
    assert len(writing) <= 2  # of those that find: they only read
    calls = fan_out(time.sleep, [(60,), (0,), (60,), (60,)], 2)
    started = time.monotonic()
    assert next(calls)[0] == 1
    calls.close()  # type: ignore[attr-defined]
    assert time.monotonic() - started < 50
    assert steps.compress([source], tmp_path / "archive", "fast", 2).ok
