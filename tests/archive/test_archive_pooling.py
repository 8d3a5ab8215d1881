"""Objects on several processes: how many interpreters that takes, and what a dead one costs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medzip import archive as steps
from medzip.archive import Failure, ObjectPlan, Verdict, pooling
from medzip.archive.line import Archiving, Step
from medzip.archive.pooling import run_in_processes
from medzip.archive.scanning import discover, scan
from medzip.codec.fast.engine import Engine
from medzip.dicom.walk import name_trees
from medzip.testing.archives import archive_object, objects
from medzip.testing.series import volume, write_series, write_slice, write_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]

COUNTING = """
import os, sys
with open(os.environ["MEDZIP_TEST_COUNT"], "a") as file:
    file.write(" ".join(sys.orig_argv[1:])[:200].replace(chr(10), " ") + chr(10))
"""

COMPRESS = """
import json, sys
from medzip.archive import compress
print("begins")  # once: no worker runs this script again, so it needs no guard
summary = compress([sys.argv[1]], sys.argv[2], "fast", 2)
heavy = {"torch", "numba", "numpy", "zarr", "pydicom", "highdicom"}
print(json.dumps({"ok": summary.ok, "heavy": sorted(heavy & set(sys.modules))}))
"""


def write_singles(folder: Path, count: int) -> None:
    for number in range(count):
        path = folder / f"{number:03d}.dcm"
        write_slice(path, volume((1, 9, 11), number)[0], series=f"1.2.3.{number}", position=None)


def test_one_interpreter_has_the_codec_and_the_others_are_its_forks(tmp_path: Path) -> None:
    """An interpreter with torch and the kernels takes two seconds of CPU: one is enough."""
    write_singles(tmp_path / "source", 5)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(COUNTING)
    script = tmp_path / "run.py"
    script.write_text(COMPRESS)
    count = tmp_path / "count"
    paths = [str(tmp_path / "site"), str(ROOT), *filter(None, sys.path)]
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path / "source"), str(tmp_path / "archive")],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "MEDZIP_TEST_COUNT": str(count),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    begins, said = done.stdout.splitlines()
    assert begins == "begins"
    assert json.loads(said) == {"ok": True, "heavy": []}
    started = count.read_text().splitlines()
    if sys.platform == "linux":
        assert len(started) == 3, started
        assert sum("resource_tracker" in line for line in started) == 1
        assert sum("forkserver" in line for line in started) == 1


def test_a_proof_decodes_every_slab_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medzip.profile.SLAB_VOXELS", 24 * 20 * 4)
    write_series(tmp_path / "source", slices=14)
    (plan,) = steps.scan([tmp_path / "source"]).plans
    decoded, threads = [], set()
    decode = Engine.decode

    def counted(engine: Engine, *arguments: object) -> object:
        decoded.append(engine.layout.shape)
        threads.add(threading.current_thread() is threading.main_thread())
        return decode(engine, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Engine, "decode", counted)
    record = archive_object(plan, tmp_path / "archive")
    assert len(record.slabs) > 2
    assert len(decoded) == len(record.slabs)
    assert threads == {True, False}  # the last one by Zarr, which decodes on threads of its own


@pytest.mark.parametrize("workers", [1, 2])
def test_found_in_processes_or_here_is_the_same(workers: int, tmp_path: Path) -> None:
    write_tree(tmp_path / "source")
    write_singles(tmp_path / "source" / "many", 70)
    trees = name_trees([tmp_path / "source"])
    elsewhere = [one for one in discover(trees, workers) if isinstance(one, ObjectPlan)]
    here = [one for one in discover(trees, 0) if isinstance(one, ObjectPlan)]
    assert elsewhere == here
    assert sorted(here, key=lambda plan: plan.key) == list(scan([tmp_path / "source"]).plans)


def test_work_begins_before_everything_is_found(tmp_path: Path) -> None:
    """The last object is held back until the first is there: with less it would wait forever."""
    write_singles(tmp_path / "source", 3)
    plans = steps.scan([tmp_path / "source"]).plans
    archive = tmp_path / "archive"
    ended = threading.Event()

    def found() -> Iterator[ObjectPlan]:
        yield from plans[:2]
        assert ended.wait(60)
        yield plans[2]

    line = Archiving(str(archive), "fast", tell=lambda event: ended.set())
    with steps.archive_lock(archive):
        run_in_processes(line, found(), 1)
    assert [r.verdict for r in line.ended.values()] == [Verdict.PROVEN] * 3


def test_whoever_finds_may_fail_and_what_was_begun_ends(tmp_path: Path) -> None:
    write_singles(tmp_path / "source", 2)
    plans = steps.scan([tmp_path / "source"]).plans

    def found() -> Iterator[ObjectPlan]:
        yield plans[0]
        raise MemoryError("expected an answer, got none")

    line = Archiving(str(tmp_path / "archive"), "fast")
    with steps.archive_lock(tmp_path / "archive"), pytest.raises(MemoryError):
        run_in_processes(line, found(), 1)
    assert [r.verdict for r in line.ended.values()] == [Verdict.PROVEN]


@pytest.mark.parametrize("table", ["STAGERS", "PROVERS"])
def test_a_process_that_dies_costs_its_object_and_no_other(table: str, tmp_path: Path) -> None:
    write_singles(tmp_path / "source", 6)
    write_series(tmp_path / "source" / "dies", slices=2)
    plans = steps.scan([tmp_path / "source"]).plans
    line = Archiving(str(tmp_path / "archive"), "fast")
    with steps.archive_lock(tmp_path / "archive"):
        run_in_processes(line, plans, 1, f"medzip.testing.dying:{table}")
    (failure,) = line.failures
    expected = ("stage", "MemoryError") if table == "STAGERS" else ("prove", "ProverError")
    victim = next(plan for plan in plans if any("dies" in file.path for file in plan.files))
    assert failure.name == victim.name
    assert failure.kind == expected[1]
    proven = [r.key for r in line.ended.values() if r.verdict is Verdict.PROVEN]
    assert sorted(proven) == sorted(plan.key for plan in plans if plan is not victim)


def test_small_objects_share_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve objects are six steps each; what goes to a process is a lot of them."""
    write_singles(tmp_path / "source", 12)
    asked: list[Step] = []
    submit = pooling._Pools.submit

    def counted(pools: pooling._Pools, step: Step, call: object) -> object:
        asked.append(step)
        return submit(pools, step, call)  # type: ignore[arg-type]

    monkeypatch.setattr(pooling._Pools, "submit", counted)
    summary = steps.compress([tmp_path / "source"], tmp_path / "archive", "fast", 1)
    assert summary.ok
    assert len(asked) <= 12
    assert set(asked) == {Step.CHECK, Step.PROVE}


def test_objects_of_any_size_come_out_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In lots or step by step, by one process or by two: the same files."""
    write_tree(tmp_path / "source")
    steps.compress([tmp_path / "source"], tmp_path / "lots", "fast", 1)
    monkeypatch.setattr(pooling, "SMALL_BYTES", 0)
    steps.compress([tmp_path / "source"], tmp_path / "steps", "fast", 2)
    one, two = (objects(tmp_path / name) for name in ("lots", "steps"))
    assert one == two


def test_what_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    os.mkfifo(tmp_path / "source" / "pipe")
    (found,) = [
        one for one in discover(name_trees([tmp_path / "source"]), 0) if isinstance(one, Failure)
    ]
    assert "special file" in found.message


def test_a_small_object_waits_for_the_disk_when_it_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its work does not: the object itself, its digest, and the names of both."""
    write_singles(tmp_path / "source", 1)
    (plan,) = steps.scan([tmp_path / "source"]).plans
    (tmp_path / "archive" / "objects").mkdir(parents=True)
    waits = []
    fsync = os.fsync

    def counted(handle: int) -> None:
        waits.append(os.path.basename(os.readlink(f"/proc/self/fd/{handle}")))
        fsync(handle)

    monkeypatch.setattr("os.fsync", counted)
    archive_object(plan, tmp_path / "archive")
    assert waits[0] == "object.zip"
    assert all("sha256" in name or name == "objects" for name in waits[1:])
    assert len(waits) <= 4


def test_work_that_did_not_wait_for_the_disk_ends_with_the_power(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_singles(tmp_path / "source", 1)
    (plan,) = steps.scan([tmp_path / "source"]).plans
    first = steps.stage(plan, tmp_path / "archive", "fast")
    assert steps.stage(plan, tmp_path / "archive", "fast") == first
    monkeypatch.setattr("medzip.archive.staging.boot", lambda: "another")
    assert steps.stage(plan, tmp_path / "archive", "fast").seconds != first.seconds
