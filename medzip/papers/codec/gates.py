"""Fixed point of the sequence predictors, and their table of the logistic function (plain NumPy).

Weights have 14 bits and activations 16, so that each goes through int8 products as two halves
(`split`). Gates read one table, the mixture's logistic CDF rounded to 15
bits, between whose entries is interpolated: tanh(x) is 2 sigmoid(2x) - 1 on the same table.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from medzip.codec.tables import LOGISTIC_LIMIT, PRECISION, logistic_table
from medzip.errors import ModelError

__all__ = [
    "ACTIVATION_LIMIT",
    "GATE_BITS",
    "GATE_LIMIT",
    "INPUT_BITS",
    "OUTPUT_BITS",
    "OUTPUT_LIMIT",
    "SIDE_LIMIT",
    "WEIGHT_LIMIT",
    "check_array",
    "check_shifts",
    "gate_table",
    "shifted",
    "sigmoid",
    "split",
]

INPUT_BITS = 14
"""Fractional bits of normalised voxels and of hidden states, which lie in -1 .. 1."""
GATE_BITS = 15
"""Fractional bits of what enters a gate and of what leaves it."""
GATE_LIMIT = LOGISTIC_LIMIT << GATE_BITS
"""Gates are tabulated on +-16."""
OUTPUT_BITS = 20
"""Fractional bits of a prediction, normalised."""
OUTPUT_LIMIT = 1 << 21
"""Predictions are clipped to +-2."""
WEIGHT_LIMIT = 64 * 128 - 1
"""Two halves, w = 128 hi + lo with |hi|, |lo| <= 64."""
ACTIVATION_LIMIT = 127 * 256 + 127
"""Two halves, a = 256 hi + lo, both int8."""
SIDE_LIMIT = 1 << 20
"""Weights that no int8 product sees: of the input voxel, of the head."""
_STEP_BITS = 10
"""Fractional bits of a gate's input between two entries of the table."""


@cache
def gate_table() -> np.ndarray:
    """2^15 / (1 + e^-t) for t = -16, -16 + 1/32, ..., 16; int32 (1025,), non-decreasing."""
    drop = PRECISION - GATE_BITS
    table = ((logistic_table() + (1 << (drop - 1))) >> drop).astype(np.int32)
    table.setflags(write=False)
    return table


def sigmoid(t: np.ndarray) -> np.ndarray:
    """2^15 sigmoid(t / 2^15), int64; t is clipped to +-16 first."""
    table = gate_table().astype(np.int64)
    t = np.clip(t, -GATE_LIMIT, GATE_LIMIT - 1) + GATE_LIMIT
    index, rest = t >> _STEP_BITS, t & ((1 << _STEP_BITS) - 1)
    half = 1 << (_STEP_BITS - 1)
    return np.asarray(table[index] + (((table[index + 1] - table[index]) * rest + half) >> 10))


def shifted(sums: np.ndarray, bias: np.ndarray, shift: np.ndarray | int) -> np.ndarray:
    """(sums + 256 bias) / 2^shift, rounded half up; int64. Shifts are at least 1."""
    one = np.int64(1)
    return np.asarray((sums + (bias.astype(np.int64) << 8) + (one << (shift - one))) >> shift)


def split(values: np.ndarray, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """Halves of integers, v = 2^bits hi + lo with -2^(bits-1) <= lo < 2^(bits-1); int8 both."""
    wide = values.astype(np.int64)
    high = (wide + (1 << (bits - 1))) >> bits
    return high.astype(np.int8), (wide - (high << bits)).astype(np.int8)


def check_array(array: np.ndarray, shape: tuple[int, ...], limit: int, name: str) -> None:
    """Raise ModelError for another shape, a type that is no integer, or magnitudes over `limit`."""
    if array.shape != shape or array.dtype.kind != "i":
        raise ModelError(
            f"expected {name} of integers {shape}, got {array.dtype} {array.shape}; "
            "the model is damaged"
        )
    largest = int(np.abs(array.astype(np.int64)).max(initial=0))
    if largest > limit:
        raise ModelError(
            f"expected {name} within +-{limit}, got {largest}; quantise the model again"
        )


def check_shifts(shift: np.ndarray, outputs: int, name: str) -> None:
    """Raise ModelError unless there is one shift of 1 .. 40 an output."""
    check_array(shift, (outputs,), 40, name)
    if int(shift.min()) < 1:
        raise ModelError(f"expected {name} of at least 1, got {shift.min()}; quantise again")
