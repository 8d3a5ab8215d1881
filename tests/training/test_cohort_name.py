"""Samples of an archive get another store once it holds more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.testing.archives import archive_here
from medzip.training.cohort import cohort_name

if TYPE_CHECKING:
    from pathlib import Path


def test_a_store_is_named_by_all_that_decides_its_samples(tmp_path: Path) -> None:
    source, archive = tmp_path / "source", tmp_path / "archive"
    source.mkdir()
    (source / "a").write_text("a")
    assert archive_here([source], archive).ok
    first = cohort_name([str(archive)], str(archive), voxels=10)
    assert cohort_name([str(archive)], str(archive), voxels=10) == first
    assert cohort_name([str(archive)], str(archive), voxels=11) != first
    elsewhere = cohort_name([str(source)], str(archive), voxels=10)
    (source / "a").write_text("b")
    assert archive_here([source], archive).ok
    assert cohort_name([str(archive)], str(archive), voxels=10) not in (first, elsewhere)
    assert cohort_name([str(source)], str(archive), voxels=10) == elsewhere
