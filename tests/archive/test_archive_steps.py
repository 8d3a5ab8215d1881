"""The steps one by one: what resumes, what fails, and that failures name file, cause and remedy."""

from __future__ import annotations

import errno
import gc
import json
import os
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medzip import archive as steps
from medzip.archive import Verdict, checking, driving, workers
from medzip.archive.encoding import read_slab
from medzip.archive.line import Archiving, Call, Step
from medzip.archive.refusing import check_places
from medzip.archive.steps import FUNCTIONS
from medzip.dicom.header import read_hashed
from medzip.errors import (
    ArchiveError,
    CorruptStreamError,
    ModelError,
    ProverError,
    SourceError,
    VerificationError,
)
from medzip.testing.archives import archive_here, archive_object, objects
from medzip.testing.series import write_series, write_tree


@pytest.fixture
def source(tmp_path: Path) -> Path:
    write_series(tmp_path / "source", "1.2.3", slices=5)
    return tmp_path / "source"


def staged_series(source: Path, archive: Path) -> tuple[steps.ObjectPlan, steps.Staged]:
    (plan,) = steps.scan([source]).plans
    return plan, steps.stage(plan, archive, "fast")


def test_records_are_small_and_picklable(source: Path, tmp_path: Path) -> None:
    plan, staged = staged_series(source, tmp_path / "archive")
    fitted = steps.fit(staged)
    slab = steps.encode(staged, 0, 0)
    sealed = steps.seal(staged)
    proof = steps.prove(replace(sealed, pid=-1))
    for record in (plan, staged, fitted, slab, sealed, proof, steps.commit(proof)):
        copy = pickle.loads(pickle.dumps(record))
        assert copy == record
        json.dumps(steps.to_json(record))


def test_steps_resume(source: Path, tmp_path: Path) -> None:
    plan, staged = staged_series(source, tmp_path / "archive")
    assert steps.stage(plan, tmp_path / "archive", "fast") == staged
    fitted = steps.fit(staged)
    assert steps.fit(staged) == fitted
    first = steps.encode(staged, 0, 0)
    again = steps.encode(staged, 0, 0)
    assert not first.reused
    assert again == replace(first, reused=True)
    path = next((tmp_path / "archive" / "work").rglob("0.slab"))
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ValueError, match="encode it again"):
        read_slab(staged, 0, 0)
    assert not steps.encode(staged, 0, 0).reused
    # Other settings: what is there does not count.
    other = steps.stage(plan, tmp_path / "archive", "max")
    assert other.profile == "max"
    with pytest.raises(FileNotFoundError):
        read_slab(other, 0, 0)


@pytest.mark.parametrize("field", ["key", "seconds"])
def test_what_a_handle_lacks_in_work_is_made_again(
    source: Path, tmp_path: Path, field: str
) -> None:
    plan, staged = staged_series(source, tmp_path / "archive")
    fitted = steps.fit(staged)
    work = tmp_path / "archive" / "work" / plan.key
    for path in (work / "models" / "fit.json", work / "stage.json"):
        value = json.loads(path.read_bytes())
        del (value["staged"] if path.name == "stage.json" else value)[field]
        path.write_text(json.dumps(value))
    assert replace(steps.fit(staged), seconds=fitted.seconds) == fitted
    again = steps.stage(plan, tmp_path / "archive", "fast")
    assert replace(again, seconds=staged.seconds) == staged


def test_work_goes_on_where_its_archive_has_moved(source: Path, tmp_path: Path) -> None:
    plan, staged = staged_series(source, tmp_path / "archive")
    fitted = steps.fit(staged)
    moved = tmp_path / "moved"
    (tmp_path / "archive").rename(moved)
    ref = replace(staged.ref, archive=str(moved))
    assert steps.stage(plan, moved, "fast") == replace(staged, ref=ref)
    assert steps.fit(replace(staged, ref=ref)) == replace(fitted, ref=ref)


def test_another_process_proves(source: Path, tmp_path: Path) -> None:
    _, staged = staged_series(source, tmp_path / "archive")
    steps.fit(staged)
    steps.encode(staged, 0, 0)
    sealed = steps.seal(staged)
    assert sealed.pid == os.getpid()
    proof = steps.prove(sealed)
    assert proof.pid not in (0, os.getpid())
    assert proof.files == 5
    assert proof.record is not None
    assert proof.record.seconds.prove > 0
    Path(sealed.path).write_bytes(Path(sealed.path).read_bytes()[:-40])
    with pytest.raises(VerificationError, match="restore it from a copy"):
        steps.prove(sealed)


@pytest.mark.parametrize(
    "end", ["os.kill(os.getpid(), 9)", "raise MemoryError", "sys.exit(0)", "os._exit(3)"]
)
def test_a_prover_that_dies_is_no_mismatch(
    end: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, staged = staged_series(source, tmp_path / "archive")
    steps.fit(staged)
    steps.encode(staged, 0, 0)
    sealed = steps.seal(staged)
    run = subprocess.run

    def die(command: list[str], **options: Any) -> Any:
        return run([sys.executable, "-c", f"import os, sys; {end}"], **options)

    with monkeypatch.context() as patch:
        patch.setattr("medzip.archive.proving.subprocess.run", die)
        with pytest.raises(ProverError, match="the object is kept") as caught:
            steps.prove(sealed)
    assert not isinstance(caught.value, VerificationError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert steps.commit(steps.prove(replace(sealed, pid=-1))).key == staged.key


def test_an_object_that_the_prover_cannot_read(source: Path, tmp_path: Path) -> None:
    _, staged = staged_series(source, tmp_path / "archive")
    steps.fit(staged)
    steps.encode(staged, 0, 0)
    sealed = steps.seal(staged)
    Path(sealed.path).unlink()
    with pytest.raises(FileNotFoundError, match="No such file"):
        steps.prove(sealed)


def test_a_mismatch_is_not_committed(source: Path, tmp_path: Path) -> None:
    _, staged = staged_series(source, tmp_path / "archive")
    raw = next((tmp_path / "archive" / "work").rglob("raw/0/c/0/0/0"))
    data = bytearray(raw.read_bytes())
    data[100] ^= 1
    raw.write_bytes(data)
    steps.fit(staged)
    steps.encode(staged, 0, 0)
    sealed = steps.seal(staged)
    with pytest.raises(VerificationError, match="expected SHA-256"):
        steps.prove(replace(sealed, pid=-1))
    proof = steps.Proof(
        sealed.ref,
        path=sealed.path,
        sha256=sealed.sha256,
        size=sealed.size,
        pid=1,
        files=sealed.record.files,
        seconds=0.0,
        references=(),
        record=sealed.record,
    )
    for other in (replace(proof, pid=0), replace(proof, files=proof.files - 1)):
        with pytest.raises(VerificationError, match="expected a proof"):
            steps.commit(other)


def test_a_file_that_changes_after_the_scan(source: Path, tmp_path: Path) -> None:
    (plan,) = steps.scan([source]).plans
    victim = Path(plan.files[2].source)
    original = victim.read_bytes()
    for changed in (original + b"x", original[:-1], original[:-1] + b"x", b""):
        victim.write_bytes(changed)
        with pytest.raises(SourceError, match=r"\.dcm: expected the content .* run again"):
            steps.stage(plan, tmp_path / "archive", "fast")
    victim.unlink()
    with pytest.raises(SourceError, match="No such file"):
        steps.stage(plan, tmp_path / "archive", "fast")
    victim.write_bytes(original)
    archive_object(plan, tmp_path / "archive")


def test_what_cannot_be_read_is_a_failure(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source / "good.txt").write_text("good")
    (source / "bad.txt").write_text("bad")
    os.mkfifo(source / "pipe")

    def refuse(path: str, size: int) -> Any:
        if path.endswith("bad.txt"):
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return read_hashed(path, size)

    monkeypatch.setattr("medzip.archive.planning.read_hashed", refuse)
    summary = archive_here([source], tmp_path / "archive")
    assert not summary.ok
    assert summary.files == 6
    messages = sorted(failure.message for failure in summary.failures)
    assert [m.split(":")[0].rsplit("/", 1)[1] for m in messages] == ["bad.txt", "pipe"]
    assert "Permission denied" in messages[0]
    assert "check permissions" in messages[0]
    assert {failure.stage for failure in summary.failures} == {"scan"}


def test_full_disk(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plan, staged = staged_series(source, tmp_path / "archive")
    steps.fit(staged)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        patch.setattr("medzip.archive.handles.SMALL_BYTES", 0)
        with pytest.raises(OSError, match="No space left") as caught:
            steps.encode(staged, 0, 0)
    failure = steps.failure_of(plan, "encode", caught.value)
    assert failure.kind == "OSError:ENOSPC"
    assert "free space on the disk" in failure.message
    assert failure.name == plan.name
    record = archive_object(plan, tmp_path / "archive")
    assert record.verdict is Verdict.PROVEN


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="needs to mount a tmpfs")
def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    write_series(tmp_path / "source" / "a", "1.2.3", slices=3)
    noise = np.random.default_rng(0).bytes(3 << 20)
    (tmp_path / "source" / "large.bin").write_bytes(noise)
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)], check=False
    )
    if mounted.returncode:
        pytest.skip("needs to mount a tmpfs")
    try:
        summary = steps.compress([tmp_path / "source"], small / "archive", "fast", workers=1)
        verdicts = {record.kind: record.verdict for record in summary.objects}
        assert verdicts == {"series": Verdict.PROVEN, "other": Verdict.FAILED}
        assert [failure.kind for failure in summary.failures] == ["OSError:ENOSPC"]
        assert steps.verify(small / "archive").ok
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_one_run_at_a_time(source: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from medzip.archive import archive_lock\n"
        "with archive_lock(sys.argv[1]): print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "archive")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(ArchiveError, match="another one at work"):
            steps.compress([source], tmp_path / "archive", "fast")
        other.kill()
    # The lock ended with its process, though that was killed.
    with steps.archive_lock(tmp_path / "archive"):
        pass


def test_places_that_overlap(source: Path, tmp_path: Path) -> None:
    for archive in (source, source / "archive", tmp_path):
        with pytest.raises(ArchiveError, match="one inside the other"):
            check_places([source], archive)
    (tmp_path / "link").symlink_to(source)
    with pytest.raises(ArchiveError, match="one inside the other"):
        check_places([source], tmp_path / "link" / "archive")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with (
        pytest.raises(ArchiveError, match="other things in it"),
        steps.archive_lock(tmp_path / "full"),
    ):
        pass


def test_sources_of_one_name(tmp_path: Path) -> None:
    (tmp_path / "a" / "x").mkdir(parents=True)
    (tmp_path / "b" / "x").mkdir(parents=True)
    with pytest.raises(SourceError, match="twice"):
        steps.scan([tmp_path / "a" / "x", tmp_path / "b" / "x"])
    with pytest.raises(SourceError, match="got nothing"):
        steps.scan([tmp_path / "none"])


def test_many_small_files_are_few_objects(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for folder in ("a", "b"):
        (source / folder / "deep").mkdir(parents=True)
        for number in range(300):
            (source / folder / "deep" / f"{number}.txt").write_text(f"{folder} {number}")
    summary = archive_here([source], tmp_path / "archive")
    assert len(summary.objects) == 2
    assert summary.encoded_bytes < 100 * summary.files


def test_bundles_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("medzip.archive.gathering.BUNDLE_BYTES", 1000)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(10):
        (source / f"{number}.bin").write_bytes(bytes([number]) * 300)
    (source / "large.bin").write_bytes(bytes(5000))
    plans = steps.scan([source]).plans
    assert sorted(len(plan.files) for plan in plans) == [1, 1, 3, 3, 3]


def test_compress_in_processes_gives_the_same_archive(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tree(source)
    events: list[steps.Event] = []
    summary = steps.compress([source], tmp_path / "one", "fast", 2, events.append)
    assert summary.ok
    assert {event.stage for event in events} == {"scan", "encode", "commit"}
    archive_here([source], tmp_path / "two")
    assert objects(tmp_path / "one") == objects(tmp_path / "two")
    again = steps.compress([source], tmp_path / "one", "fast", 2)
    assert {record.verdict for record in again.objects} == {Verdict.ALREADY_PROVEN}
    assert steps.verify(tmp_path / "one").ok


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (None, Verdict.ALREADY_PROVEN),
        (ModelError("expected a model of this version, got another"), None),
        (VerificationError("expected x, got y"), None),
        (ProverError("expected an answer, got none"), None),
        (KeyError("anything"), None),
    ],
)
def test_objects_of_another_version_are_proven_again(
    answer: Exception | None,
    verdict: Verdict | None,
    source: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (plan,) = steps.scan([source]).plans
    archive_object(plan, tmp_path / "archive")
    asked = []

    def decode(path: Path, key: str, spool: str) -> int:
        assert spool == str(path.parent)
        asked.append(key)
        if answer is not None:
            raise answer
        return 5

    monkeypatch.setattr(checking, "decode_and_compare", decode)
    found = steps.already_proven(plan, tmp_path / "archive")
    assert found is not None
    assert asked == []
    monkeypatch.setattr(checking, "__version__", "9.9.9")
    found = steps.already_proven(plan, tmp_path / "archive")
    assert (found.verdict if found else None) is verdict
    assert asked == [plan.key]
    record = archive_object(plan, tmp_path / "archive")  # made again where it was not proven
    assert record.verdict is (verdict or Verdict.PROVEN)


def test_objects_of_another_version_are_decoded(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plan,) = steps.scan([source]).plans
    archive_object(plan, tmp_path / "archive")
    monkeypatch.setattr(checking, "__version__", "9.9.9")
    found = steps.already_proven(plan, tmp_path / "archive")
    assert found is not None
    assert found.verdict is Verdict.ALREADY_PROVEN


def test_whatever_describing_raises_means_not_proven(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (plan,) = steps.scan([source]).plans
    archive_object(plan, tmp_path / "archive")
    for error in (ModelError("expected x, got y"), KeyError("x"), ArchiveError("z")):

        def fail(path: Path, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(checking, "describe", fail)
        assert steps.already_proven(plan, tmp_path / "archive") is None


@pytest.mark.parametrize("drop", ["mislay", "raise"])
def test_books_balance(drop: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        write_series(tmp_path / "source" / name, f"1.2.{ord(name)}", seed=ord(name), slices=2)
    plans = steps.scan([tmp_path / "source"]).plans
    victim = plans[1].key

    def commit(proof: steps.Proof) -> steps.Committed:
        if proof.key == victim and drop == "raise":
            raise KeyError("unforeseen")
        return steps.commit(proof)

    def mislay(line: Archiving, call: Call, done: steps.Committed) -> list[Call]:
        return [] if drop == "mislay" and call.key == victim else committed(line, call, done)

    committed = Archiving._committed
    monkeypatch.setattr(Archiving, "_committed", mislay)
    monkeypatch.setitem(driving.HERE, Step.COMMIT, commit)
    monkeypatch.setattr(workers, "new_pool", ThreadPoolExecutor)
    monkeypatch.setitem(FUNCTIONS, Step.PROVE, lambda s: steps.prove(replace(s, pid=-2)))
    summary = steps.compress([tmp_path / "source"], tmp_path / "archive", "fast", 1)
    assert sorted(record.key for record in summary.objects) == sorted(p.key for p in plans)
    (failure,) = summary.failures
    kind = "lost" if drop == "mislay" else "KeyError"
    assert (failure.name, failure.stage, failure.kind) == (victim[:12], "commit", kind)
    failed = [r.key for r in summary.objects if r.verdict is Verdict.FAILED]
    assert failed == [victim]


def test_errors_of_this_package_keep_their_kind() -> None:
    failure = steps.failure_of("a" * 64, "verify", CorruptStreamError("x: expected y, got z; do"))
    assert (failure.name, failure.kind) == ("a" * 12, "CorruptStreamError")


def test_a_seal_that_fails_says_so_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of it is left to be written when it is thrown away, and to fail again."""
    ignored: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", ignored.append)

    def refuse(*_: object) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("medzip.archive.sealing.read_slab", refuse)
    with pytest.raises(OSError, match="No space"):
        archive_here([source], tmp_path / "archive")
    gc.collect()
    assert ignored == []
