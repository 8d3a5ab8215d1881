"""Cohorts: found in DICOM, archives, arrays and indexed folders, and read without their names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from medzip.bench.phantom import SeriesSpec, ct_volume, mr_volume, write_series
from medzip.errors import SourceError
from medzip.testing.archives import archive_here
from medzip.testing.cohorts import FORM
from medzip.training.cohort import find_cohort
from medzip.training.sampling import sample_cohort
from medzip.volumes.tags import spacing_of, tags_of

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (10, 48, 48)
CT, MR = ct_volume(SHAPE, seed=5), mr_volume(SHAPE, seed=6)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    details = (("ConvolutionKernel", "B30f"), ("ManufacturerModelName", "Phantom 64"))
    ct = SeriesSpec(1, 1, 1, "CT", "DOE^JANE", details=details)
    write_series(folder / "DOE^JANE" / "ct", CT, ct)
    write_series(folder / "DOE^JANE" / "mr", MR, SeriesSpec(2, 1, 1, "MR", "DOE^JANE"))
    write_series(folder / "DOE^JANE" / "copy", CT, ct)
    (folder / "letter.txt").write_text("Jane Doe")
    return folder


def voxels_of(series, tmp_path: Path) -> np.ndarray:
    with series.open(tmp_path / "scratch") as volume:
        parts = [np.asarray(volume[z : z + 3]) for z in range(0, int(volume.shape[0]), 3)]
    return np.concatenate(parts)


def test_dicom_series_with_their_tags(scans: Path, tmp_path: Path) -> None:
    cohort = find_cohort(scans)
    by_modality = {series.about.modality: series for series in cohort}
    assert by_modality.keys() == {"CT", "MR"}
    about = by_modality["CT"].about
    assert (about.kernel, about.spacing, about.voxels) == ("B30f", "0.7", CT.size)
    assert about.scanner.endswith("Phantom 64")
    assert np.array_equal(voxels_of(by_modality["CT"], tmp_path), CT)
    assert np.array_equal(voxels_of(by_modality["MR"], tmp_path), MR)
    assert "DOE" not in repr([series.about for series in cohort])
    assert not any((tmp_path / "scratch").glob("*/work/*"))


def test_an_archive_is_a_cohort_with_the_same_series(scans: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    assert archive_here([scans / "DOE^JANE" / "ct"], archive).ok
    (series,) = find_cohort(archive)
    (source,) = find_cohort(scans / "DOE^JANE" / "ct")
    assert series.about == source.about
    assert np.array_equal(voxels_of(series, tmp_path), CT)


def test_arrays_and_indexed_folders(tmp_path: Path) -> None:
    arrays, indexed = tmp_path / "doe jane", tmp_path / "indexed"
    arrays.mkdir()
    np.save(arrays / "doe.npy", CT)
    (series,) = find_cohort(arrays)
    assert "doe" not in series.about.name
    assert np.array_equal(voxels_of(series, tmp_path), CT)
    tifffile = pytest.importorskip("tifffile")
    indexed.mkdir()
    stored = (CT.astype(np.int32) + 2000).astype(np.uint16)
    tifffile.imwrite(indexed / "a.tif", stored)
    entry = {
        "file": "a.tif",
        "shape": list(CT.shape),
        "dtype": "int16",
        "offset": -2000,
        "modality": "CT",
        "vendor": "Maker",
        "pixel_spacing_mm": "[0.5, 0.5]",
        "licence": "CC0",
    }
    (indexed / "index.json").write_text(json.dumps({"a": entry}))
    (series,) = find_cohort(indexed, "CT")
    assert series.about.stratum == ("Maker", "", "0.5")
    assert np.array_equal(voxels_of(series, tmp_path), CT)
    with pytest.raises(SourceError, match="series of MR"):
        find_cohort(indexed, "MR")


def test_a_killed_sampling_reads_the_missing_series_only(scans: Path, tmp_path: Path) -> None:
    cohort = find_cohort(scans)
    straight = sample_cohort(cohort, tmp_path / "straight", FORM, 2000)

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample_cohort(cohort, tmp_path / "store", FORM, 2000, on_series=stop)
    done = list((tmp_path / "store" / "series").iterdir())
    before = {path: (path / "zarr.json").stat().st_mtime_ns for path in done}
    assert len(before) == 1
    again = sample_cohort(cohort, tmp_path / "store", FORM, 2000)
    assert again.digest == straight.digest
    assert {path: (path / "zarr.json").stat().st_mtime_ns for path in done} == before
    assert sorted(path.name for path in (tmp_path / "store").iterdir()) == ["series", "store.json"]


def test_what_is_no_cohort(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="check the path"):
        find_cohort(tmp_path / "none")
    np.save(tmp_path / "small.npy", np.zeros((2, 8, 8), np.int16))
    with pytest.raises(SourceError, match="at least 20000 voxels"):
        find_cohort(tmp_path)


def test_tags_of_something_else_are_empty(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"no DICOM at all")
    assert set(tags_of(tmp_path / "x").values()) == {""}
    assert spacing_of("nothing") == ""
