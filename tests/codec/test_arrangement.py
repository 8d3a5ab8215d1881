"""Thin, long and tiny shapes: arranged by a rule, back again, in bounded work and bytes."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medzip
from medzip.codec import PROFILES, decode_slab, encode_slab, slab_depth
from medzip.codec.arrangement import ORDERS, PLAIN, Arrangement, arrangement_of, steps_of
from medzip.codec.header import read_header
from medzip.codec.plain.reference import decode_reference, restore_reference
from medzip.codec.schedule import wavefront
from medzip.codec.stream import read_stream
from medzip.fitting import fit_model
from medzip.fitting.choose import choose_model
from medzip.fitting.fit import read_windows
from medzip.models import NetworkModel, base_model
from medzip.testing.networks import random_network
from medzip.testing.strategies import thin_shapes, volumes

Shape = tuple[int, int, int]

MODEL = NetworkModel(random_network("small"), None)
STEP = 64
"""Columns that a step is worth at least: what stands around its products takes as long."""
shapes = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 40))


@given(shapes, st.integers(0, 5), st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_every_arrangement_goes_back(shape: Shape, order: int, rows: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 9, shape).astype(np.uint16)
    arrangement = Arrangement(order, rows)
    assert Arrangement.of_field(arrangement.field) == arrangement
    longest = shape[ORDERS[order][2]]
    assert arrangement.fits(shape) == (rows == 0 or 2 <= rows <= longest)
    if not arrangement.fits(shape):
        return
    coded = arrangement.arrange(values)
    assert coded.shape == arrangement.shape_of(shape)
    assert coded.flags.c_contiguous
    assert coded[0, 0, 0] == values[0, 0, 0]
    assert coded.size < values.size + max(1, rows) * (values.size // longest)
    assert np.array_equal(arrangement.restore(coded, shape), values)
    assert np.array_equal(restore_reference(coded, shape, arrangement.field), values)
    assert arrangement.is_sound(coded, shape)
    if coded.size > values.size:
        coded[0, -1, -1] += 1
        assert not arrangement.is_sound(coded, shape)


@given(st.integers(1, 48), st.integers(16, 4096), st.integers(1, 4), st.booleans())
def test_ordinary_slabs_are_coded_as_they_are(
    depth: int, side: int, ratio: int, upright: bool
) -> None:
    """Planes of at least 16 voxels a side, at most four times as long as wide."""
    plane = (side * ratio, side) if upright else (side, side * ratio)
    if math.prod(plane) * depth <= 1 << 24:
        assert arrangement_of((depth, *plane)) == PLAIN


@pytest.mark.parametrize(
    ("shape", "coded"),
    [
        ((1, 1, 1), (1, 1, 1)),
        ((1, 9, 31), (1, 9, 31)),
        ((1, 1, 40), (1, 1, 40)),
        ((1, 40, 1), (1, 1, 40)),
        ((40, 1, 1), (1, 1, 40)),
        ((40, 30, 1), (1, 40, 30)),
        ((40, 1, 30), (1, 40, 30)),
        ((1, 600, 8), (1, 8, 600)),
        ((1, 12_000, 1000), (1, 1000, 12_000)),
        ((5000, 12, 12), (12, 12, 5000)),
        ((6204, 1, 1), (1, 19, 327)),
        ((1, 1, 1_000_000), (1, 250, 4000)),
        ((1, 20_000, 2), (2, 35, 572)),
        ((20_000, 2, 3), (6, 35, 572)),
    ],
)
def test_which_shapes_are_arranged(shape: Shape, coded: Shape) -> None:
    assert arrangement_of(shape).shape_of(shape) == coded


@cache
def work_of(coded: Shape, profile: str) -> int:
    """Sum over the steps of a slab of their widths, of which each has at least `STEP`."""
    schedule = wavefront(base_model(profile).network.architecture.neighbourhood)
    widths = np.ones(1, dtype=np.int64)
    for every, count in zip((schedule.wx, schedule.wy, schedule.wz), coded[::-1], strict=True):
        wider = np.zeros(len(widths) + every * (count - 1), dtype=np.int64)
        if count > len(widths):
            for i in range(len(widths)):
                wider[i : i + every * (count - 1) + 1 : every] += widths[i]
        else:
            for i in range(count):
                wider[every * i : every * i + len(widths)] += widths
        widths = wider
    assert len(widths) == schedule.steps(coded)
    assert int(widths.sum()) == math.prod(coded)
    return int(np.maximum(widths, STEP).sum())


def work_of_volume(shape: Shape, profile: str) -> int:
    """The same of all slabs that a volume is cut into."""
    depth = slab_depth(shape, profile)
    total = 0
    for slices, count in ((depth, shape[0] // depth), (shape[0] % depth, 1)):
        slab = (slices, shape[1], shape[2])
        if slices:
            total += count * work_of(arrangement_of(slab).shape_of(slab), profile)
    return total


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_work_is_bounded_by_the_voxels_whatever_the_shape(profile: str) -> None:
    """Over all shapes of 2^20 voxels, five times the least."""
    work = {
        shape: work_of_volume(shape, profile)
        for z in range(21)
        for y in range(21 - z)
        for shape in [(1 << z, 1 << y, 1 << (20 - z - y))]
    }
    assert len(work) == 231
    least = min(work.values())
    assert least < 1.1 * (1 << 20)
    worst = max(work, key=lambda shape: work[shape])
    assert work[worst] <= 5 * least, (worst, work[worst] / least)


@given(st.tuples(*[st.integers(0, 20)] * 3).filter(lambda e: 14 <= sum(e) <= 24), st.data())
def test_odd_lengths_are_bounded_too(exponents: tuple[int, int, int], data: st.DataObject) -> None:
    """Steps of a slab, by the rule's own count: some thousands, or a fraction of the voxels."""
    shape = tuple(data.draw(st.integers(1 << e, (2 << e) - 1)) for e in exponents)
    slab = (shape[0], shape[1], shape[2])
    assert steps_of(arrangement_of(slab).shape_of(slab)) <= 2048 + math.prod(slab) // 12


@given(thin_shapes(20_000), st.sampled_from(sorted(PROFILES)), st.data())
@settings(max_examples=40, deadline=None)
def test_extreme_shapes_come_back(shape: Shape, profile: str, data: st.DataObject) -> None:
    voxels = data.draw(volumes(shape=shape))
    coded = medzip.encode(voxels, profile=profile)
    back = medzip.decode(coded)
    assert back.dtype == voxels.dtype
    assert np.array_equal(back, voxels)
    assert len(coded) <= voxels.nbytes + 36
    slab = encode_slab(voxels, MODEL)
    assert np.array_equal(decode_slab(slab, MODEL), voxels)
    assert len(slab) <= voxels.nbytes + 72


def signal(shape: Shape) -> np.ndarray:
    """A smooth line with noise, cut to a shape."""
    generator = np.random.default_rng(3)
    t = np.arange(math.prod(shape))
    line = 900 + 300 * np.sin(t / 40) + generator.normal(0, 3, len(t))
    return line.astype(np.int16).reshape(shape)


@pytest.mark.parametrize("shape", [(6204, 1, 1), (1, 6204, 1), (1, 1, 6204), (3102, 1, 2)])
def test_long_lines_become_small(shape: Shape) -> None:
    """Of 16 bits a voxel remain about those of the noise: 12,408 bytes were 19,953 once."""
    voxels = signal(shape)
    coded = medzip.encode(voxels, profile="fast")
    assert len(coded) < 0.45 * voxels.nbytes
    _, depth, _, _, slabs = read_stream(coded)
    assert (depth, len(slabs)) == (shape[0], 1)


@pytest.mark.parametrize("shape", [(2100, 1, 1), (1, 2060, 1), (2100, 1, 2), (9, 1, 11), (9, 8, 1)])
def test_the_reference_decodes_arranged_slabs(shape: Shape) -> None:
    voxels = signal(shape)
    slab = encode_slab(voxels, MODEL)
    header = read_header(slab)
    assert header.arrangement != PLAIN
    coded = header.arrangement.shape_of(header.shape_packed)
    body = slab[68 + header.gaps : 68 + header.gaps + header.body]
    values = decode_reference(body, coded, header.origin, header.count, MODEL.network)
    values = restore_reference(values, header.shape_packed, header.arrangement.field)
    assert np.array_equal(values.astype(np.int64) + header.minimum, voxels[: header.coded])


@pytest.mark.parametrize(
    ("shape", "depth"),
    [
        ((20_000, 1, 1), 20_000),
        ((1 << 21, 1, 1), 1 << 20),
        ((1000, 1, 1000), 1000),
        ((1000, 15, 17), 1000),
        ((96, 16, 16), 32),
        ((96, 8, 400), 32),
        ((1, 1, 1 << 26), 1),
        ((9, 0, 4), 9),
    ],
)
def test_thin_slices_are_many_in_a_slab(shape: Shape, depth: int) -> None:
    assert slab_depth(shape, "fast") == depth


def test_models_are_fitted_to_what_is_coded() -> None:
    """Windows hold whole slabs in their arrangement; one frame says nothing of the next."""
    windows = read_windows(signal((30_000, 1, 1)))
    assert [window.values.shape for window in windows] == [(1, 43, 698)]
    windows = read_windows(signal((40, 24, 25)))
    assert {window.values.shape for window in windows} == {(10, 24, 25)}


@pytest.mark.parametrize("profile", ["fast", "default"])
@pytest.mark.parametrize(("dtype", "shape"), [("uint8", (20, 40, 50)), ("uint16", (3, 90, 90))])
def test_no_model_is_stored_that_does_not_pay(profile: str, dtype: str, shape: Shape) -> None:
    """Slab and model of noise take 200 bytes more than the noise, at most."""
    most = np.iinfo(dtype).max
    noise = np.random.default_rng(5).integers(0, most, shape, endpoint=True).astype(dtype)
    model = fit_model(noise, profile)
    assert len(model.to_bytes()) == 41
    assert len(encode_slab(noise, model)) + len(model.to_bytes()) <= noise.nbytes + 200
    assert choose_model(noise, profile, []).trials[0].model_bytes == 41
