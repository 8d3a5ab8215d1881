"""What a mismatch leads to, and what people are told: never a copy of what was never there."""

from __future__ import annotations

import os
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from medzip_tasks.policy import is_transient

import medzip.errors
from medzip import archive as steps
from medzip.archive import Verdict, driving
from medzip.archive.failures import AGAIN, MISMATCHES, UNFINISHED, failure_of
from medzip.archive.line import Archiving, Step
from medzip.archive.steps import FUNCTIONS
from medzip.errors import MedZipError, ModelError, VerificationError
from medzip.testing.archives import archive_here
from medzip.testing.series import volume, write_slice

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PLACES = 120
KEY = "ab" * 32


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for z, pixels in enumerate(volume((2, 12, 16))):
        path = tmp_path / "source" / f"{z}.dcm"
        write_slice(path, pixels, series="1.2.3", position=(0, 0, z))
    return tmp_path / "source"


def sealed_of(source: Path, archive: Path) -> steps.Sealed:
    (plan,) = steps.scan([source]).plans
    staged = steps.stage(plan, archive, "fast")
    steps.fit(staged)
    for number, slab in staged.slab_indices:
        steps.encode(staged, number, slab)
    return steps.seal(staged)


def told(error: BaseException, step: str) -> str:
    message = failure_of(KEY, step, error).message
    assert message.endswith(AGAIN)
    assert message.count(AGAIN) == 1
    assert "from a copy" not in message
    return message


def broken(sealed: steps.Sealed) -> Iterator[None]:
    """The object with one other byte after the other, all over it."""
    path = Path(sealed.path)
    original = path.read_bytes()
    generator = random.Random(3)
    for at in generator.sample(range(len(original)), PLACES):
        data = bytearray(original)
        data[at] ^= generator.randrange(1, 256)
        path.write_bytes(data)
        yield
    path.write_bytes(original)


def test_whatever_a_proof_finds(source: Path, tmp_path: Path) -> None:
    sealed = replace(sealed_of(source, tmp_path / "archive"), pid=-1)
    said = set()
    for _ in broken(sealed):
        with pytest.raises(MedZipError) as caught:
            steps.prove(sealed)
        assert type(caught.value).__name__ in MISMATCHES
        said.add(re.sub(r"[0-9]+", "0", told(caught.value, Step.PROVE)))
    assert len(said) > 3
    assert steps.prove(sealed).whole


def test_what_another_process_finds(source: Path, tmp_path: Path) -> None:
    sealed = sealed_of(source, tmp_path / "archive")
    assert sealed.pid == os.getpid()
    data = bytearray(Path(sealed.path).read_bytes())
    at = data.find(b"c/0/0/0") + 60
    data[at] ^= 1
    Path(sealed.path).write_bytes(data)
    with pytest.raises(VerificationError) as caught:
        steps.prove(sealed)
    told(caught.value, Step.PROVE)


def test_a_model_that_is_none_is_a_mismatch_too(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise ModelError("expected model kind 1 to 3, got 9; use a newer MedZip")

    sealed = replace(sealed_of(source, tmp_path / "archive"), pid=-1)
    monkeypatch.setattr("medzip.archive.proving.decode_and_compare", refuse)
    with pytest.raises(VerificationError, match="got 9"):
        steps.prove(sealed)


def test_a_run_discards_it_and_the_next_makes_it_anew(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / "archive"
    before = {path: path.read_bytes() for path in source.iterdir()}
    proofs = []

    def prove(sealed: steps.Sealed) -> Any:
        proofs.append(sealed.key)
        data = bytearray(Path(sealed.path).read_bytes())
        data[len(data) // 2] ^= 1
        Path(sealed.path).write_bytes(data)
        return steps.prove(replace(sealed, pid=-1))

    plans = steps.scan([source]).plans
    with monkeypatch.context() as patch:
        patch.setitem(FUNCTIONS, Step.PROVE, prove)
        with steps.archive_lock(archive):
            line = Archiving(str(archive), "fast")
            driving.run_here(line, plans)
    (record,) = line.ended.values()
    assert record.verdict is Verdict.FAILED
    assert record.failure is not None
    assert record.failure.message.endswith(AGAIN)
    assert proofs == [record.key]
    assert list((archive / "work").iterdir()) == []
    assert before == {path: path.read_bytes() for path in source.iterdir()}
    assert archive_here([source], archive).ok
    assert steps.verify(archive).ok


@pytest.mark.parametrize("kind", sorted(MISMATCHES))
def test_one_list_of_kinds(kind: str) -> None:
    """Whatever is in it is never tried again, told in full, and described; nothing else is."""
    error = getattr(medzip.errors, kind)("here: expected a, got b; restore the object from a copy")
    assert not is_transient(error)
    for step in UNFINISHED:
        assert told(error, step) == f"here: expected a, got b; {AGAIN}"
    for step in ("verify", "restore", "inspect", "prepare", "recompress"):  # of what there is
        assert failure_of(KEY, step, error).message == str(error)
    assert set(Step) > UNFINISHED
    text = (ROOT / "docs" / "archive.md").read_text()
    section = text.partition("## After a mismatch")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([A-Z][A-Za-z]+Error)`", section)) == MISMATCHES


@pytest.mark.parametrize(
    ("message", "left"),
    [
        ("a: expected b, got c; run again", "a: expected b, got c"),
        ("expected b, got c; d: restore it from a copy, or make it again", "expected b, got c"),
        (
            "expected b, got: X: expected c, got d; restore it from a copy; run again",
            "expected b, got: X: expected c, got d",
        ),
        ("expected a model, got none; copy it there", "expected a model, got none; copy it there"),
    ],
)
def test_remedies_that_are_none_are_left_out(message: str, left: str) -> None:
    assert told(VerificationError(message), "prove") == f"{left}; {AGAIN}"
