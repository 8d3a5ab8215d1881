"""What the kernels share: segments of a step, runs of neighbours, scaling (Numba).

Arrays are channel-major, (channel, voxel), so that inner loops run along voxels, which lie
contiguously in the skewed store, and vectorise.

A *segment* is the run of voxels that one step holds in one slice. *Columns* are the voxels of a
step that go through the network: a segment's flat ends are cut off, which skips padding and
background. Errors are kept in *rings*: the last rows of each slice's skewed store, zero wherever
no voxel is.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = [
    "COLUMN",
    "F8",
    "FIRST",
    "I1",
    "I4",
    "I8",
    "LAST",
    "LENGTH",
    "POSITION",
    "ROW",
    "Y",
    "Z",
    "invert",
    "quotient",
    "ring_run",
    "run",
    "scaled_by",
    "whole_log2",
]

I1 = np.int8
I4 = np.int32
I8 = np.int64
F8 = np.float64

# columns of a segment's row
Z, ROW, Y, LENGTH, FIRST, LAST, COLUMN, POSITION = range(8)


@numba.njit(cache=True, nogil=True, inline="always")
def run(store, b, z, row, column, n, steps, k):
    """Values of neighbour k of the segment of n voxels at (z, row, column) of slab b."""
    start = column + steps[k, 2]
    return store[b, z + steps[k, 0], row + steps[k, 1], start : start + n]


@numba.njit(cache=True, nogil=True, inline="always")
def ring_run(ring, b, z, row, column, n, steps, k):
    """As `run`, of a ring of errors, whose rows are a power of two in number."""
    start = column + steps[k, 2]
    at = (row + steps[k, 1]) & (ring.shape[2] - 1)
    return ring[b, z + steps[k, 0], at, start : start + n]


@numba.njit(cache=True, nogil=True, inline="always")
def quotient(a, b):
    """Positive a // b, a < 2^53, as a double: processors divide these by the dozen.

    Exact: if q b <= a < (q + 1) b, then a / b is at least 1 / b below q + 1, which is more than
    rounding to 53 bits can bridge, since 1 / b > (a / b) 2^-53; so the double lies in [q, q + 1).
    """
    return F8(a) / F8(b)


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def invert(total, size, reciprocal):
    """`medzip.codec.plain.features.Scale.reciprocal`."""
    whole = I8(size) << 26
    for i in range(len(total)):
        reciprocal[i] = I4(quotient(whole, total[i]))


@numba.njit(cache=True, nogil=True, inline="always")
def scaled_by(value, limit, reciprocal):
    """`medzip.codec.plain.features.scaled` of one value."""
    v = min(max(value, I4(-limit)), limit)
    q = I4(I4(I4(v * reciprocal) + I4(1 << 21)) >> I4(22))
    return min(max(q, I4(-127)), I4(127))


@numba.njit(cache=True, nogil=True, inline="always")
def whole_log2(size):
    """floor(log2 size)."""
    bits = 0
    while size >> (bits + 1):
        bits += 1
    return bits
