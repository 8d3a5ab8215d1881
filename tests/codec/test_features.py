"""One definition of the features, two of its kind: NumPy and Numba; and where voxels lie."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from medzip.codec.fast.engine import Engine
from medzip.codec.fast.layout import Layout, first_margins, skew, unskew, write_segment
from medzip.codec.neighbourhood import disc
from medzip.codec.plain.adaptive import COEFFICIENT_LIMIT, PREDICTION_LIMIT, Predictor
from medzip.codec.plain.features import INPUT_LIMIT, Scale, log2_fixed, neighbours_at, scaled
from medzip.codec.schedule import wavefront
from medzip.fitting.linear import Window, pad
from medzip.fitting.sample import sample_window
from medzip.testing.networks import FORMS, random_network
from medzip.testing.packed import packed
from medzip.testing.strategies import volumes


def all_voxels(shape: tuple[int, ...]) -> np.ndarray:
    return np.indices(shape).reshape(3, -1).T


@given(volumes(), st.sampled_from(sorted(FORMS)), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_kernels_and_definition_agree(voxels: np.ndarray, form: str, seed: int) -> None:
    """Every input, prediction and unit, step by step, on awkward volumes and absurd filters."""
    values, _, count = packed(voxels)
    network = random_network(form, seed)
    everything = np.ones(values.shape, dtype=bool)
    drawn = list(Engine(network, values.shape).inputs_of(values, 3 % count, everything))
    predictor = Predictor(network, values, 3 % count)
    at = 0
    for batch in wavefront(network.architecture.neighbourhood).batches(values.shape):
        plain = predictor.features(batch)
        keep = ~plain.flat
        if keep.any():
            q, centre, reciprocal, found = drawn[at]
            assert np.array_equal(q, plain.q[keep])
            assert np.array_equal(centre, plain.centre[keep])
            assert np.array_equal(4 * reciprocal.astype(np.int64), plain.reciprocal[keep])
            assert np.array_equal(found, values[tuple(batch[keep].T)])
            at += 1
        assert plain.centre.min() >= 0
        assert plain.centre.max() <= PREDICTION_LIMIT
        predictor.update()
        assert np.abs(predictor.coefficients).max() <= COEFFICIENT_LIMIT
    assert at == len(drawn)


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 4, 13, 32, 40, 256]))
def test_scaling_stays_within_32_bits(seed: int, count: int) -> None:
    """The kernels multiply in int32: no value at any scale may leave it."""
    generator = np.random.default_rng(seed)
    size = 2 ** generator.integers(1, 21)
    values = generator.integers(-size, size + 1, (50, count))
    scale = Scale(np.abs(values).sum(axis=1) + 4 * count, count)
    assert int((scale.limit * scale.reciprocal).max()) + (1 << 21) < 1 << 31
    assert int(scale.total.max()) << 3 < 1 << 31
    q = scaled(values, scale)
    assert np.abs(q).max() <= INPUT_LIMIT
    exact = 16 * values * count / scale.total[:, None]
    close = np.abs(exact) < 100
    assert np.abs(q - exact)[close].max(initial=0) < 0.6 + 0.01 * size / 1024


def test_samples_are_what_the_engine_sees() -> None:
    generator = np.random.default_rng(1)
    values = (np.cumsum(generator.integers(-4, 5, (4, 30, 30)), axis=2) + 200).astype(np.uint16)
    network = random_network("small")
    chosen = generator.random(values.shape) < 0.3
    window = Window(values, int(values[0, 0, 0]), 500)
    few = sample_window(window, network, chosen)
    everything = sample_window(window, network, np.ones(values.shape, dtype=bool))
    rows = {tuple(row) for row in everything.q.numpy().tolist()}
    assert 0 < len(few) < len(everything)
    assert all(tuple(row) in rows for row in few.q.numpy().tolist())
    assert float((few.above - few.below).min()) > 0


@given(voxels=volumes())
@settings(max_examples=30)
def test_padding_agrees_with_the_rule(voxels: np.ndarray) -> None:
    """The margins of `pad` are what `neighbours_at` says a voxel outside is."""
    values, _, count = packed(voxels)
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
    values, _, count = packed(voxels)
    neighbourhood = disc((20, 9, 4))
    layout = Layout.of(values.shape, neighbourhood, wavefront(neighbourhood))
    whole = layout.empty(1)
    skew(values, whole[0], 1 % count, layout)
    back = np.empty_like(values)
    unskew(whole[0], back, layout)
    assert np.array_equal(back, values)
    grown = layout.empty(1)
    depth, height, width = values.shape
    first_margins(grown[0], 1 % count, layout)
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
            write_segment(grown[0], z, tau + layout.origin, ys[0], len(ys), layout)
    assert np.array_equal(grown, whole)


def test_log2_is_close_and_monotone() -> None:
    n = np.unique(np.geomspace(1, 2**31, 5000).astype(np.int64))
    found = log2_fixed(n)
    assert (np.diff(found) >= 0).all()
    assert np.abs(found / 256 - np.log2(n)).max() < 1 / 64
