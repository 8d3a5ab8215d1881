"""Sequence predictors: fast passes against plain ones, against floating point, and their limits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medzip.errors import ModelError
from medzip.papers.codec import SHAPES, IntegerLSTM, IntegerMLP
from medzip.papers.codec.gates import ACTIVATION_LIMIT, WEIGHT_LIMIT, gate_table, sigmoid, split
from medzip.papers.codec.gather import normalised, predicted, sequences_at
from medzip.papers.codec.kernels import fill
from medzip.papers.codec.passes import pass_of
from medzip.testing.sequences import KINDS, random_predictor

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Products this small gain nothing from threads, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def inputs(length: int, n: int, seed: int, extreme: bool) -> np.ndarray:
    generator = np.random.default_rng(seed)
    if extreme:
        return np.where(generator.random((n, length)) < 0.5, -16384, 16384).astype(np.int16)
    return generator.integers(-16384, 16385, (n, length)).astype(np.int16)


@given(
    st.sampled_from(KINDS),
    st.integers(1, 40),
    st.sampled_from([16, 48, 80]),
    st.integers(0, 2**31),
    st.booleans(),
    st.booleans(),
    st.sampled_from([None, False]),
)
@settings(max_examples=60)
def test_fast_passes_equal_plain_ones(
    kind: str, length: int, n: int, seed: int, extreme: bool, far: bool, exact: bool | None
) -> None:
    predictor = random_predictor(kind, length, seed, extreme)
    x = inputs(length, n, seed, far)
    fast = pass_of(predictor, 80, exact)
    for part in (x, x[: n // 2 // 16 * 16 or 16]):  # buffers hold what was there before
        found = fast(np.ascontiguousarray(part.T))
        assert np.array_equal(found, predictor.forward(part))


@pytest.mark.parametrize("kind", KINDS)
def test_long_sequences_and_wide_layers(kind: str) -> None:
    predictor = random_predictor(kind, 665, 1)
    x = inputs(665, 16, 1, False)
    assert np.array_equal(pass_of(predictor, 16)(np.ascontiguousarray(x.T)), predictor.forward(x))


def test_lstm_is_that_of_torch() -> None:
    """Gate order, cell and output: integers follow the float network to within their rounding."""
    torch.manual_seed(0)
    units, length = 24, 40
    lstm, out = torch.nn.LSTM(1, units, batch_first=True), torch.nn.Linear(units, 1)
    x = inputs(length, 64, 0, False)
    with torch.no_grad():
        hidden = lstm(torch.from_numpy(x / 16384.0).float()[:, :, None])[1][0][0]
        expected = out(hidden)[:, 0].numpy()
    places = 13
    double = np.ones(4 * units)
    double[2 * units : 3 * units] = 2  # the cell gate gives twice what enters tanh

    def whole(parameter: torch.Tensor, bits: int) -> np.ndarray:
        return np.round(parameter.detach().double().numpy() * 2.0**bits).astype(np.int32)

    bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
    integer = IntegerLSTM(
        length,
        whole(lstm.weight_hh_l0, places).astype(np.int16),
        whole(lstm.weight_ih_l0[:, 0], places),
        whole(bias, places + 14 - 8),
        np.full(4 * units, places - 1, np.int32) - (double == 2).astype(np.int32),
        whole(out.weight[0], 16),
        whole(out.bias, 16 + 14 - 8),
        np.full(1, 16 + 14 - 20, np.int32),
    )
    assert np.abs(integer.forward(x) / 2.0**20 - expected).max() < 2e-4


def test_mlp_is_that_of_torch() -> None:
    torch.manual_seed(0)
    sizes = (30, 32, 16)
    layers = [torch.nn.Linear(a, b) for a, b in ((30, 32), (32, 16))]
    out = torch.nn.Linear(16, 1)
    x = inputs(30, 64, 0, False)
    y = torch.from_numpy(x / 16384.0).float()
    with torch.no_grad():
        for layer in layers:
            y = torch.nn.functional.leaky_relu(layer(y))
        expected = out(y)[:, 0].numpy()

    def whole(parameter: torch.Tensor, bits: int) -> np.ndarray:
        return np.round(parameter.detach().double().numpy() * 2.0**bits).astype(np.int32)

    integer = IntegerMLP(
        tuple(whole(layer.weight, 13).astype(np.int16) for layer in layers),
        tuple(whole(layer.bias, 13 + 14 - 8) for layer in layers),
        tuple(np.full(n, 13, np.int32) for n in sizes[1:]),
        whole(out.weight[0], 16),
        whole(out.bias, 16 + 14 - 8),
        np.full(1, 10, np.int32),
    )
    assert np.abs(integer.forward(x) / 2.0**20 - expected).max() < 5e-4


def test_gates_follow_the_logistic_function() -> None:
    t = np.arange(-(1 << 20), 1 << 20, 97)
    clipped = np.clip(t / 2.0**15, -16, 16)
    assert np.abs(sigmoid(t) / 2.0**15 - 1 / (1 + np.exp(-clipped))).max() < 2.0**-14.5
    table = gate_table().astype(np.int64)
    assert (np.diff(table) >= 0).all()
    assert int(np.diff(table).max()) < 1024  # fits beside the entry in a packed word
    assert (table[0], table[-1]) == (0, 1 << 15)


@given(st.integers(-ACTIVATION_LIMIT, ACTIVATION_LIMIT))
def test_halves_are_whole(value: int) -> None:
    high, low = split(np.array([value]), 8)
    assert 256 * int(high[0]) + int(low[0]) == value
    weight = max(-WEIGHT_LIMIT, min(WEIGHT_LIMIT, value))
    high, low = split(np.array([weight]), 7)
    assert 128 * int(high[0]) + int(low[0]) == weight
    assert max(abs(int(high[0])), abs(int(low[0]))) <= 64


@given(st.integers(1, 65536), st.integers(0, 2**31))
def test_predictions_undo_the_normalisation(count: int, seed: int) -> None:
    values = np.unique(np.random.default_rng(seed).integers(0, count, 50))
    x = normalised(values, count)
    assert np.abs(x.astype(int)).max() <= 16384
    back = predicted(x.astype(np.int64) << 6, count)
    assert np.abs(back - 16 * values).max() <= 16 * (count - 1) / 2**14 + 1
    ends = predicted(np.array([-(1 << 21), 1 << 21]), count)
    assert ends.tolist() == [0, 16 * (count - 1)]


@given(st.sampled_from(sorted(SHAPES)), st.tuples(*[st.integers(1, 6)] * 3), st.integers(0, 99))
def test_sequences_are_padded_with_the_minimum(
    name: str, size: tuple[int, int, int], seed: int
) -> None:
    """Plain gathering against a padded volume, and the kernel against both."""
    shape = SHAPES[name]
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 500, size).astype(np.uint16)
    voxels = np.stack([generator.integers(0, n, 16) for n in size], axis=1)
    found = sequences_at(values, voxels, shape, 500)
    margins = shape.neighbourhood.depth, shape.neighbourhood.reach, shape.neighbourhood.reach
    padded = np.pad(values, [(margins[0], 0), *[(margins[1], margins[1])] * 2])
    store = normalised(padded, 500)
    for voxel, sequence in zip(voxels, found, strict=True):
        at = voxel + shape.offsets + np.array(margins)
        assert np.array_equal(sequence, store[tuple(at.T)])
    out = np.ones((len(shape), 32), dtype=np.int16)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    fill(store, margins, voxels.astype(np.int32), shape.offsets @ strides, out)
    assert np.array_equal(out[:, :16], found.T)
    assert not out[:, 16:].any()


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_proven_is_refused(kind: str) -> None:
    good = random_predictor(kind, 9)
    with pytest.raises(ModelError, match=r"head (weights )?within"):
        replace(good, head=good.head + (1 << 20) + 10**5)
    with pytest.raises(ModelError, match="shift"):
        replace(good, head_shift=np.array([0]))
    with pytest.raises(ModelError, match="shift"):
        replace(good, head_shift=np.array([41]))
    with pytest.raises(ModelError):
        replace(good, head=good.head.astype(float))
    with pytest.raises(ModelError):
        replace(good, head_bias=np.zeros(2, np.int32))


def test_weights_beyond_two_halves_are_refused() -> None:
    lstm, mlp = random_predictor("lstm", 9), random_predictor("mlp", 9)
    attention = random_predictor("attention", 9)
    with pytest.raises(ModelError, match="8191, got 8192"):
        replace(lstm, recurrent=np.full_like(lstm.recurrent, 8192))
    with pytest.raises(ModelError, match="8191, got 8192"):
        replace(mlp, weights=(mlp.weights[0], np.full_like(mlp.weights[1], -8192)))
    with pytest.raises(ModelError, match="8191, got 8192"):
        replace(attention, query=np.full_like(attention.query, 8192))
    with pytest.raises(ModelError, match="units"):
        replace(lstm, head=lstm.head[:12])


def test_the_longest_sequence_fills_the_cell() -> None:
    """All gates open for 1024 voxels: the cell stands at 1024, just inside of 31 bits."""
    small = random_predictor("lstm", 8)
    rows = len(small.bias)
    full = replace(
        small,
        length=1024,
        inputs=np.zeros(rows, np.int32),
        recurrent=np.zeros_like(small.recurrent),
        bias=np.full(rows, (1 << 31) - 1, np.int32),
        shift=np.full(rows, 1, np.int32),
    )
    x = np.zeros((16, 1024), dtype=np.int16)
    expected = full.forward(x)
    assert np.array_equal(pass_of(full, 16)(np.ascontiguousarray(x.T)), expected)
