"""Restoring writes below its destination and nowhere else, whatever an archive says."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import struct
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zstandard

from medzip import archive as steps
from medzip.archive import places
from medzip.archive.layout import MARKER, canonical_json, object_key
from medzip.archive.reader import ObjectReader
from medzip.codec import encode_slab
from medzip.dicom.envelope import EnvelopeWriter
from medzip.errors import ArchiveError, CorruptStreamError
from medzip.models import base_model

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"hostile"


def entry(path: str, **other: Any) -> dict[str, Any]:
    return {
        "path": path,
        "size": len(TEXT),
        "sha256": hashlib.sha256(TEXT).hexdigest(),
        "mtime_ns": 0,
        "mode": 0o644,
        "series": 0,
        "reason": "not-dicom",
        "copy_of": -1,
        "spans": [],
        **other,
    }


def write_object(
    archive: Path,
    files: list[dict[str, Any]],
    links: Any = (),
    directories: Any = (),
    other: dict[str, Any] | None = None,
) -> None:
    """Write an archive by hand, as an attacker would: keys and digests right, paths wrong."""
    key = object_key(((f["path"], f["size"], f["sha256"]) for f in files), links, directories)
    manifest = {
        "archive_format": 1,
        "codec_version": "0",
        "key": key,
        "kind": "other",
        "profile": "fast",
        "series": [""],
        "files": files,
        "links": [list(link) for link in links],
        "directories": list(directories),
        "volumes": [],
        **(other or {}),
    }
    stored = [file for file in files if file["copy_of"] < 0]
    envelope = io.BytesIO()
    with EnvelopeWriter(envelope, len(TEXT) * len(stored)) as writer:
        for _ in stored:
            writer.write(TEXT)
    (archive / "objects").mkdir(parents=True, exist_ok=True)
    (archive / "medzip.json").write_bytes(MARKER)
    with zipfile.ZipFile(archive / "objects" / f"{key}.zip", "w") as file:
        file.writestr("envelope/c/0", envelope.getvalue())
        file.writestr("manifest/c/0", zstandard.compress(canonical_json(manifest)))


def outside(tmp_path: Path) -> list[str]:
    return sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    "path",
    [
        "../escaped",
        "a/../../escaped",
        "/escaped",
        "a//b",
        "./a",
        "a/.",
        "",
        "..",
        "a\0b",
        "a/",
        "\ud800",
    ],
)
def test_unsafe_paths(path: str, tmp_path: Path) -> None:
    for number, (files, links, folders) in enumerate(
        [([entry(path)], [], []), ([], [(path, "x")], []), ([], [], [path])]
    ):
        archive = tmp_path / f"archive{number}"
        write_object(archive, files, links, folders)
        before = outside(tmp_path)
        restored = steps.restore(archive, tmp_path / "out")
        assert [failure.kind for failure in restored.failures] == ["ArchiveError"]
        assert outside(tmp_path) == before
        assert not steps.verify(archive).ok


def test_the_hand_made_archive_is_otherwise_right(tmp_path: Path) -> None:
    write_object(tmp_path / "archive", [entry("a/b"), entry("c", copy_of=0)], [("l", "../out")])
    assert steps.restore(tmp_path / "archive", tmp_path / "out").ok
    assert (tmp_path / "out" / "a" / "b").read_bytes() == TEXT
    assert (tmp_path / "out" / "c").read_bytes() == TEXT


@pytest.mark.parametrize(
    ("files", "links", "folders"),
    [
        (["a/b"], ["a"], []),
        (["a", "a/b"], [], []),
        (["a", "a"], [], []),
        (["a"], ["a"], []),
        ([], ["a"], ["a"]),
        ([], ["a"], ["a/b"]),
        ([], ["a", "a/b"], []),
    ],
)
def test_one_name_for_two_things(
    files: list[str], links: list[str], folders: list[str], tmp_path: Path
) -> None:
    target = str(tmp_path / "target")
    os.mkdir(target)
    write_object(
        tmp_path / "archive", [entry(p) for p in files], [(p, target) for p in links], folders
    )
    restored = steps.restore(tmp_path / "archive", tmp_path / "out")
    assert [failure.kind for failure in restored.failures] == ["ArchiveError"]
    assert os.listdir(target) == []


def test_a_link_in_one_object_and_a_file_below_it_in_another(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    write_object(tmp_path / "archive", [entry("a/b")])
    write_object(tmp_path / "archive", [], [("a", str(target))])
    steps.restore(tmp_path / "archive", tmp_path / "out")
    steps.restore(tmp_path / "archive", tmp_path / "out")
    assert os.listdir(target) == []


def test_links_that_lie_in_the_destination_are_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "file").write_text("mine")
    write_object(tmp_path / "archive", [entry("a/b"), entry("c", copy_of=0)], [], ["d/e"])
    out = tmp_path / "out"
    out.mkdir()
    (out / "a").symlink_to(target)
    (out / "d").symlink_to(target)
    (out / "c").symlink_to(target / "file")
    restored = steps.restore(tmp_path / "archive", out)
    assert (restored.files, len(restored.failures)) == (0, 3)
    assert os.listdir(target) == ["file"]
    assert (target / "file").read_text() == "mine"


def test_files_of_other_content_are_not_overwritten(tmp_path: Path) -> None:
    write_object(tmp_path / "archive", [entry("a"), entry("b", copy_of=0)])
    out = tmp_path / "out"
    out.mkdir()
    (out / "b").write_text("mine")
    restored = steps.restore(tmp_path / "archive", out)
    assert (out / "b").read_text() == "mine"
    assert (out / "a").read_bytes() == TEXT
    assert (restored.files, len(restored.failures)) == (1, 1)
    # The other way round: the first place is taken, the copy still comes.
    out = tmp_path / "out2"
    out.mkdir()
    (out / "a").write_text("mine")
    restored = steps.restore(tmp_path / "archive", out)
    assert (out / "a").read_text() == "mine"
    assert (out / "b").read_bytes() == TEXT
    assert (restored.files, len(restored.failures)) == (1, 1)


def test_temporary_names_as_names(tmp_path: Path) -> None:
    name = ".medzip-restoring"
    write_object(tmp_path / "archive", [entry(name), entry(name + "-/x.part", copy_of=0)])
    out = tmp_path / "out"
    mine = out / (name + "--")
    mine.mkdir(parents=True)
    (mine / "mine.part").touch()
    assert steps.restore(tmp_path / "archive", out).ok
    assert sorted(os.listdir(out)) == [name, name + "-", name + "--"]
    assert (out / (name + "-") / "x.part").read_bytes() == TEXT
    assert os.listdir(mine) == ["mine.part"]


def test_two_restores_at_once(tmp_path: Path) -> None:
    write_object(tmp_path / "archive", [entry("a")])
    out = tmp_path / "out"
    killed, mine = (out / (".medzip-restoring-" + digit * 32) for digit in "0f")
    for folder, name in ((killed, "1.part"), (mine, "not of a restore")):
        folder.mkdir(parents=True)
        (folder / name).touch()
    root = os.open(out, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with places.scratch_folder(root, []) as one:
            (out / one / "x.part").touch()
            with places.scratch_folder(root, []) as two:
                assert one != two
                assert (out / one / "x.part").exists()
            assert steps.restore(tmp_path / "archive", out).ok
            assert (out / one / "x.part").exists()
    finally:
        os.close(root)
    assert sorted(os.listdir(out)) == [mine.name, "a"]


def test_file_systems_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **options: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", refuse)
    write_object(tmp_path / "archive", [entry("a"), entry("b", copy_of=0), entry("c", copy_of=0)])
    out = tmp_path / "out"
    out.mkdir()
    (out / "b").write_text("mine")
    (out / "c").write_bytes(TEXT)
    restored = steps.restore(tmp_path / "archive", out)
    assert (restored.files, len(restored.failures)) == (2, 1)
    assert "got one of other content" in restored.failures[0].message
    assert (out / "a").read_bytes() == (out / "c").read_bytes() == TEXT
    assert (out / "b").read_text() == "mine"
    (out / "a").unlink()

    def full(*arguments: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.rename", full)
    restored = steps.restore(tmp_path / "archive", out)
    assert {failure.kind for failure in restored.failures} == {"OSError:ENOSPC", "ArchiveError"}
    assert sorted(os.listdir(out)) == ["b", "c"]


def test_not_into_the_archive(tmp_path: Path) -> None:
    write_object(tmp_path / "archive", [entry("a")])
    for dest in ("archive", "archive/out"):
        with pytest.raises(ArchiveError, match="outside the archive"):
            steps.restore(tmp_path / "archive", tmp_path / dest)


def test_set_uid_is_never_restored(tmp_path: Path) -> None:
    write_object(tmp_path / "archive", [entry("a", mode=0o6755)])
    steps.restore(tmp_path / "archive", tmp_path / "out")
    assert (tmp_path / "out" / "a").stat().st_mode & 0o7777 == 0o755


@pytest.mark.parametrize(
    "change",
    [
        {"size": 1 << 60},
        {"size": -1},
        {"sha256": "0" * 64},
        {"copy_of": 0},
        {"copy_of": 7},
        {"series": 9},
        {"mode": "x"},
        {"mtime_ns": None},
        {"spans": [[0, 4, 0, 0, 1, 1, "little", 0]]},
        {"spans": [[0, 4]]},
        {"path": 7},
    ],
)
def test_manifests_that_lie(change: dict[str, Any], tmp_path: Path) -> None:
    files = [{**entry("a"), **change}]
    try:
        write_object(tmp_path / "archive", files)
    except TypeError:
        pytest.skip("no key for it")
    restored = steps.restore(tmp_path / "archive", tmp_path / "out")
    assert len(restored.failures) == 1
    assert os.listdir(tmp_path / "out") == []


@pytest.mark.parametrize(
    "other",
    [
        {"archive_format": 2},
        {"volumes": [{"shape": [1, 1], "dtype": "int16", "depth": 1, "geometry": ""}]},
        {"volumes": [{"shape": [1, 1, 0], "dtype": "int16", "depth": 1, "geometry": ""}]},
        {"volumes": [{"shape": [1, 1, 1], "dtype": "O", "depth": 1, "geometry": ""}]},
        {"files": None},
        {"links": [["a"]]},
        {"key": "0" * 64},
    ],
)
def test_manifests_that_are_none(other: dict[str, Any], tmp_path: Path) -> None:
    write_object(tmp_path / "archive", [entry("a")], other=other)
    restored = steps.restore(tmp_path / "archive", tmp_path / "out")
    assert [failure.kind for failure in restored.failures] == ["ArchiveError"]


VOLUME = {"shape": [1, 2, 2], "dtype": "uint8", "depth": 1, "geometry": ""}


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ([0, 4, 0, 0, 1, 1, "little", 0], ""),
        ([0, 3, 0, 0, 1, 1, "little", 0], "expected 4 bytes of pixels, got 3"),
        ([0, 5, 0, 0, 1, 1, "big", 0], "expected 4 bytes of pixels, got 5"),
        ([0, 4, 0, 0, 1, 1, "jpeg-3000", 0], "expected a pixel coding"),
        (None, "expected files with [1] slices"),
    ],
)
def test_spans_that_lie(span: list[Any] | None, message: str, tmp_path: Path) -> None:
    files = [entry("a", spans=[span] if span else [])]
    write_object(tmp_path / "archive", files, other={"volumes": [VOLUME]})
    failures: list[steps.Failure] = []
    steps.inspect(tmp_path / "archive", failures.append)
    assert len(failures) == 1  # the hand-made object has no volume
    assert message in failures[0].message if message else "zarr.json" in failures[0].message


def test_slabs_larger_than_any(tmp_path: Path) -> None:
    huge = {**VOLUME, "shape": [1, 1 << 20, 1 << 20]}
    write_object(tmp_path / "archive", [entry("a")], other={"volumes": [huge]})
    (failure,) = steps.restore(tmp_path / "archive", tmp_path / "out").failures
    assert "slabs of at most" in failure.message


def change_entry(archive: Path, name: str, data: bytes, deflate: bool = False) -> None:
    """Write an object again with one entry changed or added."""
    (path,) = (archive / "objects").glob("*.zip")
    with zipfile.ZipFile(path) as file:
        entries = {info.filename: file.read(info) for info in file.infolist()}
    with zipfile.ZipFile(path, "w") as file:
        for other, content in (entries | {name: data}).items():
            kind = zipfile.ZIP_DEFLATED if deflate and other == name else zipfile.ZIP_STORED
            file.writestr(other, content, kind)


@pytest.mark.parametrize(
    ("name", "size"), [("volumes/0/c/0/0/0", 100), ("zarr.json", 5 << 20), ("envelope/c/0", 100)]
)
def test_entries_that_swell(name: str, size: int, tmp_path: Path) -> None:
    write_object(tmp_path / "archive", [entry("a")])
    change_entry(tmp_path / "archive", name, bytes(size), deflate=True)
    (failure,) = steps.restore(tmp_path / "archive", tmp_path / "out").failures
    assert f"expected {name} to be stored as it is" in failure.message


@pytest.mark.parametrize("says", [True, False])
def test_manifests_that_swell(says: bool, tmp_path: Path) -> None:
    write_object(tmp_path / "archive", [entry("a")])
    if says:  # the header of a frame of 2**40 bytes (RFC 8878, 3.1.1.1), and nothing behind it
        frame = struct.pack("<IBQ", zstandard.MAGIC_NUMBER, 0b11100000, 1 << 40)
    else:
        frame = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100))
    change_entry(tmp_path / "archive", "manifest/c/0", frame)
    (failure,) = steps.restore(tmp_path / "archive", tmp_path / "out").failures
    assert "expected a manifest of at most" in failure.message


def test_slabs_of_another_shape_are_not_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = base_model("fast")
    span = [0, 4, 0, 0, 1, 1, "little", 0]
    write_object(tmp_path / "archive", [entry("a", spans=[span])], other={"volumes": [VOLUME]})
    slab = encode_slab(np.zeros((9, 200, 200), np.uint8), model)
    change_entry(tmp_path / "archive", "volumes/0/c/0/0/0", slab)

    def decode(data: bytes, model: Any) -> None:
        pytest.fail("decoded before its header was compared")

    monkeypatch.setattr("medzip.archive.reader.decode_slab", decode)
    (path,) = (tmp_path / "archive" / "objects").glob("*.zip")
    with ObjectReader(path) as reader, pytest.raises(CorruptStreamError, match="expected slab 0"):
        reader.slab(0, 0, model)
