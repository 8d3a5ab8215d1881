"""Means, flat contexts and the straight prediction of one step of all slabs (Numba).

The integers of `medzip.codec.plain.features` and `medzip.codec.plain.adaptive`.
"""

from __future__ import annotations

import numba

from medzip.codec.fast.segments import COLUMN, FIRST, I4, I8, LAST, LENGTH, POSITION, ROW, Y, Z, run
from medzip.codec.plain.adaptive import PREDICTION_LIMIT

__all__ = ["prepare", "straighten"]


@numba.njit(cache=True, nogil=True, inline="always")
def _add_distances(u, m4, spread):
    """Add |4 u - m4| to the spread of each voxel."""
    for i in range(len(spread)):
        d = I4(I4(u[i]) * I4(4) - m4[i])
        spread[i] += max(d, I4(-d))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def prepare(
    store,
    rings,
    t,
    shape,
    wz,
    wy,
    reach,
    steps,
    references,
    nearest,
    nearest_count,
    near,
    near_used,
    segments,
    m4,
    spread,
    flat,
):
    """Local means, spreads and flat contexts of one step of every slab; clears the rings' rows.

    Parameters
    ----------
    store
        uint16 (slabs, depth, rows, columns), skewed.
    rings
        Two int32 (slabs, depth, ring rows, columns): errors of the straight prediction and of the
        corrected one.
    t
        The step.
    shape, wz, wy, reach
        As in `medzip.codec.fast.layout.Layout`.
    steps
        int64 (K, 3): each neighbour's offset in slices, rows and columns of the store.
    references, nearest, nearest_count
        Per number of earlier slices: indices of the neighbours that make the local mean, of those
        that make a flat context, and how many.
    near, near_used
        Indices of the neighbours that are inputs, and how many exist per number of earlier slices.
    segments
        int64 (slabs * depth, 8), written: see the constants of this module.
    m4, spread, flat
        int32, int32, uint8 (voxels of the step), written.

    Returns
    -------
    tuple of int
        Number of segments, of columns.
    """
    depth, height, width = shape
    origin = reach + wy * reach
    deepest = len(near_used) - 1
    ring_rows = rings[0].shape[2]
    last_row = width - 1 + wy * (height - 1)
    count = 0
    voxels = 0
    columns = 0
    for b in range(store.shape[0]):
        for z in range(depth):
            tau = t - wz * z
            if tau < 0:
                break
            row = tau + origin
            if tau <= last_row + ring_rows:
                rings[0][b, z, row & (ring_rows - 1), :] = 0
                rings[1][b, z, row & (ring_rows - 1), :] = 0
            y0 = max(0, (tau - width + wy) // wy)
            y1 = min(height - 1, tau // wy)
            n = y1 - y0 + 1
            if n <= 0:
                continue
            column = y0 + reach
            kind = min(z, deepest)
            m = m4[voxels : voxels + n]
            s = spread[voxels : voxels + n]
            f = flat[voxels : voxels + n]
            for i in range(n):
                m[i] = 0
                s[i] = 0
            for j in range(references.shape[1]):
                k = references[kind, j]
                u = run(store, b, z, row, column, n, steps, k)
                for i in range(n):
                    m[i] += I4(u[i])
            for j in range(nearest_count[kind]):
                k = nearest[kind, j]
                u = run(store, b, z, row, column, n, steps, k)
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
            used = near_used[kind]
            for j in range(used):
                u = run(store, b, z, row, column, n, steps, near[j])
                _add_distances(u, m, s)
            if used != len(near):
                for i in range(n):
                    s[i] = I4(I8(s[i]) * len(near) // used)
            first = min(first, last)
            segment = segments[count]
            segment[Z] = z
            segment[ROW] = row
            segment[Y] = y0
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
def straighten(
    store, segments, count, per_slab, reach, steps, usable, linear, limit, m4, flat, straight
):
    """The straight prediction p0 of every column, in 1/16.

    Parameters
    ----------
    store, segments, count, per_slab, reach, steps, m4, flat
        As `prepare` has them; `per_slab` is how many segments each slab has.
    usable
        int64 (depth + 1,): how many neighbours exist, per number of earlier slices.
    linear, limit
        `medzip.codec.plain.network.Network.linear` and `linear_reach`.
    straight
        int32 (columns,), written.
    """
    deepest = len(usable) - 1
    most = I4(limit)
    for number in range(count):
        segment = segments[number]
        first = segment[FIRST]
        n = segment[LAST] - first
        if n <= 0:
            continue
        b = number // per_slab
        z = segment[Z]
        row = segment[ROW]
        column = segment[Y] + first + reach
        c0 = segment[COLUMN]
        at = segment[POSITION] + first
        kind = min(z, deepest)
        m = m4[at : at + n]
        f = flat[at : at + n]
        sums = straight[c0 : c0 + n]
        for i in range(n):
            sums[i] = 0
        for k in range(usable[kind]):
            weight = linear[kind, k]
            u = run(store, b, z, row, column, n, steps, k)
            for i in range(n):
                d = I4(I4(u[i]) * I4(4) - m[i])
                d = min(max(d, I4(-most)), most)
                sums[i] = I4(sums[i] + I4(weight * d))
        for i in range(n):
            mean = I4(m[i] * I4(4))
            p = I4(mean + I4(I4(sums[i] + I4(1024)) >> I4(11)))
            p = min(max(p, I4(0)), I4(PREDICTION_LIMIT))
            sums[i] = mean if f[i] else p
