"""Ctrl-C goes to every process of a terminal: one line, all are gone, and the next run goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from medzip import archive as steps
from medzip.testing.archives import archive_here, same
from medzip.testing.series import write_series

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-c", "from medzip.cli import main; main()"]
LINE = "medzip: stopped; run again to go on where it was\n"
POINTS = {
    "the server of forks gets ready": "lock",
    "workers are at it": "work/*/stage.json",
    "objects are there": "objects/*.zip",
}


def interrupted(arguments: list[str], folder: Path, pattern: str) -> tuple[int | None, str]:
    """Press Ctrl-C when a file appears; exit code and stderr, once all processes let go of it."""
    with subprocess.Popen(
        [*COMMAND, *arguments, "--workers", "3"],
        cwd=ROOT,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while process.poll() is None and not any(folder.glob(pattern)):
            time.sleep(0.001)
        os.killpg(process.pid, signal.SIGINT)
        assert process.stderr is not None
        told = process.stderr.read()
        return process.wait(), told


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for number in range(12):
        write_series(tmp_path / "source" / str(number), f"1.2.{number}", number)
    return tmp_path / "source"


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.timeout(300)
def test_while_compressing(point: str, source: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    arguments = ["compress", str(source), str(archive)]
    assert interrupted(arguments, archive, POINTS[point]) == (130, LINE)
    assert not (archive / "index.json").exists()
    assert steps.compress([source], archive, workers=2).ok
    assert steps.verify(archive).objects == 12


@pytest.mark.timeout(300)
def test_while_restoring(source: Path, tmp_path: Path) -> None:
    archive_here([source], tmp_path / "archive")
    out = tmp_path / "out"
    arguments = ["restore", str(tmp_path / "archive"), str(out)]
    assert interrupted(arguments, out, ".medzip-restoring-*") == (130, LINE)
    assert steps.restore(tmp_path / "archive", out).ok
    same(source, out)
