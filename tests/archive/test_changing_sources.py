"""Sources that change while they are read: no run waits for ever, and one file costs no other."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from medzip import archive as steps
from medzip.archive import Failure, Verdict, scanning
from medzip.archive.source import SourceFile
from medzip.dicom.walk import File, name_trees
from medzip.errors import SourceError
from medzip.testing.archives import archive_here


def become(kind: str, path: Path, elsewhere: Path) -> None:
    """Put something else in the place of a file."""
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(elsewhere)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind != "nothing":
        path.write_text({"longer": "longer than before", "shorter": "s"}[kind])


KINDS = ["pipe", "link", "device", "folder", "nothing", "longer", "shorter"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source").mkdir()
    (tmp_path / "elsewhere").write_text("before")
    for name in ("a", "b", "c"):
        (tmp_path / "source" / name).write_text("before")
    return tmp_path / "source"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", KINDS)
def test_before_it_is_read(
    kind: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only that file is missing, and named."""
    walk = scanning.walk

    def walked(trees: object) -> object:
        for found in walk(trees):  # type: ignore[arg-type]
            if isinstance(found, File) and found.path == "b":
                become(kind, Path(found.source), tmp_path / "elsewhere")
            yield found

    monkeypatch.setattr(scanning, "walk", walked)
    found = list(scanning.discover(name_trees([source]), 0))
    (failure,) = (one for one in found if isinstance(one, Failure))
    assert failure.message.startswith(f"{source / 'b'}: expected ")
    (plan,) = (one for one in found if not isinstance(one, Failure))
    assert [file.path for file in plan.files] == ["a", "c"]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", KINDS)
def test_before_it_is_staged(kind: str, source: Path, tmp_path: Path) -> None:
    (plan,) = steps.scan([source]).plans
    become(kind, source / "a", tmp_path / "elsewhere")  # the one that is read for all three
    with pytest.raises(SourceError, match="expected"):
        steps.stage(plan, tmp_path / "archive", "fast")


def test_a_file_of_a_length_that_nobody_told_costs_no_other(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems say 0 for what they make up when it is read."""
    walk = scanning.walk
    monkeypatch.setattr(
        scanning,
        "walk",
        lambda trees: (
            replace(one, size=0) if isinstance(one, File) and one.path == "b" else one
            for one in walk(trees)
        ),
    )
    (failure,) = (
        one for one in scanning.discover(name_trees([source]), 0) if isinstance(one, Failure)
    )
    assert "being written" in failure.message


def test_a_link_as_source_is_what_it_leads_to(source: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(source / "a")
    (record,) = archive_here([tmp_path / "link"], tmp_path / "archive").objects
    assert record.verdict is Verdict.PROVEN
    (entry,) = steps.scan([tmp_path / "link"]).plans[0].files
    with SourceFile(entry) as file:
        assert file.read(6) == b"before"
