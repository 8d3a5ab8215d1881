"""Generated series are the same in every run, and DICOM that other software reads."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pydicom
import pytest
from highdicom.spatial import get_series_volume_positions

from medzip.bench.demo import build_demo_cohort, copy_pydicom_samples
from medzip.bench.phantom import SeriesSpec, ct_volume, mr_volume, write_series
from medzip.bench.phantom.ct import PADDING
from medzip.bench.phantom.noise import KERNELS, ct_noise

if TYPE_CHECKING:
    from pathlib import Path

CT = SeriesSpec(1, 1, 2, "CT", "TEST", padding=PADDING)
MR = SeriesSpec(2, 1, 3, "MR", "TEST")


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_volumes_follow_from_the_seed() -> None:
    shape = (3, 48, 64)
    np.testing.assert_array_equal(ct_volume(shape, seed=4), ct_volume(shape, seed=4))
    np.testing.assert_array_equal(mr_volume(shape, seed=4), mr_volume(shape, seed=4))
    assert (ct_volume(shape, seed=4) != ct_volume(shape, seed=5)).any()
    assert (mr_volume(shape, seed=4) != mr_volume(shape, seed=5)).any()


@pytest.mark.parametrize("signed", [False, True])
def test_ct_looks_like_ct(signed: bool) -> None:
    voxels = ct_volume((4, 128, 128), seed=1, signed=signed)
    assert voxels.dtype == (np.int16 if signed else np.uint16)
    assert voxels.max() < 4096
    assert (voxels[:, 0, 0] == (PADDING if signed else 0)).all()
    inside = voxels[:, 20:108, 20:108].astype(int) - 1024
    assert (inside < -600).mean() > 0.05, "lungs"
    assert ((inside > 0) & (inside < 120)).mean() > 0.15, "muscle"
    assert (inside > 150).mean() > 0.005, "bone"


def test_ct_noise_is_coloured_by_the_kernel() -> None:
    def neighbour_correlation(kernel: str) -> float:
        noise = ct_noise((2, 128, 128), kernel, np.random.default_rng(0))
        assert noise.std() == pytest.approx(1, abs=0.01)
        return float((noise[:, :, 1:] * noise[:, :, :-1]).mean())

    soft, standard, sharp = map(neighbour_correlation, KERNELS)
    assert soft > standard > sharp
    assert soft > 0.3


def test_mr_background_is_noise_or_masked() -> None:
    plain = mr_volume((2, 96, 80), seed=1, noise=10)
    corner = plain[:, :8, :8]
    # Magnitude of noise alone is Rayleigh: mean 1.25 times, deviation 0.66 times the channel's.
    assert corner.mean() == pytest.approx(12.5, abs=1.5)
    assert corner.std() == pytest.approx(6.6, abs=1.2)
    masked = mr_volume((2, 96, 80), seed=1, masked=True)
    assert not masked[:, :8, :8].any()
    assert (masked == 0).mean() > 0.2


def test_interpolated_mr_has_an_empty_outer_k_space() -> None:
    plane = mr_volume((1, 128, 128), seed=1, interpolation=2)[0].astype(float)
    power = np.abs(np.fft.fftshift(np.fft.fft2(plane))) ** 2
    assert power[32:96, 32:96].sum() > 200 * (power.sum() - power[32:96, 32:96].sum())


@pytest.mark.parametrize(
    ("spec", "voxels"),
    [(CT, ct_volume((5, 32, 40), seed=1, signed=True)), (MR, mr_volume((5, 33, 31), seed=1))],
    ids=["CT", "MR"],
)
def test_written_series_reads_back(tmp_path: Path, spec: SeriesSpec, voxels: np.ndarray) -> None:
    files = write_series(tmp_path, voxels, spec)
    instances = [pydicom.dcmread(file) for file in files]
    back = np.stack([dataset.pixel_array for dataset in instances])
    np.testing.assert_array_equal(back, voxels)
    spacing, order = get_series_volume_positions(instances)
    assert spacing == pytest.approx(spec.slice_spacing)
    assert order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0])
    assert sorted(files) != files, "names do not tell the order"
    assert len({dataset.SOPInstanceUID for dataset in instances}) == 5
    assert len({dataset.SeriesInstanceUID for dataset in instances}) == 1
    assert all(dataset.Modality == spec.modality for dataset in instances)


def test_series_are_the_same_bytes_again(tmp_path: Path) -> None:
    voxels = mr_volume((2, 16, 16), seed=1)
    write_series(tmp_path / "a", voxels, MR)
    write_series(tmp_path / "b", voxels, MR)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_samples_are_those_of_the_wheel(tmp_path: Path) -> None:
    count = copy_pydicom_samples(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == count > 100
    assert {path.name for path in files} >= {"DICOMDIR", "CT_small.dcm", "MR_small.dcm"}
    assert not [path for path in files if path.suffix == ".py"]


@pytest.mark.slow
def test_demo_cohort_is_the_same_again(tmp_path: Path) -> None:
    first = digests(build_demo_cohort(tmp_path / "a"))
    assert first == digests(build_demo_cohort(tmp_path / "b"))
    assert sum(name.startswith("patient-0") for name in first) > 100


def test_demo_cohort_mixes_with_nothing(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(FileExistsError, match="absent or empty"):
        build_demo_cohort(tmp_path)
