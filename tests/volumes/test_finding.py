"""Volumes wherever they lie: what they are called, what they hold, what is said of what is none."""

from __future__ import annotations

import json
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest

from medzip.bench.phantom import SeriesSpec, ct_volume, mr_volume, write_series
from medzip.errors import SourceError
from medzip.training.cohort import find_cohort
from medzip.volumes import Series, find_volumes, middle

if TYPE_CHECKING:
    from pathlib import Path


def test_index_of_tiffs(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    voxels = ct_volume((3, 16, 16), seed=1, signed=True)
    stored = (voxels.astype(np.int32) + 2000).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack")
    entry = {
        "file": "a.tif",
        "shape": [3, 16, 16],
        "dtype": "int16",
        "offset": -2000,
        "licence": "CC0",
    }
    (tmp_path / "index.json").write_text(json.dumps({"a": entry}))
    (volume,) = find_volumes(tmp_path)
    np.testing.assert_array_equal(volume.load(), voxels)
    assert volume.about.facts == {"licence": "CC0"}


def test_dicom_is_named_by_digest(tmp_path: Path) -> None:
    voxels = ct_volume((4, 16, 16), seed=1)
    spec = SeriesSpec(1, 1, 1, "CT", "SECRET")
    write_series(tmp_path / "Doe" / "ct", voxels, spec)
    (tmp_path / "Doe" / "note.txt").write_text("x")
    (volume,) = find_volumes(tmp_path)
    assert volume.title.isalnum()
    assert len(volume.title) == 12
    np.testing.assert_array_equal(volume.load(), voxels)


def test_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="got none"):
        find_volumes(tmp_path)
    (tmp_path / "note.txt").write_text("x")
    with pytest.raises(SourceError, match="got none"):
        find_volumes(tmp_path)
    with pytest.raises(SourceError, match="check the path"):
        find_volumes(tmp_path / "nowhere")


def test_arrays_of_all_kinds(tmp_path: Path) -> None:
    tifffile = pytest.importorskip("tifffile")
    voxels = ct_volume((3, 16, 18), seed=1, signed=True)
    np.save(tmp_path / "wide.npy", voxels.astype(np.int64))
    np.save(tmp_path / "big.npy", voxels.astype(">i2"))
    np.save(tmp_path / "twice.npy", voxels)
    (tmp_path / "deep").mkdir()
    tifffile.imwrite(tmp_path / "deep" / "page.TIF", voxels, photometric="minisblack")
    tifffile.imwrite(tmp_path / "twice.tiff", voxels[0], photometric="minisblack")
    volumes = {volume.title: volume.load() for volume in find_volumes(tmp_path)}
    assert sorted(volumes) == ["big", "deep/page", "twice.npy", "twice.tiff", "wide"]
    for name in ("wide", "big", "deep/page", "twice.npy"):
        assert volumes[name].dtype == np.int16
        np.testing.assert_array_equal(volumes[name], voxels)
    np.testing.assert_array_equal(volumes["twice.tiff"], voxels[:1])


def test_arrays_beside_dicom(tmp_path: Path) -> None:
    write_series(
        tmp_path / "dicom", ct_volume((4, 16, 16), seed=1), SeriesSpec(1, 1, 1, "CT", "SECRET")
    )
    np.save(tmp_path / "mr.npy", mr_volume((2, 16, 16), seed=1))
    names = [volume.title for volume in find_volumes(tmp_path)]
    assert names[0] == "mr"
    assert len(names) == 2


def test_copies_are_found_and_several_folders(tmp_path: Path) -> None:
    voxels = ct_volume((8, 64, 64), seed=1)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / f"{name}.npy", voxels)
    (tmp_path / "empty").mkdir()
    found = find_volumes([tmp_path / "a", tmp_path / "empty", tmp_path / "b"])
    assert [series.title for series in found] == ["a", "b"]
    assert found[0].about == found[1].about
    assert [series.about.key for series in find_cohort(tmp_path)] == [found[0].about.key]
    again = pickle.loads(pickle.dumps(found[1]))
    np.testing.assert_array_equal(again.load(), voxels)


def test_an_array_that_cannot_be_read_is_said_before_anything_is_learned(tmp_path: Path) -> None:
    np.save(tmp_path / "good.npy", ct_volume((8, 64, 64), seed=1))
    np.save(tmp_path / "float.npy", np.zeros((2, 4, 4), np.float32))
    assert [series.about.voxels for series in find_volumes(tmp_path)] == [0, 8 * 64 * 64]
    with pytest.raises(SourceError, match=r"at most 16 bits in float\.npy"):
        find_cohort(tmp_path)


def test_voxels_in_memory_are_a_series_too(tmp_path: Path) -> None:
    voxels = mr_volume((3, 16, 16), seed=1)
    series = Series.held("mine", voxels)
    assert (series.title, series.about.voxels) == ("mine", voxels.size)
    assert middle(series.load(), 1).shape == (1, 16, 16)
    with series.open(tmp_path) as volume:
        np.testing.assert_array_equal(volume[1:2], voxels[1:2])
