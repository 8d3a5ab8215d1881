"""A step of the wavefront, its segments, runs of neighbours, scaling: shared by kernels (Numba).

Arrays are channel-major, (channel, voxel), so that inner loops run along voxels, which lie
contiguously in the skewed store, and vectorise.

A *segment* is the run of voxels that one step holds in one slice. *Columns* are the voxels of a
step that go through the network: a segment's flat ends are cut off, which skips padding and
background. Errors are kept in *rings*: the last rows of each slice's skewed store, zero wherever
no voxel is.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

__all__ = [
    "COLUMN",
    "F8",
    "FIELDS",
    "FIRST",
    "I1",
    "I4",
    "I8",
    "LAST",
    "LENGTH",
    "POSITION",
    "ROW",
    "SLAB",
    "Step",
    "Stretch",
    "Y",
    "Z",
    "filled",
    "invert",
    "quotient",
    "ring_run",
    "run",
    "scaled_by",
    "trimmed",
    "whole",
    "whole_log2",
]

I1 = np.int8
I4 = np.int32
I8 = np.int64
F8 = np.float64

SLAB, Z, ROW, Y, LENGTH, FIRST, LAST, COLUMN, POSITION = range(9)
"""Fields of a segment's row: slab, slice, row of the store, first y, voxels; from which voxel to
before which it goes through the network; its first column; its first voxel in `Step`."""
FIELDS = 9


class Step(NamedTuple):
    """What is known of the voxels of one step from their neighbours, side by side.

    Attributes
    ----------
    segments
        int64 (segments, 9): slab by slab, slice by slice; see the constants above.
    m4
        int32 (voxels,): four times the local mean, packed units.
    spread
        int32 (voxels,): sum of |4 u - m4| over the near neighbours u.
    flat
        uint8 (voxels,): 1 where the context is flat.
    """

    segments: np.ndarray
    m4: np.ndarray
    spread: np.ndarray
    flat: np.ndarray


class Stretch(NamedTuple):
    """Voxels side by side along y, and where the first of them lies.

    Attributes
    ----------
    slab, z, row, start
        In the store: slab, slice, row, column.
    y
        In its slice.
    n
        How many voxels.
    at
        In the arrays of `Step`.
    column
        Among the columns of the step.
    """

    slab: int
    z: int
    row: int
    start: int
    y: int
    n: int
    at: int
    column: int


@numba.njit(cache=True, nogil=True, inline="always")
def filled(step, count):
    """The step with so many segments; its arrays have room for more."""
    return Step(step.segments[:count], step.m4, step.spread, step.flat)


@numba.njit(cache=True, nogil=True, inline="always")
def whole(step, number, layout):
    """A segment; the column of a voxel at a flat end, which has none, is another's."""
    s = step.segments[number]
    column = s[COLUMN] - s[FIRST]
    y = s[Y]
    return Stretch(s[SLAB], s[Z], s[ROW], y + layout.reach, y, s[LENGTH], s[POSITION], column)


@numba.njit(cache=True, nogil=True, inline="always")
def trimmed(step, number, layout):
    """A segment less its flat ends: the voxels that go through the network, 0 or more."""
    s = step.segments[number]
    first = s[FIRST]
    y = s[Y] + first
    return Stretch(
        s[SLAB], s[Z], s[ROW], y + layout.reach, y, s[LAST] - first, s[POSITION] + first, s[COLUMN]
    )


@numba.njit(cache=True, nogil=True, inline="always")
def run(store, stretch, neighbours, k):
    """Values of neighbour k of each voxel of a stretch."""
    offset = neighbours.offsets[k]
    start = stretch.start + offset[2]
    row = stretch.row + offset[1]
    return store[stretch.slab, stretch.z + offset[0], row, start : start + stretch.n]


@numba.njit(cache=True, nogil=True, inline="always")
def ring_run(ring, stretch, neighbours, k):
    """As `run`, of a ring of errors, whose rows are a power of two in number."""
    offset = neighbours.offsets[k]
    start = stretch.start + offset[2]
    row = (stretch.row + offset[1]) & (ring.shape[2] - 1)
    return ring[stretch.slab, stretch.z + offset[0], row, start : start + stretch.n]


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
