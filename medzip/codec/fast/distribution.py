"""Distributions of a step: cumulative counts of a value, and the value at a count (Numba).

The integers of `medzip.codec.plain.mixture`. Counts are of 2^24.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from medzip.codec.tables import PRECISION, logistic_table

__all__ = ["FULL", "Distribution", "Logistic", "Mixture", "find", "interval", "logistic", "mixture"]

FULL = np.int64(1 << PRECISION)
"""The count of all values."""


class Distribution(NamedTuple):
    """Three logistics a column, in units of a packed value.

    Attributes
    ----------
    centre
        int32 (columns,): p rounded; offsets count from it.
    weight
        int32 (3, columns), 2^-14, summing to 2^14.
    slope, intercept
        int64 (3, columns), 2^-32: t = slope * offset + intercept.
    """

    centre: np.ndarray
    weight: np.ndarray
    slope: np.ndarray
    intercept: np.ndarray


class Mixture(NamedTuple):
    """The distribution of one voxel, int64; fields as in `Distribution`, and N in `limit`."""

    limit: np.int64
    centre: np.int64
    w0: np.int64
    w1: np.int64
    w2: np.int64
    s0: np.int64
    s1: np.int64
    s2: np.int64
    i0: np.int64
    i1: np.int64
    i2: np.int64


class Logistic(NamedTuple):
    """The logistic function and its inverse.

    Attributes
    ----------
    cdf
        int64 (1025,): `medzip.codec.tables.logistic_table`.
    logits
        float64 (1024,): log(p / (1 - p)) * 2^32 at the middle of equal bins of p, for guesses.
    """

    cdf: np.ndarray
    logits: np.ndarray


def logistic() -> Logistic:
    """The tables of all distributions."""
    p = (np.arange(1024) + 0.5) / 1024
    return Logistic(logistic_table(), np.log(p / (1 - p)) * 2.0**32)


@numba.njit(cache=True, nogil=True, inline="always")
def mixture(distribution, c, limit):
    """The distribution of column c over so many packed values."""
    centre, weight, slope, intercept = distribution
    return Mixture(
        limit,
        np.int64(centre[c]),
        np.int64(weight[0, c]),
        np.int64(weight[1, c]),
        np.int64(weight[2, c]),
        slope[0, c],
        slope[1, c],
        slope[2, c],
        intercept[0, c],
        intercept[1, c],
        intercept[2, c],
    )


@numba.njit(cache=True, nogil=True, inline="always")
def _part(offset, slope, intercept, cdf):
    """F(slope * offset + intercept) in 2^-24, t in 2^-32."""
    limit = np.int64(16) << 32
    t = slope * offset + intercept
    t = min(max(t, -limit), limit - 1) + limit
    index = t >> 27
    low = cdf[index]
    return low + (((cdf[index + 1] - low) * ((t >> 15) & 4095)) >> 12)


@numba.njit(cache=True, nogil=True, inline="always")
def _below(m, offset, cdf):
    """C(centre + offset): the cumulative count below a packed value."""
    v = m.centre + offset
    if v <= 0:
        return np.int64(0)
    if v >= m.limit:
        return FULL
    mass = (
        m.w0 * _part(offset, m.s0, m.i0, cdf)
        + m.w1 * _part(offset, m.s1, m.i1, cdf)
        + m.w2 * _part(offset, m.s2, m.i2, cdf)
    )
    return v + (((FULL - m.limit) * mass) >> 38)


@numba.njit(cache=True, nogil=True, inline="always")
def interval(m, value, cdf):
    """C(value) and C(value + 1) of a mixture."""
    offset = value - m.centre
    return _below(m, offset, cdf), _below(m, offset + 1, cdf)


@numba.njit(cache=True, nogil=True)
def find(m, target, logistic):
    """The value v with C(v) <= target < C(v + 1), and both counts: the inverse of `interval`.

    Guesses are made in floating point: first where one logistic with the mixture's mean density
    would have the target (a table of logits times 2^32), then along the density. Only integer
    comparisons decide, so the result does not depend on how a guess is rounded: 2.7 evaluations of
    C on a chest CT, of which two are needed to prove any answer.
    """
    cdf = logistic.cdf
    low = -m.centre
    low_count = np.int64(0)
    high = m.limit - m.centre
    high_count = FULL
    lean = m.w0 * np.float64(m.i0) + m.w1 * np.float64(m.i1) + m.w2 * np.float64(m.i2)
    steep = m.w0 * np.float64(m.s0) + m.w1 * np.float64(m.s1) + m.w2 * np.float64(m.s2)
    first = (16384.0 * logistic.logits[target >> 14] - lean) / max(steep, 1.0)
    guess = np.int64(min(max(np.floor(first), -65536.0), 65536.0))
    for turn in range(64):
        if turn > 6:
            guess = (low + high) >> 1
        guess = min(max(guess, low), high - 1)
        at = low_count
        if guess > low:
            at = _below(m, guess, cdf)
        if at > target:
            high = guess
            high_count = at
            if high - low == 1:
                break
            before = _below(m, guess - 1, cdf)
            if before <= target:
                return guess - 1 + m.centre, before, at
            high = guess - 1
            high_count = before
            guess = high - 1 - np.int64(np.float64(before - target) / np.float64(at - before))
        else:
            low = guess
            low_count = at
            after = high_count
            if guess + 1 < high:
                after = _below(m, guess + 1, cdf)
            if after > target:
                return guess + m.centre, at, after
            low = guess + 1
            low_count = after
            guess = low + np.int64(np.float64(target - after) / np.float64(after - at))
    return low + m.centre, low_count, high_count
