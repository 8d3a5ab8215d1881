"""Fused integer kernels of the wavefront (Numba): features, activations, distributions.

They compute the integers that `medzip.codec.features`, `network` and `mixture` define, one step of
the wavefront for all slabs of a batch at a time. Arrays are channel-major, (channel, voxel), so
that inner loops run along voxels, which lie contiguously in the skewed store, and vectorise.

A *segment* is the run of voxels that one step holds in one slice. *Columns* are the voxels of a
step that go through the network: a segment's flat ends (`Features.flat`) are cut off, which skips
padding and background.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["activate", "activate_halves", "distributions", "expect", "fill", "prepare"]

_I1 = np.int8
_I4 = np.int32
_I8 = np.int64

# columns of a segment's row
Z, ROW, Y, LENGTH, FIRST, LAST, COLUMN, POSITION = range(8)


@numba.njit(cache=True, nogil=True, inline="always")
def _run(store, b, z, row, column, n, steps, k):
    """Values of neighbour k of the segment of n voxels at (z, row, column) of slab b."""
    start = column + steps[k, 2]
    return store[b, z + steps[k, 0], row + steps[k, 1], start : start + n]


@numba.njit(cache=True, nogil=True, inline="always")
def _add_distances(u, m4, spread):
    """Add |4 u - m4| to the spread of each voxel."""
    for i in range(len(spread)):
        d = _I4(_I4(u[i]) * _I4(4) - m4[i])
        spread[i] += max(d, _I4(-d))


@numba.njit(cache=True, nogil=True)
def prepare(
    store,
    t,
    shape,
    wz,
    wy,
    reach,
    steps,
    near,
    near_count,
    rest,
    usable,
    references,
    total,
    segments,
    m4,
    spread,
    flat,
):
    """References, spreads and flat contexts of one step of every slab.

    Parameters
    ----------
    store
        uint16 (slabs, depth, rows, columns), skewed.
    t
        The step.
    shape, wz, wy, reach
        As in `medzip.codec.layout.Layout`.
    steps
        int64 (K, 3): each neighbour's offset in slices, rows and columns of the store.
    near, near_count, rest, usable, references
        Per number of earlier slices: indices of the nearest neighbours, how many, the other usable
        ones, how many are usable in all, the four that make the reference.
    total
        K.
    segments
        int64 (slabs * depth, 8), written: see the constants of this module.
    m4, spread, flat
        int32, int32, uint8 (voxels of the step), written.

    Returns
    -------
    tuple of int
        Number of segments, of voxels, of columns.
    """
    depth, height, width = shape
    origin = reach + wy * reach
    deepest = len(usable) - 1
    count = 0
    voxels = 0
    columns = 0
    for b in range(store.shape[0]):
        for z in range(depth):
            tau = t - wz * z
            if tau < 0:
                break
            y0 = max(0, (tau - width + wy) // wy)
            y1 = min(height - 1, tau // wy)
            n = y1 - y0 + 1
            if n <= 0:
                continue
            row = tau + origin
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
                u = _run(store, b, z, row, column, n, steps, k)
                for i in range(n):
                    m[i] += _I4(u[i])
            for j in range(near_count[kind]):
                k = near[kind, j]
                u = _run(store, b, z, row, column, n, steps, k)
                _add_distances(u, m, s)
            first = n
            last = 0
            for i in range(n):
                f[i] = s[i] == 0
                if s[i] != 0:
                    first = min(first, i)
                    last = i + 1
            for j in range(usable[kind] - near_count[kind]):
                k = rest[kind, j]
                u = _run(store, b, z, row, column, n, steps, k)
                _add_distances(u, m, s)
            if usable[kind] != total:
                for i in range(n):
                    s[i] = _I4(_I8(s[i]) * total // usable[kind])
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
    return count, voxels, columns


@numba.njit(cache=True, nogil=True, inline="always")
def _log2(n, table):
    """`medzip.codec.features.log2_fixed` of one number."""
    exponent = 0
    rest = n
    for shift in (16, 8, 4, 2, 1):
        if rest >> shift:
            exponent += shift
            rest >>= shift
    return (exponent << 8) + table[((n << 6) >> exponent) & 63]


@numba.njit(cache=True, nogil=True)
def fill(
    store,
    segments,
    count,
    per_slab,
    reach,
    wy,
    steps,
    usable,
    total,
    linear,
    px,
    py,
    log_table,
    log_offset,
    m4,
    spread,
    inputs,
    columns,
    width,
    r,
    direct,
    scratch,
):
    """Inputs of the columns of one step.

    Parameters
    ----------
    store, reach, wy, steps, usable, total, m4, spread
        As in `prepare`.
    segments, count, per_slab
        What `prepare` wrote, how many, and how many of them each slab has.
    linear
        int32 (K,): the linear path.
    px, py
        int64: `medzip.codec.features.position` of both axes.
    log_table, log_offset
        For the log2 of the scale.
    inputs
        int8 (inputs, 2 * width), written: high halves, then low halves.
    columns
        How many columns there are; those up to `width` are cleared.
    r, direct
        int32 (columns,), written: reciprocal scale; linear path, 22 fractional bits.
    scratch
        int32 (2, longest segment).
    """
    half = _I4(1 << 17)
    origin = reach + wy * reach
    deepest = len(usable) - 1
    for number in range(count):
        segment = segments[number]
        first = segment[FIRST]
        n = segment[LAST] - first
        if n <= 0:
            continue
        b = number // per_slab
        z = segment[Z]
        row = segment[ROW]
        y0 = segment[Y] + first
        column = y0 + reach
        c0 = segment[COLUMN]
        at = segment[POSITION] + first
        kind = min(z, deepest)
        m = m4[at : at + n]
        s = spread[at : at + n]
        rr = r[c0 : c0 + n]
        out = direct[c0 : c0 + n]
        limit = scratch[:n]
        for i in range(n):
            whole = _I8(s[i]) + 4 * total
            rr[i] = _I4((_I8(total) << 26) // whole)
            limit[i] = _I4(whole * 16 // total)
            out[i] = 0
        for k in range(usable[kind]):
            u = _run(store, b, z, row, column, n, steps, k)
            high = inputs[k, c0 : c0 + n]
            low = inputs[k, width + c0 : width + c0 + n]
            weight = linear[k]
            for i in range(n):
                d = _I4(_I4(u[i]) * _I4(4) - m[i])
                d = min(max(d, _I4(-limit[i])), limit[i])
                q = _I4(_I4(_I4(d * rr[i]) + half) >> _I4(18))
                out[i] = _I4(out[i] + _I4(weight * q))
                h = _I4(_I4(q + _I4(64)) >> _I4(7))
                high[i] = _I1(h)
                low[i] = _I1(_I4(q - _I4(h * _I4(128))))
        for k in range(usable[kind], total):
            inputs[k, c0 : c0 + n] = 0
            inputs[k, width + c0 : width + c0 + n] = 0
        for i in range(n):
            y = y0 + i
            x = row - origin - wy * y
            ax = px[x]
            ay = py[y]
            _put(inputs, total, c0 + i, width, _log2(_I8(s[i]) + 4 * total, log_table) - log_offset)
            _put(inputs, total + 1, c0 + i, width, 256 if z >= 1 else 0)
            _put(inputs, total + 2, c0 + i, width, 256 if z >= 2 else 0)
            _put(inputs, total + 3, c0 + i, width, ax)
            _put(inputs, total + 4, c0 + i, width, ay)
            _put(inputs, total + 5, c0 + i, width, ((ax * ax + ay * ay) >> 8) - 256)
    for k in range(inputs.shape[0]):
        inputs[k, columns:width] = 0
        inputs[k, width + columns :] = 0


@numba.njit(cache=True, nogil=True, inline="always")
def _put(inputs, k, c, width, q):
    high = (q + 64) >> 7
    inputs[k, c] = high
    inputs[k, width + c] = q - 128 * high


@numba.njit(cache=True, nogil=True)
def activate_halves(sums, bias, shift, width, out):
    """First layer: join the products with high and low halves, then as `activate`.

    Parameters
    ----------
    sums
        int32 (units, 2 * width).
    bias, shift
        int32 (units,).
    out
        int8 (units, width), written.
    """
    for j in range(out.shape[0]):
        high = sums[j, :width]
        low = sums[j, width:]
        b = bias[j]
        s = shift[j]
        y = out[j]
        for i in range(width):
            a = _I4(_I4(_I4(high[i] * _I4(128)) + low[i]) + b) >> s
            y[i] = _I1(min(max(_I4(a), _I4(0)), _I4(127)))


@numba.njit(cache=True, nogil=True)
def activate(sums, bias, shift, out):
    """clip((sums + bias) >> shift, 0, 127): int32 (units, width) to int8 of the same shape."""
    for j in range(out.shape[0]):
        a_row = sums[j]
        b = bias[j]
        s = shift[j]
        y = out[j]
        for i in range(len(y)):
            a = _I4(a_row[i] + b) >> s
            y[i] = _I1(min(max(_I4(a), _I4(0)), _I4(127)))


@numba.njit(cache=True, nogil=True, inline="always")
def _exp2(x, table):
    """`medzip.codec.mixture.exp2_fixed` of one number."""
    whole = x >> 8
    value = table[x & 255]
    return value << whole if whole >= 0 else value >> -whole


@numba.njit(cache=True, nogil=True)
def distributions(
    sums,
    bias,
    shift,
    direct,
    r,
    segments,
    count,
    m4,
    exp_table,
    columns,
    centre,
    weight,
    slope,
    intercept,
):
    """Head outputs to mixture parameters of every column.

    Parameters
    ----------
    sums
        int32 (18, width): products with the high halves of the head's weights, then the low.
    bias, shift
        int32 (9,).
    direct, r
        As `fill` wrote them.
    segments, count, m4
        As `prepare` wrote them.
    exp_table
        `medzip.codec.tables.exp2_table`.
    centre
        int32 (columns,), written.
    weight
        int32 (3, columns), written.
    slope, intercept
        int64 (3, columns), written.
    """
    for number in range(count):
        segment = segments[number]
        c0 = segment[COLUMN]
        at = segment[POSITION] + segment[FIRST]
        for i in range(segment[LAST] - segment[FIRST]):
            centre[c0 + i] = m4[at + i]
    for c in range(columns):
        m = _I8(centre[c])
        mid = (m + 2) >> 2
        centre[c] = mid
        rr = _I8(r[c])
        start = ((4 * mid - 2 - m) * rr) >> 10
        mean_direct = _I8(direct[c]) >> 10
        best = _I8(-4096)
        for k in range(3):
            value = (_I8(sums[k, c]) * 128 + sums[9 + k, c] + bias[k]) >> shift[k]
            value = min(max(value, -4096), 4096)
            weight[k, c] = value
            best = max(best, value)
        share0 = _exp2(max(_I8(weight[0, c]) - best, -4096), exp_table)
        share1 = _exp2(max(_I8(weight[1, c]) - best, -4096), exp_table)
        share2 = _exp2(max(_I8(weight[2, c]) - best, -4096), exp_table)
        whole = share0 + share1 + share2
        w1 = (share1 << 14) // whole
        w2 = (share2 << 14) // whole
        weight[0, c] = 16384 - w1 - w2
        weight[1, c] = w1
        weight[2, c] = w2
        for k in range(3):
            j = 3 + k
            mean = (_I8(sums[j, c]) * 128 + sums[9 + j, c] + bias[j]) >> shift[j]
            mean = min(max(mean + mean_direct, -131072), 131072)
            j = 6 + k
            scale = (_I8(sums[j, c]) * 128 + sums[9 + j, c] + bias[j]) >> shift[j]
            inverse = _exp2(-min(max(scale, -1536), 1536), exp_table)
            slope[k, c] = (4 * rr * inverse) >> 10
            intercept[k, c] = (start - (mean << 4)) * inverse


@numba.njit(cache=True, nogil=True)
def expect(segments, count, wy, reach, m4, flat, centre, weight, slope, intercept, predicted):
    """Means of the distributions of one slab's step, rounded, into int32 (z, y, x).

    For pictures: nothing is coded with them, so they are made in floating point.
    """
    origin = reach + wy * reach
    for number in range(count):
        segment = segments[number]
        for i in range(segment[LENGTH]):
            y = segment[Y] + i
            x = segment[ROW] - origin - wy * y
            at = segment[POSITION] + i
            if flat[at]:
                predicted[segment[Z], y, x] = m4[at] >> 2
                continue
            c = segment[COLUMN] + i - segment[FIRST]
            mean = 0.0
            for k in range(3):
                # t = 0 at v - 1/2: the edge below a voxel lies half a unit under its value
                mean -= weight[k, c] * (intercept[k, c] / slope[k, c])
            predicted[segment[Z], y, x] = centre[c] + np.int32(np.rint(mean / 16384.0 - 0.5))
