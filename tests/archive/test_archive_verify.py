"""No byte of an archive can change, vanish or appear unnoticed."""

from __future__ import annotations

import random
import shutil
from typing import TYPE_CHECKING

import pytest

from medzip import archive as steps
from medzip.errors import ArchiveError
from medzip.testing.archives import archive_here, objects
from medzip.testing.series import volume as make_volume
from medzip.testing.series import write_slice, write_tree

if TYPE_CHECKING:
    from pathlib import Path

TRIES = 1000


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Archive of one small series with a text file beside it."""
    source = tmp_path / "source"
    for z, pixels in enumerate(make_volume((2, 12, 16))):
        write_slice(source / f"{z}.dcm", pixels, series="1.2.3", position=(0, 0, z))
    (source / "a.txt").write_text("text")
    archive_here([source], tmp_path / "archive")
    return tmp_path / "archive"


def test_every_flipped_byte_is_reported(small: Path) -> None:
    generator = random.Random(2)
    paths = [path for path in sorted(small.rglob("*")) if path.is_file() and path.stat().st_size]
    sizes = [path.stat().st_size for path in paths]
    places = [(path, at) for path, size in zip(paths, sizes, strict=True) for at in range(size)]
    for _ in range(TRIES):
        path, at = generator.choice(places)
        original = path.read_bytes()
        broken = bytearray(original)
        broken[at] ^= generator.randrange(1, 256)
        path.write_bytes(broken)
        assert not steps.verify(small).ok, f"byte {at} of {path.name}"
        path.write_bytes(original)
    assert steps.verify(small).ok


def test_missing_extra_cut_and_longer_files(small: Path) -> None:
    for path in [path for path in sorted(small.rglob("*")) if path.is_file()]:
        original = path.read_bytes()
        if path.name not in ("lock", "medzip.json"):
            path.unlink()
            assert not steps.verify(small).ok, path
        path.write_bytes(original + b"\0")
        assert not steps.verify(small).ok, path
        if original:
            path.write_bytes(original[:-1])
            assert not steps.verify(small).ok, path
        path.write_bytes(original)
    (small / "objects" / "other").touch()
    verified = steps.verify(small)
    assert [failure.kind for failure in verified.failures] == ["VerificationError"]
    assert "other" in verified.failures[0].message


def test_exchanged_objects_are_reported(small: Path) -> None:
    one, two = sorted((small / "objects").glob("*.zip"))
    content = one.read_bytes(), two.read_bytes()
    one.write_bytes(content[1])
    two.write_bytes(content[0])
    assert len(steps.verify(small).failures) == 2


def test_objects_can_be_checked_without_the_index(small: Path) -> None:
    (small / "index.json").unlink()
    (small / "index.json.sha256").unlink()
    verified = steps.verify(small)
    assert not verified.ok
    assert verified.objects == 2
    path = next(iter((small / "objects").glob("*.zip")))
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert steps.verify(small).objects == 1


def test_a_broken_object_does_not_stop_the_others(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tree(source)
    summary = archive_here([source], tmp_path / "archive")
    record = next(r for r in summary.objects if r.files == 7)
    path = tmp_path / "archive" / "objects" / f"{record.key}.zip"
    path.write_bytes(path.read_bytes()[:-30])
    assert steps.verify(tmp_path / "archive").objects == len(summary.objects) - 1
    restored = steps.restore(tmp_path / "archive", tmp_path / "out")
    assert restored.files == summary.files - 7
    assert [failure.name for failure in restored.failures] == [record.name]


def test_a_broken_slab_costs_only_its_files(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for stack, size in enumerate((16, 20)):
        for z, pixels in enumerate(make_volume((3, size, size))):
            name = f"{stack}-{z}.dcm"
            write_slice(source / name, pixels, series="1.2", position=(0, 0, z))
    (source / "x.txt").write_text("beside")
    summary = archive_here([source], tmp_path / "archive")
    record = next(r for r in summary.objects if r.volumes)
    path = tmp_path / "archive" / "objects" / f"{record.key}.zip"
    data = bytearray(path.read_bytes())
    at = data.find(b"volumes/0/c/0/0/0") + len("volumes/0/c/0/0/0") + 150
    data[at] ^= 0xFF
    path.write_bytes(data)
    restored = steps.restore(tmp_path / "archive", tmp_path / "out")
    assert restored.files == 4
    assert [failure.name for failure in restored.failures] == [record.name]
    assert len(restored.lost) == 3
    assert {one.path for one in restored.lost}.isdisjoint(
        path.name for path in (tmp_path / "out").iterdir()
    )
    verified = steps.verify(tmp_path / "archive")
    assert (len(verified.failures), verified.lost) == (1, restored.lost)
    assert not [p for p in (tmp_path / "out").iterdir() if p.name.startswith(".medzip")]


def test_compressing_again_mends_what_is_broken(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tree(source)
    archive = tmp_path / "archive"
    archive_here([source], archive)
    before = objects(archive)
    path = next(iter((archive / "objects").glob("*.zip")))
    path.write_bytes(path.read_bytes()[:100])
    (archive / "index.json").write_bytes(b"{}")
    assert not steps.verify(archive).ok
    archive_here([source], archive)
    assert objects(archive) == before
    assert steps.verify(archive).ok


def test_no_archive(tmp_path: Path) -> None:
    for call in (steps.verify, steps.inspect):
        with pytest.raises(ArchiveError, match=r"no medzip\.json"):
            call(tmp_path)


def test_a_newer_format_is_refused(small: Path, tmp_path: Path) -> None:
    shutil.copytree(small, tmp_path / "copy")
    (tmp_path / "copy" / "medzip.json").write_text('{"archive_format":2}')
    assert not steps.verify(tmp_path / "copy").ok
