"""Small sequence predictors with random weights: exactness must not depend on what they learnt."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from medzip.papers.codec import (
    SHAPES,
    IntegerAttention,
    IntegerLSTM,
    IntegerMLP,
    SequenceModel,
)
from medzip.papers.codec.backends import default_table
from medzip.papers.codec.gates import SIDE_LIMIT, WEIGHT_LIMIT

__all__ = ["KINDS", "Weights", "random_model", "random_predictor"]

KINDS = ("lstm", "mlp", "attention")
MOST_BIAS = (1 << 31) - 1


class Weights:
    """Random integers of the types that predictors have; `extreme` ones stand at their limits."""

    def __init__(self, seed: int, extreme: bool) -> None:
        self._generator = np.random.default_rng(seed)
        self._extreme = extreme

    def of(self, limit: int, most: int, *shape: int) -> np.ndarray:
        """Up to a usual size, or at the limit."""
        if self._extreme:
            return np.where(self._generator.random(shape) < 0.5, -most, most).astype(np.int32)
        return self._generator.integers(-limit, limit + 1, shape).astype(np.int32)

    def weights(self, *shape: int) -> np.ndarray:
        """Weights of a layer."""
        return self.of(3000, WEIGHT_LIMIT, *shape).astype(np.int16)

    def shifts(self, low: int, high: int, n: int) -> np.ndarray:
        """Shifts of `n` units."""
        low, high = (1, 41) if self._extreme else (low, high)
        return self._generator.integers(low, high, n).astype(np.int32)

    def head(self, units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Weights, bias and shift of the one output."""
        return self.of(4000, SIDE_LIMIT, units), self.biases(1), self.shifts(6, 9, 1)

    def biases(self, n: int) -> np.ndarray:
        """Biases of `n` units."""
        return self.of(4000, MOST_BIAS, n)


def random_predictor(
    kind: str, length: int, seed: int = 0, extreme: bool = False
) -> IntegerLSTM | IntegerMLP | IntegerAttention:
    """A predictor of one of `KINDS` that reads so many voxels."""
    make = Weights(seed, extreme)
    if kind == "lstm":
        units = 16
        rows = 4 * units
        inputs = make.of(8000, SIDE_LIMIT, rows)
        recurrent, biases = make.weights(rows, units), make.biases(rows)
        shifts = make.shifts(11, 15, rows)
        return IntegerLSTM(length, recurrent, inputs, biases, shifts, *make.head(units))
    if kind == "mlp":
        hidden = (24, 16)
        weights = tuple(make.weights(out, into) for into, out in pairwise((length, *hidden)))
        layers = (
            tuple(make.biases(n) for n in hidden),
            tuple(make.shifts(12, 16, n) for n in hidden),
        )
        return IntegerMLP(weights, *layers, *make.head(hidden[-1]))
    width, heads, units = 8, 2, 16
    rows = heads * width
    return IntegerAttention(
        make.weights(length, width),
        make.biases(length * width).reshape(length, width),
        make.shifts(10, 14, width),
        make.weights(rows, length),
        make.biases(rows),
        make.shifts(13, 17, rows),
        make.shifts(18, 24, 1),
        make.weights(units, rows + length),
        make.biases(units),
        make.shifts(13, 17, units),
        *make.head(units),
    )


def random_model(
    kind: str, shape: str, backend: str, seed: int = 0, extreme: bool = False
) -> SequenceModel:
    """A predictor with a shape and a back-end, both by name."""
    table = None
    if backend == "conditional":
        generator = np.random.default_rng(seed)
        size = (1 << 17) - 1 if extreme else 300
        table = default_table() + generator.integers(-size, size + 1, (32, 9)).astype(np.int32)
        table = np.clip(table, -(1 << 17) + 1, (1 << 17) - 1)
    predictor = random_predictor(kind, len(SHAPES[shape]), seed, extreme)
    return SequenceModel(predictor, shape, backend, table)
