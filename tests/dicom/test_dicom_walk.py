"""The walk finds everything and follows nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from medzip.dicom.walk import name_trees, walk

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_everything_is_found(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").touch()
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    (tmp_path / "loop").symlink_to(".", target_is_directory=True)
    (tmp_path / "a" / "link").symlink_to("b/file")
    os.mkfifo(tmp_path / "pipe")
    found = walk(name_trees([tmp_path]))
    assert found.files == [("a/b/file", str(tmp_path / "a" / "b" / "file"))]
    assert sorted(found.links) == [("a/link", "b/file"), ("loop", ".")]
    assert found.directories == ["empty/inner"]
    assert [str(error).split(":")[0] for error in found.errors] == [str(tmp_path / "pipe")]


def test_deep_folders(tmp_path: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(300):
            os.mkdir("deeper")
            os.chdir("deeper")
    finally:
        os.chdir(here)
    assert len(walk(name_trees([tmp_path])).directories) == 1


def test_a_source_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").touch()
    (tmp_path / "name").symlink_to("real")
    assert [path for path, _ in walk(name_trees([tmp_path / "name"])).files] == ["x"]
    trees = name_trees([tmp_path / "name", tmp_path / "real"])
    assert [tree.prefix for tree in trees] == ["name", "real"]


def test_folders_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "x").touch()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    found = walk(name_trees([tmp_path]))
    assert [path for path, _ in found.files] == ["open/x"]
    (error,) = found.errors
    assert "closed: expected a readable file or folder, got: Permission denied" in str(error)
