"""Forward passes of the sequence predictors over many voxels at once, fast.

Each gives the integers of its predictor's `forward`, by int8 products of halves
(`medzip.codec.fast.products`) and the kernels around them. Columns are voxels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from medzip.codec.fast.held import hold
from medzip.codec.fast.products import Product
from medzip.codec.tables import exp2_table
from medzip.papers.codec import kernels
from medzip.papers.codec.gates import ACTIVATION_LIMIT, OUTPUT_LIMIT, split
from medzip.papers.codec.lstm import IntegerLSTM
from medzip.papers.codec.mlp import IntegerMLP

if TYPE_CHECKING:
    from medzip.papers.codec.attention import IntegerAttention
    from medzip.papers.codec.predictor import Predictor

__all__ = ["Pass", "pass_of"]

WEIGHT_HALF, ACTIVATION_HALF = 7, 8
"""Bits of the lower halves."""


class Pass(Protocol):
    """Predictions of sequences int16 (L, n), n a multiple of 16: int64 (n,), valid until the next
    call.
    """

    def __call__(self, sequences: np.ndarray) -> np.ndarray:
        """As `forward` of the predictor."""


def pass_of(predictor: Predictor, capacity: int, exact_int8: bool | None = None) -> Pass:
    """The fast pass of a predictor.

    Parameters
    ----------
    predictor
        Any of `medzip.papers.codec.predictor.PREDICTORS`.
    capacity
        Columns at most.
    exact_int8
        As in `medzip.codec.fast.products.Product`.
    """
    if isinstance(predictor, IntegerLSTM):
        return _LSTMPass(predictor, capacity, exact_int8)
    if isinstance(predictor, IntegerMLP):
        return _MLPPass(predictor, capacity, exact_int8)
    return _AttentionPass(predictor, capacity, exact_int8)


def _halved(weights: np.ndarray, capacity: int, exact_int8: bool | None) -> Product:
    """Product of both halves of weights (R, K) with both halves of activations: (2R, 2n)."""
    return Product(np.concatenate(split(weights, WEIGHT_HALF)), 2 * capacity, exact_int8)


class _LSTMPass:
    def __init__(self, predictor: IntegerLSTM, capacity: int, exact_int8: bool | None) -> None:
        self._predictor = predictor
        self._product = _halved(predictor.recurrent, capacity, exact_int8)
        table = kernels.packed_gates()
        self._gates = hold(kernels.Gates(predictor.inputs, predictor.bias, predictor.shift, table))
        self._cell = np.zeros(predictor.units * capacity, dtype=np.int32)
        self._scratch = np.zeros(6 * capacity, dtype=np.int32)
        self._out = np.zeros(capacity, dtype=np.int64)

    def __call__(self, sequences: np.ndarray) -> np.ndarray:
        predictor, width = self._predictor, sequences.shape[1]
        units = predictor.units
        cell = self._cell[: units * width].reshape(units, width)
        scratch = self._scratch[: 6 * width].reshape(6, width)
        halves = self._product.input_view(2 * width)
        cell[:], halves[:] = 0, 0
        for voxel in sequences:
            sums = self._product(2 * width)
            kernels.recur(sums, voxel, self._gates, cell, halves, scratch)
        out = self._out[:width]
        kernels.head(
            halves, predictor.head, predictor.head_bias, predictor.head_shift, OUTPUT_LIMIT, out
        )
        return out


class _MLPPass:
    def __init__(self, predictor: IntegerMLP, capacity: int, exact_int8: bool | None) -> None:
        self._predictor = predictor
        self._products = [_halved(weight, capacity, exact_int8) for weight in predictor.weights]
        self._last = np.zeros(2 * capacity * predictor.hidden[-1], dtype=np.int8)
        self._out = np.zeros(capacity, dtype=np.int64)

    def __call__(self, sequences: np.ndarray) -> np.ndarray:
        predictor, width = self._predictor, sequences.shape[1]
        last = self._last[: 2 * width * predictor.hidden[-1]].reshape(-1, 2 * width)
        kernels.halve(sequences, self._products[0].input_view(2 * width))
        after = [product.input_view(2 * width) for product in self._products[1:]] + [last]
        layers = zip(self._products, predictor.biases, predictor.shifts, after, strict=True)
        for product, bias, shift, halves in layers:
            kernels.activate(product(2 * width), bias, shift, ACTIVATION_LIMIT, halves)
        out = self._out[:width]
        kernels.head(
            last, predictor.head, predictor.head_bias, predictor.head_shift, OUTPUT_LIMIT, out
        )
        return out


class _AttentionPass:
    def __init__(self, predictor: IntegerAttention, capacity: int, exact_int8: bool | None) -> None:
        self._predictor = predictor
        self._query = _halved(predictor.query, capacity, exact_int8)
        self._inner = _halved(predictor.inner, capacity, exact_int8)
        self._questions = np.zeros(2 * capacity * len(predictor.query), dtype=np.int8)
        self._last = np.zeros(2 * capacity * len(predictor.head), dtype=np.int8)
        self._out = np.zeros(capacity, dtype=np.int64)
        self._exp_table = exp2_table()
        self._embedding = hold(
            kernels.Embedding(predictor.embed, predictor.place, predictor.embed_shift)
        )

    def __call__(self, sequences: np.ndarray) -> np.ndarray:
        predictor, width = self._predictor, sequences.shape[1]
        rows, double = len(predictor.query), 2 * width
        questions = self._questions[: rows * double].reshape(rows, double)
        last = self._last[: len(predictor.head) * double].reshape(-1, double)
        kernels.halve(sequences, self._query.input_view(double))
        kernels.activate(
            self._query(double),
            predictor.query_bias,
            predictor.query_shift,
            ACTIVATION_LIMIT,
            questions,
        )
        seen = self._inner.input_view(double)
        kernels.attend(
            sequences,
            self._embedding,
            ACTIVATION_LIMIT,
            questions,
            predictor.score_shift,
            self._exp_table,
            seen[:rows],
        )
        kernels.halve(sequences, seen[rows:])
        kernels.activate(
            self._inner(double),
            predictor.inner_bias,
            predictor.inner_shift,
            ACTIVATION_LIMIT,
            last,
        )
        out = self._out[:width]
        kernels.head(
            last, predictor.head, predictor.head_bias, predictor.head_shift, OUTPUT_LIMIT, out
        )
        return out
