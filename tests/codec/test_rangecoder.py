"""The fused range coder writes constriction's words and reads them."""

from __future__ import annotations

import constriction
import numba
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from medzip.codec.fast import rangecoder

FULL = 1 << 24


@numba.njit
def encode_all(state, words, lefts, counts):
    position = 0
    for left, count in zip(lefts, counts):  # noqa: B905 - numba
        position = rangecoder.encode(state, words, position, left, count)
    return rangecoder.finish(state, words, position)


@numba.njit
def decode_all(state, words, edges, out):
    position = 2
    for i in range(len(out)):
        target = rangecoder.quantile(state)
        k = 0
        while edges[i, k + 1] <= target:
            k += 1
        position = rangecoder.consume(
            state, words, position, edges[i, k], edges[i, k + 1] - edges[i, k]
        )
        out[i] = k


@st.composite
def messages(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Symbols and their tables of counts; skewed tables and last symbols provoke carries."""
    n, k = draw(st.integers(0, 60)), draw(st.integers(2, 6))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    style = draw(st.sampled_from(["even", "skewed", "rare"]))
    tables = np.ones((n, k), dtype=np.int64)
    if style == "even":
        tables = generator.integers(1, 1000, (n, k))
    elif style == "skewed":
        tables = 10 ** generator.integers(0, 7, (n, k))
    tables = np.maximum(1, tables * (FULL - k) // np.maximum(1, tables.sum(axis=1, keepdims=True)))
    heavy = generator.integers(0, k, n)
    tables[np.arange(n), heavy] += FULL - tables.sum(axis=1)
    symbols = generator.integers(0, k, n)
    if draw(st.booleans()):
        symbols[:] = k - 1
    return symbols.astype(np.int32), tables


@given(messages())
@settings(max_examples=300)
def test_same_words_as_constriction(message: tuple[np.ndarray, np.ndarray]) -> None:
    symbols, tables = message
    edges = np.concatenate(
        [np.zeros((len(tables), 1), np.int64), np.cumsum(tables, axis=1)], axis=1
    )
    theirs = constriction.stream.queue.RangeEncoder()
    family = constriction.stream.model.Categorical(perfect=False)
    if len(symbols):
        theirs.encode(symbols, family, (tables - 1).astype(np.float64))
    expected = theirs.get_compressed()
    rows = np.arange(len(symbols))
    words = np.zeros(len(symbols) + 4, dtype=np.uint32)
    state = rangecoder.encoder_state(1)
    length = encode_all(state[0], words, edges[rows, symbols], tables[rows, symbols])
    assert np.array_equal(words[:length], expected)
    out = np.zeros(len(symbols), dtype=np.int64)
    decode_all(rangecoder.decoder_state([expected])[0], expected, edges, out)
    assert np.array_equal(out, symbols)


def test_golden_words() -> None:
    """Fixed for ever: the words of four symbols under one table."""
    table = np.array([[1 << 20, 1 << 23, FULL - (1 << 20) - (1 << 23)]] * 4)
    edges = np.concatenate([np.zeros((4, 1), np.int64), np.cumsum(table, axis=1)], axis=1)
    symbols = np.array([2, 0, 1, 2])
    words = np.zeros(8, dtype=np.uint32)
    rows = np.arange(4)
    length = encode_all(
        rangecoder.encoder_state(1)[0], words, edges[rows, symbols], table[rows, symbols]
    )
    assert words[:length].tolist() == [2456289280]
