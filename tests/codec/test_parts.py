"""Integers, packing, tables, mixture, network bounds: each forward with its inverse."""

from __future__ import annotations

import dataclasses
import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medzip.codec import tables
from medzip.codec.fast.products import Product, int8_is_exact
from medzip.codec.integers import decode_integers, encode_integers
from medzip.codec.packing import Packing, choose_packing, histogram, pack, unpack
from medzip.codec.plain.mixture import cumulative, mixture_of
from medzip.errors import CorruptStreamError, ModelError, UnsupportedVoxelsError
from medzip.testing.networks import random_network
from medzip.testing.strategies import volumes

if TYPE_CHECKING:
    from medzip.codec.plain.network import Network

integers = st.one_of(st.integers(-3, 3), st.integers(-40, 40), st.integers(-(2**31) + 1, 2**31 - 1))


@given(st.lists(st.lists(integers, max_size=40), max_size=4))
def test_integers_round_trip(lists: list[list[int]]) -> None:
    arrays = [np.array(values, dtype=np.int64) for values in lists]
    back = decode_integers(encode_integers(arrays), [len(a) for a in arrays])
    assert all(np.array_equal(a, b) for a, b in zip(arrays, back, strict=True))


def test_integers_are_small() -> None:
    """Within 3 % of the entropy of what weights look like after a fit."""
    generator = np.random.default_rng(0)
    values = np.rint(generator.laplace(0, 2, 20_000)).astype(np.int64)
    share = np.unique(values, return_counts=True)[1] / len(values)
    entropy = -(share * np.log2(share)).sum() * len(values) / 8
    assert len(encode_integers([values])) < 1.03 * entropy


@given(volumes())
def test_packing_round_trip(voxels: np.ndarray) -> None:
    low, counts = histogram(voxels)
    packing = choose_packing(voxels.dtype.name, low, counts)
    values = pack(voxels, packing)
    assert int(values.max()) < packing.count
    assert np.array_equal(unpack(values, packing), voxels)


def test_sparse_histograms_become_ranks() -> None:
    generator = np.random.default_rng(0)
    scaled = (generator.integers(0, 200, (8, 64, 64)) * 7).astype(np.int16)
    low, counts = histogram(scaled)
    assert choose_packing("int16", low, counts).count == 200
    low, counts = histogram(generator.integers(0, 200, (4, 64, 64)).astype(np.int16))
    assert choose_packing("int16", low, counts).used is None


@pytest.mark.parametrize("minimum", [-1, 250])
def test_packing_that_leaves_the_dtype_is_corrupt(minimum: int) -> None:
    with pytest.raises(CorruptStreamError, match="uint8"):
        Packing("uint8", minimum, 10)


@pytest.mark.parametrize(
    "voxels",
    [
        np.zeros((2, 2, 2), np.float32),
        np.zeros((2, 2), np.int16),
        np.zeros((0, 4, 4), np.int16),
        np.zeros((1, 1, 1), np.int32),
    ],
)
def test_voxels_that_are_not_taken(voxels: np.ndarray) -> None:
    with pytest.raises(UnsupportedVoxelsError, match="expected"):
        histogram(voxels)


def test_tables_are_pinned() -> None:
    """They are part of the format: docs/format.md carries this digest."""
    assert tables.digest() == "dbb50ac42fefddc414d371cc5a7404793a4a69c0319dc111694f9f269caab694"
    assert (np.diff(tables.logistic_table()) >= 0).all()
    assert tables.logistic_table()[512] == 1 << 23


@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2, 3, 50, 700]))
def test_counts_are_a_distribution(seed: int, values: int) -> None:
    """Strictly increasing from 0 to 2^24 for any outputs, also absurd ones."""
    generator = np.random.default_rng(seed)
    size = 10 ** generator.integers(1, 9)
    outputs = generator.integers(-size, size + 1, (8, 9))
    centre = generator.integers(0, 16 * values, 8)
    reciprocal = 4 * ((24 << 26) // (generator.integers(0, 24 << 20, 8) + 192))
    counts = cumulative(mixture_of(outputs, centre, reciprocal), values)
    assert (counts[:, 0] == 0).all()
    assert (counts[:, -1] == 1 << 24).all()
    assert (np.diff(counts, axis=1) >= 1).all()


def _changed(network: Network, **fields: np.ndarray) -> Network:
    first = dataclasses.replace(network.hidden[0], **fields)
    return dataclasses.replace(network, hidden=(first, *network.hidden[1:]))


def test_models_that_cannot_be_proven_are_refused() -> None:
    network = random_network("small")
    weight = network.hidden[0].weight
    with pytest.raises(ModelError, match="within"):
        _changed(network, weight=np.full_like(weight, 65))
    with pytest.raises(ModelError, match="below 2\\^31"):
        _changed(network, bias=np.full(len(weight), 2**31 - 1, dtype=np.int32))
    with pytest.raises(ModelError, match="expected layer 0"):
        _changed(network, weight=weight[:, 1:])
    with pytest.raises(ModelError, match="missing slice"):
        dataclasses.replace(network, linear=np.full_like(network.linear, 9))
    heavy = network.linear.copy()
    heavy[-1] = 2**14
    with pytest.raises(ModelError, match="magnitudes"):
        dataclasses.replace(network, linear=heavy)
    with pytest.raises(ModelError, match="shifts"):
        _changed(network, shift=np.full(len(weight), 40, dtype=np.int32))


@pytest.mark.parametrize("exact_int8", [True, False])
@pytest.mark.parametrize("style", ["random", "extreme"])
def test_products_are_exact(exact_int8: bool, style: str) -> None:
    generator = np.random.default_rng(3)
    for rows, inner, width in ((16, 7, 16), (128, 81, 48), (24, 255, 512)):
        if style == "random":
            left = generator.integers(-64, 65, (rows, inner))
            right = generator.integers(-128, 128, (inner, width))
        else:
            left = np.full((rows, inner), 64)
            right = np.full((inner, width), -128)
        if exact_int8 and not int8_is_exact(rows, inner, width):
            pytest.skip("the int8 kernel of this machine is not exact; float32 serves")
        product = Product(left.astype(np.int8), 1024, exact_int8)
        product.input_view(width)[:] = right
        assert np.array_equal(product(width), left @ right)


def test_errors_cross_processes() -> None:
    error = CorruptStreamError("expected this, got that; do so")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is CorruptStreamError
    assert str(again) == str(error)
