"""Retries and balance of a lot, with a runner that runs each task at once in this process."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import medzip_tasks.apart
import medzip_tasks.archive
import pytest
from medzip_tasks.apart import prove_apart
from medzip_tasks.driving import Driver

from medzip.archive import Verdict, archive_lock, scan
from medzip.archive.line import Archiving
from medzip.errors import SourceError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from prefect import Task

    from medzip.archive import ObjectPlan, Proof, Sealed, SeriesRecord


@dataclass
class Future:
    """What a task returned or raised."""

    value: Any = None
    error: Exception | None = None

    def result(self) -> Any:
        if self.error is not None:
            raise self.error
        return self.value


@dataclass
class Runner:
    """Calls the function of each task; notes how many objects each call took."""

    calls: list[tuple[str, int]] = field(default_factory=list)

    @property
    def client(self) -> Runner:
        return self

    def run(self, call: Callable[[], int], on_error: str) -> dict[str, int]:
        return {}

    def submit(self, task: Task[..., Any], parameters: dict[str, Any]) -> Future:
        self.calls.append((parameters.get("step", "lot"), len(parameters["items"])))
        try:
            return Future(task.fn(**parameters))
        except Exception as error:
            return Future(error=error)


@pytest.fixture
def lot(tmp_path: Path) -> tuple[ObjectPlan, ...]:
    """Three small objects without voxels."""
    for name in "abc":
        folder = tmp_path / "source" / name
        folder.mkdir(parents=True)
        (folder / "notes.txt").write_text(f"notes of {name}")
    plans = scan([str(tmp_path / "source")]).plans
    assert len(plans) == 3
    return plans


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Path]:
    with archive_lock(tmp_path / "archive"):
        yield tmp_path / "archive"


def take(runner: Runner, archive: Path, lot: Sequence[ObjectPlan]) -> dict[str, SeriesRecord]:
    line = Archiving(str(archive), "fast")
    Driver(runner, line).take(lot)  # type: ignore[arg-type]
    assert line.ended.keys() == {plan.key for plan in lot}
    return dict(line.ended)


def fails_once(victim: str, error: Exception) -> Callable[[Sequence[Sealed]], list[Any]]:
    """A prover that fails for one object the first time that it sees it."""
    seen: set[str] = set()

    def prove(sealed: Sequence[Sealed]) -> list[Proof | Exception]:
        answers = prove_apart(sealed)
        for number, item in enumerate(sealed):
            if item.key == victim and victim not in seen:
                seen.add(victim)
                answers[number] = error
        return answers

    return prove


def test_a_proof_that_fails_once_is_not_tried_again(
    lot: tuple[ObjectPlan, ...], archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = lot[1]
    mismatch = VerificationError("expected SHA-256 a, got b; restore it from a copy")
    monkeypatch.setattr(medzip_tasks.archive, "prove_apart", fails_once(victim.key, mismatch))
    runner = Runner()
    records = take(runner, archive, lot)
    assert [call for call in runner.calls if call[0] == "prove"] == [("prove", 3)]
    failed = records.pop(victim.key)
    assert failed.verdict is Verdict.FAILED
    assert failed.failure is not None
    assert (failed.failure.stage, failed.failure.kind) == ("prove", "VerificationError")
    assert {record.verdict for record in records.values()} == {Verdict.PROVEN}
    assert {path.stem for path in (archive / "objects").glob("*.zip")} == set(records)
    assert not (archive / "work" / victim.key).exists()


def test_another_failure_is_tried_again_alone(
    lot: tuple[ObjectPlan, ...], archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = SourceError("expected to read it, got nothing; check the disk")
    monkeypatch.setattr(medzip_tasks.archive, "prove_apart", fails_once(lot[1].key, error))
    runner = Runner()
    records = take(runner, archive, lot)
    proofs = [call for call in runner.calls if call[0] == "prove"]
    assert proofs == [("prove", 3), ("prove", 1)]
    assert {record.verdict for record in records.values()} == {Verdict.PROVEN}


def killed(times: int) -> Callable[..., Any]:
    """Stand-in for ``subprocess.run`` whose first interpreters die by a signal."""
    left = [times]
    real = subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        if left[0]:
            left[0] -= 1
            dies = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
            command = [sys.executable, "-c", dies]
        return real(command, **options)

    return run


def test_a_prover_that_was_killed_once_costs_nothing(
    lot: tuple[ObjectPlan, ...], archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(medzip_tasks.apart.subprocess, "run", killed(1))
    runner = Runner()
    records = take(runner, archive, lot)
    proofs = [count for call, count in runner.calls if call == "prove"]
    assert proofs == [3, 1, 1, 1]
    assert {record.verdict for record in records.values()} == {Verdict.PROVEN}


@pytest.mark.parametrize("objects", [1, 3])
def test_a_prover_that_is_always_killed_leaves_the_work(
    lot: tuple[ObjectPlan, ...], archive: Path, monkeypatch: pytest.MonkeyPatch, objects: int
) -> None:
    monkeypatch.setattr(medzip_tasks.apart.subprocess, "run", killed(100))
    records = take(Runner(), archive, lot[:objects])
    for record in records.values():
        assert record.failure is not None
        assert (record.failure.name, record.failure.kind) == (record.name, "ProverError")
        assert "exit status -9" in record.failure.message
        assert (archive / "work" / record.key / "object.zip").exists()
    assert not list((archive / "objects").glob("*.zip"))


def test_an_object_that_a_step_drops_once_is_taken_again(
    lot: tuple[ObjectPlan, ...], archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(Runner):
        def submit(self, task: Task[..., Any], parameters: dict[str, Any]) -> Future:
            future = super().submit(task, parameters)
            if parameters["step"] == "seal" and len(parameters["items"]) > 1:
                future.value.pop()
            return future

    runner = Forgetful()
    records = take(runner, archive, lot)
    assert [count for call, count in runner.calls if call == "seal"] == [3, 1, 1, 1]
    assert {record.verdict for record in records.values()} == {Verdict.PROVEN}


@pytest.mark.parametrize("step", ["check", "stage", "fit", "seal", "prove"])
@pytest.mark.parametrize("extra", [False, True])
def test_an_object_that_a_step_always_drops_has_failed(
    lot: tuple[ObjectPlan, ...], archive: Path, step: str, extra: bool
) -> None:
    class Forgetful(Runner):
        def submit(self, task: Task[..., Any], parameters: dict[str, Any]) -> Future:
            future = super().submit(task, parameters)
            if parameters["step"] == step:
                future.value = [*future.value, future.value[0]] if extra else future.value[1:]
            return future

    records = take(Forgetful(), archive, lot[:1])
    (record,) = records.values()
    assert record.verdict is Verdict.FAILED
    assert record.failure is not None
    assert (record.failure.stage, record.failure.kind) == (step, "lost")
    assert "expected 1 outcomes of this step, got " in record.failure.message


def test_a_driver_that_fails_ends_its_objects_and_no_others(
    lot: tuple[ObjectPlan, ...], archive: Path
) -> None:
    class Broken(Runner):
        def submit(self, task: Task[..., Any], parameters: dict[str, Any]) -> Future:
            if parameters["step"] == "seal" and len(parameters["items"]) == 2:
                raise KeyError("a mistake in the code")
            return super().submit(task, parameters)

    line = Archiving(str(archive), "fast")
    driver = Driver(Broken(), line)  # type: ignore[arg-type]
    ended = [list(part) for part in driver.run([lot[:2], lot[2:]], threads=2)]
    assert sorted(len(part) for part in ended) == [1, 2]
    verdicts = [line.ended[plan.key].verdict for plan in lot]
    assert verdicts == [Verdict.FAILED, Verdict.FAILED, Verdict.PROVEN]


def test_a_lot_is_two_tasks(lot: tuple[ObjectPlan, ...], archive: Path) -> None:
    runner = Runner()
    records = take(runner, archive, lot)
    assert {record.verdict for record in records.values()} == {Verdict.PROVEN}
    assert runner.calls == [("lot", 3), ("prove", 3)]
    runner = Runner()
    records = take(runner, archive, lot)
    assert {record.verdict for record in records.values()} == {Verdict.ALREADY_PROVEN}
    assert runner.calls == [("lot", 3)]


def test_what_fails_in_a_lot_is_a_task_of_its_own(
    lot: tuple[ObjectPlan, ...], archive: Path
) -> None:
    (archive / "work" / lot[1].key).write_text("a file where the step wants a folder")
    runner = Runner()
    records = take(runner, archive, lot)
    assert runner.calls[:2] == [("lot", 3), ("stage", 1)]
    failed = records.pop(lot[1].key)
    assert failed.failure is not None
    assert (failed.failure.stage, failed.failure.kind) == ("stage", "OSError:EEXIST")
    assert {record.verdict for record in records.values()} == {Verdict.PROVEN}


def test_a_worker_that_dies_with_a_lot_costs_only_its_time(
    lot: tuple[ObjectPlan, ...], archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*arguments: object) -> None:
        raise OSError("expected an answer, got none")

    monkeypatch.setattr(medzip_tasks.archive, "run_ahead", dies)
    runner = Runner()
    records = take(runner, archive, lot)
    assert {record.verdict for record in records.values()} == {Verdict.PROVEN}
    assert [call for call in runner.calls if call[0] == "check"] == [("check", 3)]
