"""A run killed with SIGKILL, started again, ends in the archive of an undisturbed run."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from medzip.archive import restore, verify
from medzip.bench.phantom import SeriesSpec, ct_volume, write_series
from medzip.bench.trees import differences
from medzip.testing.archives import archive_here

from .flow_command import PROGRAM
from .processes import kill, kill_a_worker

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (32, 96, 96)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four series that are enough work to be interrupted in."""
    folder = tmp_path_factory.mktemp("cohort")
    for number in range(4):
        spec = SeriesSpec(number, 1, 1, "CT", "CHEST")
        write_series(folder / f"series-{number}", ct_volume(SHAPE, seed=number), spec)
    return folder


def command(cohort: Path, archive: Path) -> list[str]:
    options = ["--profile", "fast", "--workers", "2", "--compare", "0"]
    return [*PROGRAM, "archive", str(cohort), str(archive), *options]


def start(
    cohort: Path, archive: Path, environment: dict[str, str], log: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            command(cohort, archive),
            env=environment,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def objects(archive: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((archive / "objects").glob("*"))}


def wait_for(archive: Path, pattern: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a file of that name is there and the run is still at work."""
    while not any(archive.glob(pattern)):
        assert process.poll() is None, log.read_text()
        time.sleep(0.005)


@pytest.fixture(scope="module")
def undisturbed(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Objects of a run that nobody killed, made here without Prefect and Dask."""
    archive = tmp_path_factory.mktemp("undisturbed") / "archive"
    assert archive_here([cohort], archive).ok
    return objects(archive)


def test_killed_run_resumes_and_killed_worker_is_replaced(
    cohort: Path, undisturbed: dict[str, bytes], environment: dict[str, str], tmp_path: Path
) -> None:
    archive, log = tmp_path / "archive", tmp_path / "log"
    process = start(cohort, archive, environment, log)
    wait_for(archive, "work/*/slabs/*/*.slab", process, log)
    kill(process)
    assert len(list(archive.glob("objects/*.zip"))) < len(undisturbed) / 2
    coded = len(list(archive.glob("work/*/slabs/*/*.slab")))
    assert coded

    process = start(cohort, archive, environment, log)
    while len(list(archive.glob("work/*/slabs/*/*.slab"))) <= coded:
        assert process.poll() is None, log.read_text()
        time.sleep(0.005)
    kill_a_worker(process)
    assert process.wait() == 0, log.read_text()

    assert "Restarting worker" in log.read_text()
    assert objects(archive) == undisturbed
    assert not (archive / "work").exists()
    assert verify(archive).ok
    restore(archive, tmp_path / "restored")
    assert differences(cohort, tmp_path / "restored") == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern",
    [
        "medzip.json",
        "work/*/stage.json",
        "work/*/models/fit.json",
        "work/*/object.zip",
        "objects/*",
    ],
)
def test_killed_anywhere_resumes_to_the_same_archive(
    cohort: Path,
    undisturbed: dict[str, bytes],
    environment: dict[str, str],
    tmp_path: Path,
    pattern: str,
) -> None:
    archive, log = tmp_path / "archive", tmp_path / "log"
    process = start(cohort, archive, environment, log)
    wait_for(archive, pattern, process, log)
    kill(process)
    process = start(cohort, archive, environment, log)
    assert process.wait() == 0, log.read_text()
    assert objects(archive) == undisturbed
    assert verify(archive).ok
