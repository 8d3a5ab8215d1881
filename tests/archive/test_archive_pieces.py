"""Frames in several fragments through the whole archive, and manifests that lie about pieces."""

from __future__ import annotations

import json
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from medzip import archive as steps
from medzip.archive import archive_lock
from medzip.archive.layout import canonical_json, work_path
from medzip.archive.manifest import read_manifest
from medzip.archive.reader import ObjectReader
from medzip.archive.unpacking import unpack
from medzip.errors import ArchiveError, CorruptStreamError
from medzip.testing.archives import archive_here, same
from medzip.testing.codestreams import Options
from medzip.testing.dicoms import Recipe, build

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = {
    "many": Recipe("jpeg-lossless-1", fragments=40, frames=3, table="basic", seed=1),
    "odd": Recipe(
        "jpeg-lossless",
        fragments=7,
        frames=2,
        table="missing",
        delimiters=0,
        options=Options(restart_rows=2, fills=3, lines_later=True, notes=90000, predictor=4),
        seed=2,
    ),
    "ls": Recipe(
        "jpeg-ls", rows=16, columns=16, fragments=3, delimiters=2, options=Options(more=b"\0")
    ),
    "words": Recipe("encapsulated", fragments=5, frames=3, table="extended", after=True),
    "whole": Recipe("jpeg", fragments=3),
}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "source").mkdir()
    for name, recipe in RECIPES.items():
        (folder / "source" / name).write_bytes(build(recipe))
    summary = archive_here([folder / "source"], folder / "archive")
    assert summary.ok, summary.failures
    assert summary.kept_whole == {"lossy": 1}
    return folder / "archive"


def test_they_come_back(archive: Path, tmp_path: Path) -> None:
    assert steps.verify(archive).ok
    assert steps.restore(archive, tmp_path / "out").ok
    same(archive.parent / "source", tmp_path / "out")


def test_they_are_laid_out_without_their_sources(archive: Path) -> None:
    path = object_of(archive)
    with archive_lock(archive):
        staged = unpack(archive, path.stem)
    with ObjectReader(path) as reader:
        data = (work_path(archive, staged.key) / "manifest.json").read_bytes()
        described = read_manifest(data, path.name)
        assert described.files == reader.manifest.files


def test_a_broken_slab_costs_no_file_without_voxels(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise CorruptStreamError("broken; restore it from a copy")

    monkeypatch.setattr(ObjectReader, "slab", broken)
    came = {}
    with ObjectReader(object_of(archive)) as reader, suppress(CorruptStreamError):
        for file, pieces in reader.files():
            with suppress(CorruptStreamError):
                came[file.path] = b"".join(pieces)
    assert came == {"whole": build(RECIPES["whole"])}


@pytest.mark.parametrize(
    "gaps",
    [
        [[0, 8]],
        [[5, 0]],
        [[5, -1]],
        [[5, 8], [5, 8]],
        [[9, 8], [5, 8]],
        [[1 << 40, 8]],
        [[5, 1 << 40]],
        [[5]],
        [[5, "8"]],
        "no",
    ],
)
def test_manifests_that_lie(archive: Path, gaps: Any) -> None:
    with zipfile.ZipFile(object_of(archive)) as container:
        manifest = json.loads(zstandard.decompress(container.read("manifest/c/0")))
    read_manifest(canonical_json(manifest), "a")
    (span, *_) = next(file["spans"] for file in manifest["files"] if file["path"] == "many")
    assert len(span) == 9
    span[8] = gaps
    with pytest.raises(ArchiveError):
        read_manifest(canonical_json(manifest), "a")


def object_of(archive: Path) -> Path:
    (path,) = (archive / "objects").glob("*.zip")
    return path
