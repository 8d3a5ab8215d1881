"""One definition of the features, three of its kind: NumPy, torch (training), Numba (coding)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from volumes import volumes

from medzip.codec import packing
from medzip.codec.features import features_at, log2_fixed, neighbours_at
from medzip.codec.layout import Layout, first_margins, skew, unskew, write_segment
from medzip.codec.neighbourhood import disc
from medzip.codec.schedule import wavefront
from medzip.training.sample import pad, sample_slab

SHAPES = [(20, 9, 4), (10, 5, 1), (5,)]


def packed(voxels: np.ndarray) -> tuple[np.ndarray, int]:
    low, counts = packing.histogram(voxels)
    chosen = packing.choose_packing(voxels.dtype.name, low, counts)
    return packing.pack(voxels, chosen), chosen.count


def all_voxels(shape: tuple[int, ...]) -> np.ndarray:
    return np.indices(shape).reshape(3, -1).T


@pytest.mark.parametrize("radii", SHAPES)
@given(voxels=volumes())
@settings(max_examples=30)
def test_torch_and_numpy_agree(radii: tuple[int, ...], voxels: np.ndarray) -> None:
    values, count = packed(voxels)
    neighbourhood = disc(radii)
    at = all_voxels(values.shape)
    plain = features_at(values, 3 % count, at, neighbourhood)
    drawn = sample_slab(values, 3 % count, count, at, neighbourhood)
    keep = ~plain.flat
    assert np.array_equal(plain.q[keep], drawn.q.numpy())
    v = values.reshape(-1).astype(np.int64)[keep]
    unit = plain.r[keep] / 2.0**26
    assert np.allclose(drawn.below.numpy(), (4 * v - 2 - plain.m4[keep]) * unit)
    assert np.allclose(drawn.above.numpy(), (4 * v + 2 - plain.m4[keep]) * unit)


@given(voxels=volumes())
@settings(max_examples=30)
def test_padding_agrees_with_the_rule(voxels: np.ndarray) -> None:
    """The margins of `pad` are what `neighbours_at` says a voxel outside is."""
    values, count = packed(voxels)
    neighbourhood = disc((20, 9, 4))
    reach = neighbourhood.reach
    padded = pad(values, 1 % count, reach)
    at = all_voxels(values.shape)
    expected = neighbours_at(values, 1 % count, at, neighbourhood)
    for k, (dz, dy, dx) in enumerate(neighbourhood.offsets):
        usable = at[:, 0] + dz >= 0
        z, y, x = at[usable].T
        assert np.array_equal(expected[usable, k], padded[z + dz, y + dy + reach, x + dx + reach])


@given(voxels=volumes())
@settings(max_examples=30)
def test_skew_round_trip_and_margins(voxels: np.ndarray) -> None:
    """A store filled segment by segment, as a decoder does, equals the one laid out at once."""
    values, count = packed(voxels)
    neighbourhood = disc((20, 9, 4))
    layout = Layout.of(values.shape, neighbourhood, wavefront(neighbourhood))
    whole = layout.empty(1)
    skew(values, whole[0], 1 % count, layout.wy, layout.reach)
    back = np.empty_like(values)
    unskew(whole[0], back, layout.wy, layout.reach)
    assert np.array_equal(back, values)
    grown = layout.empty(1)
    depth, height, width = values.shape
    first_margins(grown[0], 1 % count, width, layout.wy, layout.reach)
    for t in range(layout.steps):
        for z in range(depth):
            tau = t - layout.wz * z
            ys = [y for y in range(height) if 0 <= tau - layout.wy * y < width]
            if not ys:
                continue
            for y in ys:
                grown[0, z, tau + layout.origin, y + layout.reach] = values[
                    z, y, tau - layout.wy * y
                ]
            write_segment(
                grown[0],
                z,
                tau + layout.origin,
                ys[0],
                len(ys),
                depth,
                height,
                width,
                layout.wy,
                layout.reach,
            )
    assert np.array_equal(grown, whole)


def test_log2_is_close_and_monotone() -> None:
    n = np.unique(np.geomspace(1, 2**31, 5000).astype(np.int64))
    found = log2_fixed(n)
    assert (np.diff(found) >= 0).all()
    assert np.abs(found / 256 - np.log2(n)).max() < 1 / 64
