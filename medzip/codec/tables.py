"""Integer tables of the format: logistic CDF, powers of two, logarithm.

They are part of the bitstream (docs/format.md has their rules and one SHA-256). They are
computed with Python's `decimal` at 50 digits, never with the platform's libm, and pinned by digest,
so every machine has the same integers.
"""

from __future__ import annotations

import hashlib
from decimal import Decimal, localcontext
from functools import cache

import numpy as np

__all__ = [
    "EXP2_BITS",
    "LOGISTIC_LIMIT",
    "LOGISTIC_STEPS",
    "PRECISION",
    "digest",
    "exp2_table",
    "log2_table",
    "logistic_table",
]

PRECISION = 24
"""Bits of a probability, as in constriction's range coder."""
LOGISTIC_LIMIT = 16
"""The logistic CDF is tabulated on [-16, 16]."""
LOGISTIC_STEPS = 32
"""Table entries a unit."""
EXP2_BITS = 8
"""Fractional bits of an exponent."""


@cache
def logistic_table() -> np.ndarray:
    """2^24 / (1 + e^-t) for t = -16, -16 + 1/32, ..., 16; int64 of shape (1025,), non-decreasing.

    The ends are 0 and 2^24 exactly.
    """
    with localcontext() as context:
        context.prec = 50
        one = Decimal(1)
        values = [
            int((one / (one + (-Decimal(i) / LOGISTIC_STEPS).exp())) * (1 << PRECISION) + one / 2)
            for i in range(-LOGISTIC_LIMIT * LOGISTIC_STEPS, LOGISTIC_LIMIT * LOGISTIC_STEPS + 1)
        ]
    values[0], values[-1] = 0, 1 << PRECISION
    return _frozen(values)


@cache
def exp2_table() -> np.ndarray:
    """round(2^16 * 2^(i / 256)) for i = 0 .. 255; int64 of shape (256,)."""
    with localcontext() as context:
        context.prec = 50
        ln2 = Decimal(2).ln()
        values = [
            int((ln2 * i / (1 << EXP2_BITS)).exp() * (1 << 16) + Decimal("0.5"))
            for i in range(1 << EXP2_BITS)
        ]
    return _frozen(values)


@cache
def log2_table() -> np.ndarray:
    """round(256 * log2(1 + (i + 1/2) / 64)) for i = 0 .. 63; int64 of shape (64,)."""
    with localcontext() as context:
        context.prec = 50
        ln2 = Decimal(2).ln()
        values = [
            int((1 + (i + Decimal("0.5")) / 64).ln() / ln2 * (1 << EXP2_BITS) + Decimal("0.5"))
            for i in range(64)
        ]
    return _frozen(values)


def digest() -> str:
    """SHA-256 over the three tables as little-endian int64, in the order of this module."""
    state = hashlib.sha256()
    for table in (logistic_table(), exp2_table(), log2_table()):
        state.update(table.astype("<i8").tobytes())
    return state.hexdigest()


def _frozen(values: list[int]) -> np.ndarray:
    table = np.array(values, dtype=np.int64)
    table.setflags(write=False)
    return table
