"""The intervals of `medzip.papers.codec.backends`, fused with the range coder (Numba).

`encode_*` and `decode_*` are inverse. Both go through the voxels of a step in its order and keep
what the next step needs: errors, counts.
"""

# Numba infers the types of its kernels from the arrays they get; the docstrings state them

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from medzip.codec.fast.distribution import Mixture, find, interval
from medzip.codec.fast.rangecoder import consume, encode, quantile
from medzip.papers.codec.backends import INCREMENT, MOST_TOTAL

if TYPE_CHECKING:
    from medzip.codec.fast.distribution import Logistic

__all__ = [
    "Conditional",
    "decode_conditional",
    "decode_order0",
    "encode_conditional",
    "encode_order0",
    "fresh_counts",
]

I8 = np.int64
_FULL = np.int64(1 << 24)


class Conditional(NamedTuple):
    """What the distributions of a slab's voxels are made from.

    Attributes
    ----------
    errors
        int32 (depth, height, width): |16 v - p| of the voxels that were coded.
    offsets
        int64 (k, 3): whose errors count.
    limit
        N.
    parameters
        int64 (3, 32, 3): weights, means, inverse scales by context.
    logs
        int64 (2, 64): log2 table, log2 of k.
    floor
        Of the mean error.
    logistic
        The function of all distributions.
    """

    errors: np.ndarray
    offsets: np.ndarray
    limit: int
    parameters: np.ndarray
    logs: np.ndarray
    floor: int
    logistic: Logistic


@numba.njit(cache=True, nogil=True)
def _distribution(made_from, voxel, p):
    """A voxel's mixture, given its prediction in 1/16."""
    errors, offsets, count, parameters, logs, floor, _ = made_from
    weight, mean, inverse = parameters[0], parameters[1], parameters[2]
    _, height, width = errors.shape
    n = I8(len(offsets))
    total = I8(0)
    exist = I8(0)
    for k in range(n):
        z, y, x = voxel[0] + offsets[k, 0], voxel[1] + offsets[k, 1], voxel[2] + offsets[k, 2]
        if z >= 0 and y >= 0 and y < height and x >= 0 and x < width:
            total += errors[z, y, x]
            exist += 1
    total = total * n // exist if exist else 2 * (count - 1) * n
    total += floor * n
    exponent = 0
    while total >> (exponent + 1):
        exponent += 1
    size = (I8(exponent) << 8) + logs[0, ((total << 6) >> exponent) & 63] - logs[1, 0]
    row = min(max((size - 768) >> 7, 0), len(weight) - 1)
    reciprocal = ((n << 26) // total) << 2
    middle = (p + 8) >> 4
    start = ((16 * middle - 8 - p) * reciprocal) >> 12
    scales, means = inverse[row], mean[row]
    return Mixture(
        count,
        middle,
        weight[row, 0],
        weight[row, 1],
        weight[row, 2],
        (reciprocal * scales[0]) >> 8,
        (reciprocal * scales[1]) >> 8,
        (reciprocal * scales[2]) >> 8,
        (start - means[0]) * scales[0],
        (start - means[1]) * scales[1],
        (start - means[2]) * scales[2],
    )


@numba.njit(cache=True, nogil=True)
def encode_conditional(values, voxels, predicted, made_from, state, words, position):
    """Code voxels; returns the new position.

    Parameters
    ----------
    values
        uint16 (depth, height, width), packed.
    voxels, predicted
        int32 (n, 3); int64 (n,): p.
    made_from
        `Conditional`; the errors of these voxels are written.
    state, words, position
        Of the range coder; words have room for one a voxel.
    """
    errors, logistic = made_from.errors, made_from.logistic
    for i in range(len(voxels)):
        z, y, x = voxels[i, 0], voxels[i, 1], voxels[i, 2]
        p = predicted[i]
        mixture = _distribution(made_from, voxels[i], p)
        value = I8(values[z, y, x])
        left, right = interval(mixture, value, logistic.cdf)
        position = encode(state, words, position, left, right - left)
        errors[z, y, x] = abs(16 * value - p)
    return position


@numba.njit(cache=True, nogil=True)
def decode_conditional(values, voxels, predicted, made_from, state, words, position):
    """The inverse of `encode_conditional`: fills `values`; -1 where no encoder wrote this."""
    errors, logistic = made_from.errors, made_from.logistic
    for i in range(len(voxels)):
        z, y, x = voxels[i, 0], voxels[i, 1], voxels[i, 2]
        p = predicted[i]
        mixture = _distribution(made_from, voxels[i], p)
        target = quantile(state)
        if target >= _FULL:
            return -1
        value, left, right = find(mixture, target, logistic)
        position = consume(state, words, position, left, right - left)
        values[z, y, x] = value
        errors[z, y, x] = abs(16 * value - p)
    return position


def fresh_counts(count: int) -> np.ndarray:
    """Counts of the residuals -(N-1) .. N-1 and their Fenwick tree, int64 (2, 2N); all are one.

    Row 0 holds counts from index 0, its last place the total; row 1 the tree from index 1.
    """
    state = np.zeros((2, 2 * count), dtype=np.int64)
    state[0, :-1] = 1
    _rebuild(state)
    return state


@numba.njit(cache=True, nogil=True)
def _rebuild(state):
    """Tree and total from the counts."""
    counts, tree = state[0], state[1]
    size = len(counts) - 1
    counts[size] = 0
    tree[:] = 0
    for i in range(1, size + 1):
        counts[size] += counts[i - 1]
        tree[i] += counts[i - 1]
        above = i + (i & -i)
        if above <= size:
            tree[above] += tree[i]


@numba.njit(cache=True, nogil=True)
def _count(state, symbol):
    """One more of a symbol; all counts are halved when their sum becomes too large."""
    counts, tree = state[0], state[1]
    size = len(counts) - 1
    counts[symbol] += INCREMENT
    counts[size] += INCREMENT
    i = symbol + 1
    while i <= size:
        tree[i] += INCREMENT
        i += i & -i
    if counts[size] > MOST_TOTAL:
        for k in range(size):
            counts[k] = (counts[k] + 1) >> 1
        _rebuild(state)


@numba.njit(cache=True, nogil=True)
def encode_order0(values, voxels, predicted, count, counts, state, words, position):
    """Code voxels; returns the new position.

    Parameters are those of `encode_conditional`, and `counts` as `fresh_counts` made them.
    """
    size = counts.shape[1] - 1
    for i in range(len(voxels)):
        value = I8(values[voxels[i, 0], voxels[i, 1], voxels[i, 2]])
        symbol = value - ((predicted[i] + 8) >> 4) + count - 1
        below = I8(0)
        k = symbol
        while k > 0:
            below += counts[1, k]
            k -= k & -k
        total = counts[0, size]
        left = (below << 24) // total
        right = ((below + counts[0, symbol]) << 24) // total
        position = encode(state, words, position, left, right - left)
        _count(counts, symbol)
    return position


@numba.njit(cache=True, nogil=True)
def decode_order0(values, voxels, predicted, count, counts, state, words, position):
    """The inverse of `encode_order0`: fills `values`; -1 where no encoder wrote this."""
    size = counts.shape[1] - 1
    top = 1
    while 2 * top <= size:
        top *= 2
    for i in range(len(voxels)):
        target = quantile(state)
        if target >= _FULL:
            return -1
        total = counts[0, size]
        rest = ((target + 1) * total - 1) >> 24  # the last count that starts at or below the target
        below = I8(0)
        symbol = I8(0)
        step = I8(top)
        while step:
            if symbol + step <= size and below + counts[1, symbol + step] <= rest:
                symbol += step
                below += counts[1, symbol]
            step >>= 1
        left = (below << 24) // total
        right = ((below + counts[0, symbol]) << 24) // total
        position = consume(state, words, position, left, right - left)
        value = symbol + ((predicted[i] + 8) >> 4) - count + 1
        if value < 0 or value >= count:
            return -1
        values[voxels[i, 0], voxels[i, 1], voxels[i, 2]] = value
        _count(counts, symbol)
    return position
