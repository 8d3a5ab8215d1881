"""Places that are mixed up are refused, in every order, before anything is made or changed."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from medzip.archive import recompress
from medzip.archive.layout import MARKER
from medzip.archive.refusing import check_outside, check_places, check_restore
from medzip.bench.phantom import ct_volume
from medzip.cli import app
from medzip.errors import ArchiveError, MedZipError, ModelError, SourceError

if TYPE_CHECKING:
    from pathlib import Path

SWAPPED = "did you swap them"
runner = CliRunner()

COMPRESS = {
    "an archive": ("archive", "new", SWAPPED),
    "an archive into an archive": ("archive", "other", SWAPPED),
    "swapped: an archive, then files": ("archive", "files", SWAPPED),
    "swapped: nothing, then files": ("new", "files", SWAPPED),
    "a place in an archive": ("archive/objects", "new", SWAPPED),
    "a file of an archive": ("archive/index.json", "new", SWAPPED),
    "by a link": ("link", "new", SWAPPED),
    "into a place in an archive": ("files", "archive/sub", "break.*" + SWAPPED),
    "into a place deep in an archive": ("files", "archive/models/x/y", "break.*" + SWAPPED),
    "into a place in an archive, by a link": ("files", "link/sub", "break.*" + SWAPPED),
    "into itself": ("files", "files", "one inside the other.*" + SWAPPED),
    "into a folder of itself": ("files", "files/archive", "one inside the other.*" + SWAPPED),
    "into what holds it": ("files/below", "files", "one inside the other.*" + SWAPPED),
    "an archive into itself": ("archive", "archive", "one inside the other.*" + SWAPPED),
    "what lies in an archive into it": (
        "archive/objects",
        "archive",
        "one inside the other.*" + SWAPPED,
    ),
    "nothing": ("new", "archive", "got nothing"),
    "nothing into nothing": ("new", "new2", "got nothing"),
    "no file": ("empty", "new", "got none .0 links, 0 empty folders.; is it mounted"),
    "no file but links and folders": ("hollow", "new", "got none .1 links, 1 empty folders."),
    "no file any more": ("empty", "archive", "2 objects of earlier runs, which stay"),
}
RESTORE = {
    "swapped": ("new", "archive", SWAPPED),
    "swapped, of a folder that is there": ("files", "archive", SWAPPED),
    "into itself": ("archive", "archive", SWAPPED),
    "into a folder of itself": ("archive", "archive/out", SWAPPED),
    "by a link": ("archive", "link/out", SWAPPED),
    "into another archive": ("archive", "other", SWAPPED),
    "into a folder of another archive": ("archive", "other/out", SWAPPED),
    "into what holds it": ("archive", ".", "holds it.*" + SWAPPED),
    "no archive": ("files", "new", "got no medzip.json.*check the path"),
    "nothing": ("new", "new2", "got no medzip.json"),
    "a place in an archive": ("archive/objects", "new", "it lies in .*archive: name that"),
}


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two archives, files, and a link to an archive; the folder is the one that paths begin in."""
    for name in ("archive", "other"):
        (tmp_path / name / "objects").mkdir(parents=True)
        (tmp_path / name / "medzip.json").write_bytes(MARKER)
        (tmp_path / name / "index.json").write_text("{}")
    for key in ("a", "b"):
        (tmp_path / "archive" / "objects" / f"{key}.zip").touch()
    (tmp_path / "files" / "below").mkdir(parents=True)
    (tmp_path / "files" / "below" / "file").touch()
    (tmp_path / "link").symlink_to("archive")
    (tmp_path / "empty").mkdir()
    (tmp_path / "hollow" / "folder").mkdir(parents=True)
    (tmp_path / "hollow" / "link").symlink_to("/")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def everything(folder: Path) -> list[tuple[Path, bool]]:
    return sorted((path, path.is_file()) for path in folder.rglob("*"))


@pytest.mark.parametrize("case", COMPRESS)
def test_compressing_from_and_to(case: str, places: Path) -> None:
    source, archive, told = COMPRESS[case]
    before = everything(places)
    with pytest.raises((ArchiveError, SourceError), match=told):
        check_places([source], archive)
    with pytest.raises((ArchiveError, SourceError), match=told):  # beside one that is as it should
        check_places([source, "files/below/file"], archive)
    done = runner.invoke(app, ["compress", source, archive])
    assert isinstance(done.exception, ArchiveError | SourceError)
    assert everything(places) == before


@pytest.mark.parametrize("case", RESTORE)
def test_restoring_from_and_to(case: str, places: Path) -> None:
    archive, dest, told = RESTORE[case]
    before = everything(places)
    with pytest.raises(ArchiveError, match=told):
        check_restore(archive, dest)
    assert isinstance(runner.invoke(app, ["restore", archive, dest]).exception, ArchiveError)
    assert everything(places) == before


def test_places_that_are_as_they_should_be(places: Path) -> None:
    for source, archive in (("files", "new"), ("files", "archive"), ("files", "link")):
        assert [tree.root for tree in check_places([source], archive)] == [str(places / source)]
    check_places(["empty"], "new", allow_empty=True)
    shutil.move(places / "other", places / "files" / "other")  # a folder that has one somewhere
    check_places(["files"], "new")
    check_restore("archive", "new")
    check_restore("archive", "files")
    check_restore("link", "new")


def test_allow_empty_in_earnest(places: Path) -> None:
    done = runner.invoke(app, ["compress", "hollow", "new", "--allow-empty", "--workers", "1"])
    assert (done.exit_code, (places / "new" / "index.json").is_file()) == (0, True)


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ("typo", "got no such folder; check the path"),
        ("empty", "without any published one; check the path"),
        ("files", "without any published one; check the path"),
        ("archive", r"name archive/models for those"),
        ("model", "this is one model"),
    ],
)
def test_models_that_are_none(models: str, told: str, places: Path) -> None:
    (places / "model").mkdir()
    (places / "model" / "config.json").touch()
    before = everything(places)
    with pytest.raises(ModelError, match=told):
        check_places(["files"], "new", models)
    with pytest.raises(ModelError, match=told):
        recompress("archive", models)
    for command in (
        ["compress", "files", "new", "--models", models],
        ["recompress", "archive", "--models", models],
        ["models", "list", models],
        ["models", "verify", models],
    ):
        assert isinstance(runner.invoke(app, command).exception, ModelError), command
    assert everything(places) == before


def test_nothing_else_is_written_into_an_archive(places: Path) -> None:
    check_outside("new/page.html")
    np.save(places / "files" / "volume.npy", ct_volume((24, 32, 32), seed=1))
    for command in (
        ["report", "archive", "--out", "archive/page.html"],
        ["report", "archive/objects"],
        ["sample", "files", "archive/store"],
        ["train", "files", "new", "--work", "link/work"],
    ):
        done = runner.invoke(app, command)
        assert isinstance(done.exception, MedZipError), command
        assert "expected a place outside any archive" in str(done.exception)
    assert not (places / "archive" / "store").exists()
