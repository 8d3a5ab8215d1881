"""Means, flat contexts and the straight prediction of one step of all slabs (Numba).

The integers of `medzip.codec.plain.features` and `medzip.codec.plain.adaptive`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba

from medzip.codec.fast.layout import segment_of
from medzip.codec.fast.segments import (
    COLUMN,
    FIRST,
    I4,
    I8,
    LAST,
    LENGTH,
    POSITION,
    ROW,
    SLAB,
    Stretch,
    Y,
    Z,
    run,
    trimmed,
)
from medzip.codec.plain.adaptive import PREDICTION_LIMIT

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Linear", "Prediction", "Scale", "prepare", "straighten"]


class Linear(NamedTuple):
    """The straight filter, `linear` and `linear_reach` of `medzip.codec.plain.network.Network`.

    Attributes
    ----------
    weights
        int (depth + 1, K): of each neighbour, per number of slices before the voxel's.
    limit
        Differences are clipped to it.
    """

    weights: np.ndarray
    limit: int


class Scale(NamedTuple):
    """A local scale of every column: `medzip.codec.plain.features.Scale` of 32 bits.

    Attributes
    ----------
    total
        int32 (columns,): T, the sum of magnitudes with its floors.
    reciprocal
        int32 (columns,): 2^26 / (T / count).
    """

    total: np.ndarray
    reciprocal: np.ndarray


class Prediction(NamedTuple):
    """What is predicted of every column, and from which errors.

    Attributes
    ----------
    straight
        int32 (columns,): p0 in 1/16.
    corrected
        int32 (columns,): p in 1/16.
    taps
        Scale of the straight errors that the correction reads; the reciprocal is 0 where flat.
    energy
        int32 (columns,): sum of the squares of those errors as inputs, plus their number.
    errors
        Scale of the errors that remained: the unit of the distribution.
    """

    straight: np.ndarray
    corrected: np.ndarray
    taps: Scale
    energy: np.ndarray
    errors: Scale


@numba.njit(cache=True, nogil=True, inline="always")
def _add_distances(u, m4, spread):
    """Add |4 u - m4| to the spread of each voxel."""
    for i in range(len(spread)):
        d = I4(I4(u[i]) * I4(4) - m4[i])
        spread[i] += max(d, I4(-d))


@numba.njit(cache=True, nogil=True, inline="always")
def _look(store, stretch, neighbours, step):
    """Means, spreads and flat contexts of a segment.

    Returns from which voxel to before which some are not flat; twice the same where all are.
    """
    n = stretch.n
    near = neighbours.near
    kind = min(stretch.z, len(neighbours.usable) - 1)
    m = step.m4[stretch.at : stretch.at + n]
    s = step.spread[stretch.at : stretch.at + n]
    f = step.flat[stretch.at : stretch.at + n]
    for i in range(n):
        m[i] = 0
        s[i] = 0
    for j in range(neighbours.means.shape[1]):
        u = run(store, stretch, neighbours, neighbours.means[kind, j])
        for i in range(n):
            m[i] += I4(u[i])
    for j in range(neighbours.flat_used[kind]):
        u = run(store, stretch, neighbours, neighbours.flat[kind, j])
        _add_distances(u, m, s)
    first = n
    last = 0
    for i in range(n):
        f[i] = s[i] == 0
        if s[i] != 0:
            first = min(first, i)
            last = i + 1
    for i in range(n):
        s[i] = 0
    used = near.used[kind]
    for j in range(used):
        u = run(store, stretch, neighbours, near.indices[j])
        _add_distances(u, m, s)
    size = len(near.indices)
    if used != size:
        for i in range(n):
            s[i] = I4(I8(s[i]) * size // used)
    return min(first, last), last


@numba.njit(cache=True, nogil=True, error_model="numpy")
def prepare(store, errors, t, layout, neighbours, step):
    """Local means, spreads and flat contexts of one step of every slab; clears the rings' rows.

    Parameters
    ----------
    store
        uint16 (slabs, depth, rows, columns), skewed.
    errors
        `medzip.codec.fast.correction.Errors`.
    t
        The step.
    layout, neighbours
        Where voxels lie, and what they see.
    step
        Written; it has room for the longest step.

    Returns
    -------
    tuple of int
        Number of segments, of columns: see `medzip.codec.fast.segments.filled`.
    """
    depth, height, width = layout.shape
    ring_rows = errors.straight.shape[2]
    last_row = width - 1 + layout.wy * (height - 1)
    count = 0
    voxels = 0
    columns = 0
    for b in range(store.shape[0]):
        for z in range(depth):
            tau = t - layout.wz * z
            if tau < 0:
                break
            row = tau + layout.origin
            if tau <= last_row + ring_rows:
                errors.straight[b, z, row & (ring_rows - 1), :] = 0
                errors.corrected[b, z, row & (ring_rows - 1), :] = 0
            y, n = segment_of(layout, t, z)
            if n <= 0:
                continue
            stretch = Stretch(b, z, row, y + layout.reach, y, n, voxels, columns)
            first, last = _look(store, stretch, neighbours, step)
            segment = step.segments[count]
            segment[SLAB] = b
            segment[Z] = z
            segment[ROW] = row
            segment[Y] = y
            segment[LENGTH] = n
            segment[FIRST] = first
            segment[LAST] = last
            segment[COLUMN] = columns
            segment[POSITION] = voxels
            columns += last - first
            voxels += n
            count += 1
    return count, columns


@numba.njit(cache=True, nogil=True, error_model="numpy")
def straighten(store, layout, neighbours, linear, step, straight):
    """The straight prediction p0 of every column, in 1/16.

    Parameters
    ----------
    store, layout, neighbours, step
        As `prepare` has and leaves them.
    linear
        The filter.
    straight
        int32 (columns,), written.
    """
    deepest = len(neighbours.usable) - 1
    most = I4(linear.limit)
    for number in range(len(step.segments)):
        stretch = trimmed(step, number, layout)
        n = stretch.n
        if n <= 0:
            continue
        kind = min(stretch.z, deepest)
        m = step.m4[stretch.at : stretch.at + n]
        f = step.flat[stretch.at : stretch.at + n]
        sums = straight[stretch.column : stretch.column + n]
        for i in range(n):
            sums[i] = 0
        for k in range(neighbours.usable[kind]):
            weight = linear.weights[kind, k]
            u = run(store, stretch, neighbours, k)
            for i in range(n):
                d = I4(I4(u[i]) * I4(4) - m[i])
                d = min(max(d, I4(-most)), most)
                sums[i] = I4(sums[i] + I4(weight * d))
        for i in range(n):
            mean = I4(m[i] * I4(4))
            p = I4(mean + I4(I4(sums[i] + I4(1024)) >> I4(11)))
            p = min(max(p, I4(0)), I4(PREDICTION_LIMIT))
            sums[i] = mean if f[i] else p
