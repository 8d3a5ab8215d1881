"""Sources through the whole archive and back, byte for byte."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom.data
import pytest

from medzip import archive as steps
from medzip.archive import Verdict
from medzip.errors import ArchiveError
from medzip.testing.archives import archive_here, objects, same
from medzip.testing.series import SECRET, write_series, write_tree

if TYPE_CHECKING:
    from collections.abc import Callable

SERIES = [
    "ct-ge-1.25mm-padded",
    "ct-ge-gantry-tilt-uneven-spacing",
    "ct-jpeg-lossless-compressed",
    "ct-siemens-3mm",
    "ct-siemens-8mm",
    "mr-siemens-enhanced-multiframe",
    "mr-siemens-haste-7mm",
    "mr-siemens-mosaic-full-16-bit",
    "mr-siemens-t1-2d",
]


def round_trip(source: Path, folder: Path) -> steps.Summary:
    summary = archive_here([source], folder / "archive")
    assert summary.ok, summary.failures
    verified = steps.verify(folder / "archive")
    assert verified.ok, verified.failures
    restored = steps.restore(folder / "archive", folder / "out")
    assert restored.ok, restored.failures
    same(source, folder / "out")
    assert restored.files == verified.files == summary.files
    for record in summary.objects:
        assert record.encoded_bytes == record.parts.total
        assert sum(slab.encoded_bytes for slab in record.slabs) == record.parts.slabs
        assert sum(slab.voxels for slab in record.slabs) == record.voxels
    return summary


def test_everything_that_a_folder_may_hold(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tree(source)
    summary = round_trip(source, tmp_path)
    kinds = sorted(record.kind for record in summary.objects)
    assert kinds.count("series") == 3
    assert summary.kept_whole["not-dicom"] == 4
    assert summary.kept_whole["empty"] == 2
    out = tmp_path / "out"
    assert os.readlink(out / "dangling") == "/nowhere/at/all"
    assert (out / "notes" / "copy.txt").stat().st_mode & 0o777 == 0o640
    assert (out / "one.dcm").stat().st_mtime_ns == 1_234_567_890_123_456_789


def test_second_run_skips_and_changes_nothing(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tree(source)
    archive_here([source], tmp_path / "archive")
    before = objects(tmp_path / "archive")
    again = archive_here([source], tmp_path / "archive", "max")
    assert {record.verdict for record in again.objects} == {Verdict.ALREADY_PROVEN}
    assert objects(tmp_path / "archive") == before


def test_the_same_source_gives_the_same_archive(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tree(source)
    archive_here([source], tmp_path / "one")
    archive_here([source], tmp_path / "two")
    assert objects(tmp_path / "one") == objects(tmp_path / "two")


def test_empty_source(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    round_trip(tmp_path / "source", tmp_path)


def test_a_single_file(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("alone")
    archive_here([tmp_path / "one.txt"], tmp_path / "archive")
    steps.restore(tmp_path / "archive", tmp_path / "out")
    assert (tmp_path / "out" / "one.txt").read_text() == "alone"


def test_several_sources_lie_under_their_names(tmp_path: Path) -> None:
    write_series(tmp_path / "a" / "x", "1.2.3")
    write_series(tmp_path / "b" / "x", "1.2.4")
    sources = [tmp_path / "a", tmp_path / "b"]
    archive_here(sources, tmp_path / "archive")
    steps.restore(tmp_path / "archive", tmp_path / "out")
    for source in sources:
        same(source, tmp_path / "out" / source.name)


def test_grown_and_changed_source(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_series(source / "s", "1.2.3")
    (source / "log").write_text("first")
    first = archive_here([source], tmp_path / "archive")
    (source / "log").write_text("second")
    write_series(source / "t", "1.2.4", 3)
    (source / "s" / "new.txt").write_text("new")
    archive_here([source], tmp_path / "archive")
    assert steps.verify(tmp_path / "archive").ok
    steps.restore(tmp_path / "archive", tmp_path / "out")
    same(source, tmp_path / "out")
    # The older version is still there, by the name of its object.
    old = next(r.name for r in first.objects if r.kind == "other")
    steps.restore(tmp_path / "archive", tmp_path / "old", [old])
    assert (tmp_path / "old" / "log").read_text() == "first"


def test_a_file_that_became_a_folder(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "x").write_text("file")
    archive_here([source], tmp_path / "archive")
    (source / "x").unlink()
    (source / "x").mkdir()
    (source / "x" / "y").write_text("below")
    archive_here([source], tmp_path / "archive")
    assert steps.restore(tmp_path / "archive", tmp_path / "out").ok
    same(source, tmp_path / "out")


def test_one_series_by_uid_or_name(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_tree(source)
    archive_here([source], tmp_path / "archive")
    steps.restore(tmp_path / "archive", tmp_path / "out", ["1.2.4"])
    same(source / "ct" / "b", tmp_path / "out" / "ct" / "b")
    assert os.listdir(tmp_path / "out") == ["ct"]
    with pytest.raises(ArchiveError, match=r"1\.9\.9"):
        steps.restore(tmp_path / "archive", tmp_path / "out2", ["1.9.9"])


def test_records_name_nobody(tmp_path: Path) -> None:
    source = tmp_path / "Doe^Jane"
    write_tree(source)
    summary = archive_here([source], tmp_path / "archive")
    text = str(steps.to_json(summary.objects))
    for secret in (SECRET, "1.2.3", "Doe", "one.dcm"):
        assert secret not in text


def test_files_that_pydicom_ships(tmp_path: Path) -> None:
    source = Path(pydicom.data.__file__).parent
    summary = round_trip(source, tmp_path)
    assert summary.files > 150
    assert sum(record.voxels for record in summary.objects) > 100_000


def test_fmri(tmp_path: Path, shared: Callable[[str], Path]) -> None:
    summary = round_trip(shared("series/mr-ge-fmri"), tmp_path)
    (record,) = summary.objects
    assert not record.kept_whole
    assert record.voxels == 150 * 64 * 64


@pytest.mark.slow
@pytest.mark.parametrize("name", SERIES)
def test_real_series(name: str, tmp_path: Path, shared: Callable[[str], Path]) -> None:
    summary = round_trip(shared(f"series/{name}"), tmp_path)
    assert not summary.kept_whole
    assert summary.encoded_bytes < 0.8 * summary.raw_bytes


@pytest.mark.slow
def test_odd_files(tmp_path: Path, shared: Callable[[str], Path]) -> None:
    summary = round_trip(shared("odd"), tmp_path)
    assert summary.files == 117
