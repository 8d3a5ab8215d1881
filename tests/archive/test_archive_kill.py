"""A run killed with -9 at any point, started again, ends in the same archive."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medzip import archive as steps
from medzip.testing.archives import archive_here, objects, same
from medzip.testing.series import write_series

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from medzip.cli import main; main()", "compress"]

POINTS = ["work/*/slabs/0/0.slab", "objects/*.zip"]
# Each appears at another point of a run; the last one just before its end.
ALL_POINTS = [
    "medzip.json",
    "work/*/envelope.zst",
    "work/*/stage.json",
    "work/*/models/fit.json",
    "work/*/slabs/0/0.slab",
    "work/*/slabs/0/0.json",
    "work/*/object.zip",
    "objects/*.zip.sha256",
    "objects/*.zip",
    "index.json",
    "index.json.sha256",
]


def run_until(pattern: str, source: Path, archive: Path, group: bool) -> bool:
    """Start a run and kill it when a file appears; False if it ended before.

    Either the whole process group dies or the main process alone, whose workers must follow it.
    """
    command = [*COMMAND, str(source), str(archive), "--profile", "fast", "--workers", "2"]
    there = set(archive.glob(pattern))
    with subprocess.Popen(
        command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL
    ) as process:
        while process.poll() is None:
            if set(archive.glob(pattern)) - there:
                send = os.killpg if group else os.kill
                send(process.pid, signal.SIGKILL)
                assert process.wait() == -signal.SIGKILL
                return True
            time.sleep(0.001)
    return False


def check(points: list[str], tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_series(source / "a", "1.2.3", 0)
    write_series(source / "b", "1.2.4", 1)
    (source / "text").write_text("text")
    archive_here([source], tmp_path / "straight")
    expected = objects(tmp_path / "straight")
    killed = [
        run_until(pattern, source, tmp_path / "archive", number % 2 == 0)
        for number, pattern in enumerate(points)
    ]
    assert sum(killed) > len(points) // 2
    # Whatever the last run left: one that is not disturbed ends in the same archive.
    assert steps.compress([source], tmp_path / "archive", "fast", 1).ok
    assert objects(tmp_path / "archive") == expected
    assert steps.verify(tmp_path / "archive").ok
    assert steps.restore(tmp_path / "archive", tmp_path / "out").ok
    same(source, tmp_path / "out")


@pytest.mark.timeout(600)
def test_killed_at_some_points(tmp_path: Path) -> None:
    check(POINTS, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_killed_at_every_point(tmp_path: Path) -> None:
    check(ALL_POINTS, tmp_path)
