"""The walk finds everything and follows nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from medzip.dicom.walk import Directory, File, Found, Link, name_trees, walk
from medzip.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def everything(*sources: Path) -> list[Found]:
    return list(walk(name_trees(sources)))


def files(*sources: Path) -> list[str]:
    return [found.path for found in everything(*sources) if isinstance(found, File)]


def test_everything_is_found(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"123")
    (tmp_path / "a" / "b" / "file").chmod(0o640)
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    (tmp_path / "loop").symlink_to(".", target_is_directory=True)
    (tmp_path / "a" / "link").symlink_to("b/file")
    os.mkfifo(tmp_path / "pipe")
    loop, pipe, link, file, empty = everything(tmp_path)
    status = (tmp_path / "a" / "b" / "file").stat()
    source = str(tmp_path / "a" / "b" / "file")
    assert file == File("a/b/file", source, 3, status.st_mtime_ns, 0o640)
    assert (link, loop) == (Link("a/link", "b/file"), Link("loop", "."))
    assert empty == Directory("empty/inner")
    assert str(pipe).startswith(f"{tmp_path / 'pipe'}: expected a file, folder or link")


def test_files_of_a_folder_come_together_and_by_name(tmp_path: Path) -> None:
    names = ["b/2", "b/1", "b/c/x", "b/z", "a/9", "c", "a.x/1", "0"]
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert files(tmp_path) == ["0", "c", "a/9", "a.x/1", "b/1", "b/2", "b/z", "b/c/x"]


def test_the_walk_goes_no_further_than_it_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").touch()
    listed: list[str] = []
    listdir = os.listdir

    def noted(path: str) -> list[str]:
        listed.append(os.path.basename(path))
        return listdir(path)

    looked: list[str] = []
    lstat = os.lstat

    def looked_at(path: str) -> os.stat_result:
        looked.append(os.path.relpath(path, tmp_path))
        return lstat(path)

    trees = name_trees([tmp_path])
    monkeypatch.setattr("os.listdir", noted)
    monkeypatch.setattr("os.lstat", looked_at)
    found = walk(trees)
    assert listed == []
    next(found)
    assert listed == [tmp_path.name, "a"]
    assert len(list(found)) == 2
    assert looked == ["a", "b", "c", "a/x", "b/x", "c/x"]  # each once


def test_a_single_file(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    assert files(tmp_path / "x") == ["x"]
    os.mkfifo(tmp_path / "pipe")
    (error,) = everything(tmp_path / "pipe")  # reading it would wait for ever
    assert isinstance(error, SourceError)


def test_deep_folders(tmp_path: Path) -> None:
    here = os.getcwd()
    try:
        os.chdir(tmp_path)
        for _ in range(300):
            os.mkdir("deeper")
            os.chdir("deeper")
    finally:
        os.chdir(here)
    assert len(everything(tmp_path)) == 1


def test_a_source_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x").touch()
    (tmp_path / "name").symlink_to("real")
    assert files(tmp_path / "name") == ["x"]
    trees = name_trees([tmp_path / "name", tmp_path / "real"])
    assert [tree.prefix for tree in trees] == ["name", "real"]


def test_folders_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "x").touch()
    listdir = os.listdir

    def refuse(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return listdir(path)

    monkeypatch.setattr("os.listdir", refuse)
    error, found = everything(tmp_path)
    assert isinstance(found, File)
    assert found.path == "open/x"
    assert "closed: expected a readable file or folder, got: Permission denied" in str(error)
