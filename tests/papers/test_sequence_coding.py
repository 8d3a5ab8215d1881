"""Slabs of sequence models: round trips, the engine against the plain coder, damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import medzip
from medzip.codec import residual_slab
from medzip.codec.parts import STORE_BYTES
from medzip.errors import ModelError
from medzip.papers.codec import SHAPES
from medzip.papers.codec.backends import Counts, check_table, context_of, default_table, scale_at
from medzip.papers.codec.coding import fresh_counts
from medzip.papers.codec.engine import SequenceEngine
from medzip.papers.codec.plain import decode_plain, encode_plain
from medzip.testing.sequences import KINDS, random_model

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKENDS = ("order0", "conditional")
SMALL = ("line-5", "triangle-11", "triangle-11-rows", "cube-3", "cube-5-rows", "pyramid-7-5-3-1")


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Products this small gain nothing from threads, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_shape_by_both_coders(kind: str, shape: str) -> None:
    backend = BACKENDS[len(shape) % 2]
    model = random_model(kind, shape, backend)
    y, x = np.indices((6, 7))
    rest = np.random.default_rng(0).integers(0, 9, (2, 6, 7))
    values = (100 + 8 * y - 5 * x + rest).astype(np.uint16)
    count = int(values.max()) + 1
    engine = SequenceEngine(model.predictor, model.shape, model.table, (2, 6, 7))
    words = engine.encode([values], [0], [count])[0]
    assert words == encode_plain(values, count, model.predictor, model.shape, model.table)
    assert np.array_equal(engine.decode([words], [0], [count])[0], values)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("count", [4096, 65536])
def test_many_values_by_both_coders(backend: str, count: int) -> None:
    """The contract draws few values, since the plain coder writes a table of all a voxel."""
    for seed, kind in enumerate(KINDS):
        model = random_model(kind, SMALL[seed], backend, seed, extreme=seed == 1)
        values = np.random.default_rng(seed).integers(0, count, (2, 3, 4)).astype(np.uint16)
        words = SequenceEngine(model.predictor, model.shape, model.table, (2, 3, 4)).encode(
            [values], [0], [count]
        )[0]
        assert words == encode_plain(values, count, model.predictor, model.shape, model.table)
        assert np.array_equal(
            decode_plain(words, (2, 3, 4), count, model.predictor, model.shape, model.table), values
        )


def test_float_products_write_the_same_words() -> None:
    values = np.random.default_rng(3).integers(0, 900, (2, 12, 13)).astype(np.uint16)
    for kind in KINDS:
        model = random_model(kind, "cube-3", "conditional")
        words = [
            SequenceEngine(model.predictor, model.shape, model.table, (2, 12, 13), exact).encode(
                [values], [0], [900]
            )
            for exact in (None, False)
        ]
        assert words[0] == words[1]


def test_streams_of_several_slabs_carry_their_model() -> None:
    voxels = np.random.default_rng(0).integers(-50, 400, (5, 9, 12)).astype(np.int16)
    model = random_model("lstm", "pyramid-5-3-1", "conditional")
    data = medzip.encode(voxels, model=model)
    assert np.array_equal(medzip.decode(data), voxels)


def test_residuals_are_those_that_order0_codes() -> None:
    voxels = np.random.default_rng(0).integers(-50, 400, (2, 9, 12)).astype(np.int16)
    model = random_model("mlp", "cube-3", "order0")
    residual = residual_slab(voxels, model)
    values = (voxels.astype(int) - voxels.min()).astype(np.uint16)
    engine = SequenceEngine(model.predictor, model.shape, model.table, values.shape)
    assert np.array_equal(residual, values - engine.predict(values, 0))


@given(st.integers(1, 30), st.lists(st.integers(0, 10**6), max_size=60))
def test_fast_counts_follow_plain_ones(count: int, drawn: list[int]) -> None:
    """The tree's sums are those of the counts, after halvings too."""
    from medzip.papers.codec import coding

    plain, fast = Counts(count), fresh_counts(count)
    size = 2 * count - 1
    coding._rebuild(fast)
    before = coding.MOST_TOTAL
    for symbol in (number % size for number in drawn):
        plain.add(symbol)
        coding._count(fast, symbol)
    edges = np.concatenate([[0], np.cumsum(fast[0, :-1])])
    assert np.array_equal(np.diff((edges << 24) // edges[-1]), plain.intervals())
    assert fast[0, -1] == edges[-1] <= before
    for i in range(1, size + 1):
        assert fast[1, i] == edges[i] - edges[i - (i & -i)]


def test_counts_are_halved() -> None:
    from medzip.papers.codec import coding

    plain, fast = Counts(5), fresh_counts(5)
    for symbol in range(300_000):
        coding._count(fast, symbol % 4)
    assert int(fast[0, -1]) <= coding.MOST_TOTAL
    plain._counts = fast[0, :-1].copy()
    while plain._counts.sum() + coding.INCREMENT <= coding.MOST_TOTAL:
        plain.add(1)
        coding._count(fast, 1)
    before = plain._counts.sum()
    plain.add(7)
    coding._count(fast, 7)
    assert plain._counts.sum() < before
    assert np.array_equal(plain._counts, fast[0, :-1])


def test_errors_of_what_exists_give_the_unit() -> None:
    shape = SHAPES["cube-3"]
    errors = np.full((2, 3, 3), -32, dtype=np.int64)
    scale = scale_at(errors, np.array([[0, 0, 0], [0, 0, 1], [1, 1, 1]]), shape, 1000)
    assert (scale.total / scale.count).tolist() == [1998 / 8 * 8 + 8, 32 + 8, 32 + 8]
    assert context_of(scale).max() < 32
    far = scale_at(np.full((1, 3, 3), 1 << 20), np.array([[0, 2, 2]]), shape, 65536)
    assert context_of(far).tolist() == [31]


def test_slabs_too_large_for_the_store_are_not_coded() -> None:
    model = random_model("lstm", "block-13", "order0")
    narrow = (1, 1, 1 << 27)
    assert model.store_bytes(narrow) > STORE_BYTES
    assert model.store_bytes((64, 512, 512)) < STORE_BYTES


def test_tables_are_checked() -> None:
    good = default_table()
    for table, backend in (
        (None, "conditional"),
        (good, "order0"),
        (good[:31], "conditional"),
        (good.astype(float), "conditional"),
        (good + (1 << 17), "conditional"),
    ):
        with pytest.raises(ModelError, match="table"):
            check_table(table, backend)
