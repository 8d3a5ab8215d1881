"""The noise floor of synthetic noise is its entropy, as far as that is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from medzip.bench.noise_floor import METHOD, noise_floor, rounded_entropy
from medzip.bench.phantom import ct_volume

SHAPE = (17, 100, 100)
GAUSSIAN = 0.5 * math.log2(2 * math.pi * math.e)


def bits(voxels: np.ndarray) -> float:
    floor = noise_floor(voxels)
    assert floor is not None
    assert floor.method == METHOD
    assert floor.voxels == voxels.size
    return floor.bpv


def white(shape: tuple[int, ...] = SHAPE) -> np.ndarray:
    return np.random.default_rng(5).standard_normal(shape)


def entropy_of_rounded(mean: float, deviation: float) -> float:
    edges = [(k + 0.5 - mean) / deviation / math.sqrt(2) for k in range(-60, 61)]
    shares = np.diff([0.5 * (1 + math.erf(edge)) for edge in edges])
    shares = shares[shares > 0]
    return float(-np.sum(shares * np.log2(shares)))


@pytest.mark.parametrize("mean", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("deviation", [0.3, 0.5, 1.0, 5.0])
def test_white_noise(mean: float, deviation: float) -> None:
    voxels = np.rint(200 + mean + deviation * white()).astype(np.int16)
    assert bits(voxels) == pytest.approx(entropy_of_rounded(mean, deviation), abs=0.03)


@pytest.mark.parametrize("deviation", [40.0, 900.0])
def test_strong_white_noise(deviation: float) -> None:
    voxels = np.rint(deviation * white()).astype(np.int16)
    assert bits(voxels) == pytest.approx(GAUSSIAN + math.log2(deviation), abs=0.03)


def test_hardly_any_noise() -> None:
    voxels = np.rint(200 + 0.2 * white()).astype(np.uint16)
    assert bits(voxels) == pytest.approx(entropy_of_rounded(0, 0.2), abs=0.12)


@pytest.mark.parametrize(
    "transfer",
    [
        lambda z, y, x: 1 / (1 - 0.9 * x),  # slow decay along x
        lambda z, y, x: 1 + 0.5 * x + 0.5 * y,
        lambda z, y, x: 1 + 0.8 * z,  # neighbouring slices share noise
        lambda z, y, x: (1 + 0.5 * z) * (1 + 0.7 * x) * (1 + 0.7 * y),
        lambda z, y, x: (2 + 0.9 * (x + 1 / x)) * (2 + 0.9 * (y + 1 / y)) / 4,  # a soft kernel
    ],
)
def test_filtered_noise(transfer: object) -> None:
    z, y, x = np.meshgrid(
        *(np.exp(-2j * np.pi * np.fft.fftfreq(side)) for side in SHAPE), indexing="ij"
    )
    response = np.broadcast_to(transfer(z, y, x), SHAPE)  # type: ignore[operator]
    noise = np.fft.ifftn(np.fft.fftn(30 * white()) * response).real
    # Kolmogorov: the mean logarithm of the spectrum, rounding (1/12) included.
    expected = GAUSSIAN + 0.5 * np.mean(np.log2(900 * np.abs(response) ** 2 + 1 / 12))
    assert bits(np.rint(1000 + noise).astype(np.int16)) == pytest.approx(expected, abs=0.1)


def test_noise_below_anatomy() -> None:
    y, x = np.mgrid[:256, :256] - 128
    body = np.hypot(y, x) < 110
    organs = 40 * np.sin(x / 25) * np.cos(y / 30) + 90 * (np.hypot(y - 20, x - 30) < 25)
    clean = np.where(body, 1000 + organs, 100)
    voxels = np.rint(clean + 8 * white((9, 256, 256))).astype(np.int16)
    assert bits(voxels) == pytest.approx(GAUSSIAN + 3, abs=0.2)


def test_flat_parts_cost_nothing() -> None:
    voxels = np.rint(1000 + 8 * white()).astype(np.int16)
    voxels[:, :, 52:] = -2000
    assert bits(voxels) == pytest.approx((GAUSSIAN + 3) * 52 / 100, abs=0.15)


def test_clipped_noise() -> None:
    noise = np.maximum(np.rint(20 * white()), 0).astype(np.int16)
    positive = noise[noise > 0]
    share = positive.size / noise.size
    choice = -share * math.log2(share) - (1 - share) * math.log2(1 - share)
    half = GAUSSIAN + math.log2(20) - 1  # half a Gaussian is one bit less
    assert bits(noise) == pytest.approx(choice + share * half, abs=0.1)


def test_common_divisor_is_no_entropy() -> None:
    voxels = np.rint(5 * white()).astype(np.int16)
    assert bits(voxels * np.int16(8) + np.int16(3)) == pytest.approx(bits(voxels), abs=1e-6)


def test_constant_volume() -> None:
    assert bits(np.full((4, 40, 40), 7, np.uint8)) == 0


@pytest.mark.parametrize("shape", [(1, 60, 60), (2, 40, 40), (9, 20, 200)])
def test_few_slices_and_narrow_ones(shape: tuple[int, ...]) -> None:
    voxels = np.rint(5 * white(shape)).astype(np.int16)
    assert bits(voxels) == pytest.approx(GAUSSIAN + math.log2(5), abs=0.15)


def test_too_small() -> None:
    assert noise_floor(np.arange(64, dtype=np.uint8).reshape(1, 8, 8)) is None
    assert noise_floor(np.arange(12, dtype=np.uint8).reshape(3, 2, 2)) is None


def test_louder_phantom_has_a_higher_floor() -> None:
    quiet, loud = (ct_volume((9, 96, 96), seed=1, noise_hu=noise) for noise in (5.0, 20.0))
    assert bits(loud) > bits(quiet) + 0.8


def test_entropy_of_a_rounded_gaussian() -> None:
    assert rounded_entropy(0.0) == 0
    offsets = (np.arange(64) + 0.5) / 64 - 0.5
    for deviation in (0.1, 0.4, 1.0, 3.0):
        exact = np.mean([entropy_of_rounded(mean, deviation) for mean in offsets])
        assert rounded_entropy(deviation**2) == pytest.approx(exact, abs=0.01)
