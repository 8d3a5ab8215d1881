"""Fused integer kernels of the wavefront (Numba): predictions, inputs, activations, distributions.

They compute the integers that `medzip.codec.features`, `adaptive`, `network` and `mixture` define,
one step of the wavefront for all slabs of a batch at a time. Arrays are channel-major, (channel,
voxel), so that inner loops run along voxels, which lie contiguously in the skewed store, and
vectorise.

A *segment* is the run of voxels that one step holds in one slice. *Columns* are the voxels of a
step that go through the network: a segment's flat ends are cut off, which skips padding and
background. Errors are kept in *rings*: the last rows of each slice's skewed store, zero wherever
no voxel is.
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["activate", "advance", "choose", "distributions", "expect"]

_I1 = np.int8
_I4 = np.int32
_I8 = np.int64
_F8 = np.float64

# columns of a segment's row
Z, ROW, Y, LENGTH, FIRST, LAST, COLUMN, POSITION = range(8)

_MOST = 65535 << 4
"""`medzip.codec.adaptive.PREDICTION_LIMIT`."""
_COEFFICIENT = 4 << 16
"""`medzip.codec.adaptive.COEFFICIENT_LIMIT`."""


@numba.njit(cache=True, nogil=True, inline="always")
def _run(store, b, z, row, column, n, steps, k):
    """Values of neighbour k of the segment of n voxels at (z, row, column) of slab b."""
    start = column + steps[k, 2]
    return store[b, z + steps[k, 0], row + steps[k, 1], start : start + n]


@numba.njit(cache=True, nogil=True, inline="always")
def _ring_run(ring, b, z, row, column, n, steps, k):
    """As `_run`, of a ring of errors, whose rows are a power of two in number."""
    start = column + steps[k, 2]
    at = (row + steps[k, 1]) & (ring.shape[2] - 1)
    return ring[b, z + steps[k, 0], at, start : start + n]


@numba.njit(cache=True, nogil=True, inline="always")
def _add_distances(u, m4, spread):
    """Add |4 u - m4| to the spread of each voxel."""
    for i in range(len(spread)):
        d = _I4(_I4(u[i]) * _I4(4) - m4[i])
        spread[i] += max(d, _I4(-d))


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
        As in `medzip.codec.layout.Layout`.
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
                u = _run(store, b, z, row, column, n, steps, k)
                for i in range(n):
                    m[i] += _I4(u[i])
            for j in range(nearest_count[kind]):
                k = nearest[kind, j]
                u = _run(store, b, z, row, column, n, steps, k)
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
                u = _run(store, b, z, row, column, n, steps, near[j])
                _add_distances(u, m, s)
            if used != len(near):
                for i in range(n):
                    s[i] = _I4(_I8(s[i]) * len(near) // used)
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
        `medzip.codec.network.Network.linear` and `linear_reach`.
    straight
        int32 (columns,), written.
    """
    deepest = len(usable) - 1
    most = _I4(limit)
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
            u = _run(store, b, z, row, column, n, steps, k)
            for i in range(n):
                d = _I4(_I4(u[i]) * _I4(4) - m[i])
                d = min(max(d, _I4(-most)), most)
                sums[i] = _I4(sums[i] + _I4(weight * d))
        for i in range(n):
            mean = _I4(m[i] * _I4(4))
            p = _I4(mean + _I4(_I4(sums[i] + _I4(1024)) >> _I4(11)))
            p = min(max(p, _I4(0)), _I4(_MOST))
            sums[i] = mean if f[i] else p


@numba.njit(cache=True, nogil=True, inline="always")
def _error_total(ring, b, z, row, column, n, steps, chosen, used, total):
    """Sum of |errors| at the chosen neighbours, plus half a voxel unit for each, into `total`."""
    for i in range(n):
        total[i] = 0
    for j in range(used):
        e = _ring_run(ring, b, z, row, column, n, steps, chosen[j])
        for i in range(n):
            total[i] += max(e[i], _I4(-e[i]))
    size = len(chosen)
    if used != size:
        for i in range(n):
            total[i] = _I4(_I8(total[i]) * size // used)
    floor = _I4(8 * size)
    for i in range(n):
        total[i] += floor


@numba.njit(cache=True, nogil=True, inline="always")
def _quotient(a, b):
    """Positive a // b, a < 2^53, as a double: processors divide these by the dozen.

    Exact: if q b <= a < (q + 1) b, then a / b is at least 1 / b below q + 1, which is more than
    rounding to 53 bits can bridge, since 1 / b > (a / b) 2^-53; so the double lies in [q, q + 1).
    """
    return _F8(a) / _F8(b)


@numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")
def _invert(total, size, reciprocal):
    """`medzip.codec.features.Scale.reciprocal`."""
    whole = _I8(size) << 26
    for i in range(len(total)):
        reciprocal[i] = _I4(_quotient(whole, total[i]))


@numba.njit(cache=True, nogil=True, inline="always")
def _scaled(value, limit, reciprocal):
    """`medzip.codec.features.scaled` of one value."""
    v = min(max(value, _I4(-limit)), limit)
    q = _I4(_I4(_I4(v * reciprocal) + _I4(1 << 21)) >> _I4(22))
    return min(max(q, _I4(-127)), _I4(127))


@numba.njit(cache=True, nogil=True, inline="always")
def _bits(size):
    """floor(log2 size)."""
    bits = 0
    while size >> (bits + 1):
        bits += 1
    return bits


@numba.njit(cache=True, nogil=True, error_model="numpy")
def correct(
    rings,
    coefficients,
    segments,
    count,
    per_slab,
    reach,
    steps,
    taps,
    taps_used,
    errors,
    errors_used,
    ahead,
    flat,
    straight,
    inputs,
    above,
    centre,
    tap_total,
    tap_reciprocal,
    energy,
    total,
    reciprocal,
    scratch,
):
    """The corrected prediction of every column, and the inputs that are errors.

    Parameters
    ----------
    rings, segments, count, per_slab, reach, steps, flat
        As `prepare` has them.
    coefficients
        int32 (slabs, depth, taps, height), moved: the correction's, 2^-16.
    taps, taps_used, errors, errors_used
        Indices of the neighbours, and how many of them exist per number of earlier slices.
    ahead
        How many rows further on the slice before is at the same place.
    straight
        As `straighten` wrote it.
    inputs, above
        int8 (inputs, width), of which the rows from `above` on are written: errors, then taps.
    centre
        int32 (columns,), written: p in 1/16.
    tap_total, tap_reciprocal, energy
        int32 (columns,), written: scale of the taps' errors, energy of the taps' inputs.
    total, reciprocal
        int32 (columns,), written: scale of the errors.
    scratch
        int32 (3, longest segment + 1).
    """
    tap_count = len(taps)
    error_count = len(errors)
    deepest = len(taps_used) - 1
    height = coefficients.shape[3]
    tap_shift = _I4(_bits(tap_count))
    error_shift = _I4(_bits(error_count))
    share = _I8((1 << 20) // tap_count)
    # backwards, so that the slice before still has its coefficients of the step before
    for number in range(count - 1, -1, -1):
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
        f = flat[at : at + n]
        whole = tap_total[c0 : c0 + n]
        inverse = tap_reciprocal[c0 : c0 + n]
        power = energy[c0 : c0 + n]
        old = scratch[0, : n + 1]
        limit = scratch[1, :n]
        sums = scratch[2, :n]
        used = taps_used[kind]
        _error_total(rings[0], b, z, row, column, n, steps, taps, used, whole)
        _invert(whole, tap_count, inverse)
        some_flat = False
        for i in range(n):
            limit[i] = _I4(whole[i] << _I4(3)) >> tap_shift
            power[i] = tap_count
            sums[i] = 0
            # flat voxels have inputs of 0, and learn nothing
            inverse[i] = _I4(0) if f[i] else inverse[i]
            some_flat |= f[i] != 0
        known = 0
        if z > 0:
            known = max(0, min(n, height - ahead - y0))
        for j in range(used):
            e = _ring_run(rings[0], b, z, row, column, n, steps, taps[j])
            x = inputs[above + error_count + j, c0 : c0 + n]
            for i in range(n):
                q = _scaled(e[i], limit[i], inverse[i])
                power[i] = _I4(power[i] + _I4(q * q))
                x[i] = _I1(q)
            mine = coefficients[b, z, j]
            a = mine[y0 : y0 + n]
            old[0] = mine[max(y0 - 1, 0)]
            for i in range(n):
                old[i + 1] = a[i]
            before = coefficients[b, max(z - 1, 0), j, y0 + ahead : y0 + ahead + known]
            for i in range(known):
                c = _I4(old[i + 1] + _I4(_I4(old[i] - old[i + 1]) >> _I4(2)))
                c = _I4(c + _I4(_I4(before[i] - c) >> _I4(3)))
                a[i] = c
                sums[i] = _I4(sums[i] + _I4(c * _I4(x[i])))
            for i in range(known, n):
                c = _I4(old[i + 1] + _I4(_I4(old[i] - old[i + 1]) >> _I4(2)))
                a[i] = c
                sums[i] = _I4(sums[i] + _I4(c * _I4(x[i])))
            if some_flat:
                for i in range(n):
                    a[i] = old[i + 1] if f[i] else a[i]
        for j in range(used, tap_count):
            inputs[above + error_count + j, c0 : c0 + n] = 0
        p0 = straight[c0 : c0 + n]
        p = centre[c0 : c0 + n]
        for i in range(n):
            unit = (_I8(whole[i]) * share) >> 20
            change = (_I8(sums[i]) * unit + (1 << 19)) >> 20
            p[i] = _I4(min(max(_I8(p0[i]) + change, _I8(0)), _I8(_MOST)))
        whole = total[c0 : c0 + n]
        inverse = reciprocal[c0 : c0 + n]
        used = errors_used[kind]
        _error_total(rings[1], b, z, row, column, n, steps, errors, used, whole)
        _invert(whole, error_count, inverse)
        for i in range(n):
            limit[i] = _I4(whole[i] << _I4(3)) >> error_shift
        for j in range(used):
            e = _ring_run(rings[1], b, z, row, column, n, steps, errors[j])
            x = inputs[above + j, c0 : c0 + n]
            for i in range(n):
                x[i] = _I1(_scaled(e[i], limit[i], inverse[i]))
        for j in range(used, error_count):
            inputs[above + j, c0 : c0 + n] = 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def learn(
    store,
    rings,
    coefficients,
    segments,
    count,
    per_slab,
    reach,
    taps_used,
    m4,
    straight,
    inputs,
    above,
    centre,
    tap_total,
    tap_reciprocal,
    energy,
    tap_shift,
    scratch,
):
    """Errors of a step into the rings, and what the correction learns from them.

    Parameters
    ----------
    store
        With the values of this step in place.
    above
        The first row of `inputs` that holds taps.
    tap_shift
        floor(log2 taps).

    The others are as `correct` has them.
    """
    deepest = len(taps_used) - 1
    mask = rings[0].shape[2] - 1
    for number in range(count):
        segment = segments[number]
        b = number // per_slab
        z = segment[Z]
        row = segment[ROW]
        start = segment[Y] + reach
        n = segment[LENGTH]
        first = segment[FIRST]
        last = segment[LAST]
        position = segment[POSITION]
        values = store[b, z, row, start : start + n]
        e0 = rings[0][b, z, row & mask, start : start + n]
        e1 = rings[1][b, z, row & mask, start : start + n]
        for i in range(first):
            e0[i] = _I4(_I4(values[i]) * _I4(16) - m4[position + i] * _I4(4))
            e1[i] = e0[i]
        for i in range(max(first, last), n):
            e0[i] = _I4(_I4(values[i]) * _I4(16) - m4[position + i] * _I4(4))
            e1[i] = e0[i]
        n = last - first
        if n <= 0:
            continue
        c0 = segment[COLUMN]
        values = values[first:last]
        e0 = e0[first:last]
        e1 = e1[first:last]
        p0 = straight[c0 : c0 + n]
        p = centre[c0 : c0 + n]
        for i in range(n):
            v = _I4(_I4(values[i]) * _I4(16))
            e0[i] = _I4(v - p0[i])
            e1[i] = _I4(v - p[i])
        gain = scratch[0, :n]
        for i in range(n):
            gain[i] = _I4(_quotient(1 << 22, energy[c0 + i]))
        for i in range(n):
            limit = _I4(tap_total[c0 + i] << _I4(3)) >> _I4(tap_shift)
            wrong = _scaled(e1[i], limit, tap_reciprocal[c0 + i])
            gain[i] = _I4(_I4(wrong * gain[i]) >> _I4(3))
        y0 = segment[Y] + first
        for j in range(taps_used[min(z, deepest)]):
            a = coefficients[b, z, j, y0 : y0 + n]
            x = inputs[above + j, c0 : c0 + n]
            for i in range(n):
                c = _I4(a[i] + _I4(_I4(_I4(gain[i] * _I4(x[i])) + _I4(8)) >> _I4(4)))
                a[i] = min(max(c, _I4(-_COEFFICIENT)), _I4(_COEFFICIENT))


@numba.njit(cache=True, nogil=True, inline="always")
def _logarithms(n, table, offset, doubles, out):
    """`medzip.codec.features.log2_fixed` of each number, less an offset, into int32 `out`.

    A double of a whole number below 2^53 is exact: its exponent is floor(log2 n), its fraction the
    digits below the first.
    """
    for i in range(len(out)):
        doubles[i] = _F8(n[i])
    bits = doubles.view(np.int64)
    for i in range(len(out)):
        exponent = (bits[i] >> 52) - 1023
        out[i] = _I4((exponent << 8) + table[(bits[i] >> 46) & 63] - offset)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill(
    store,
    segments,
    count,
    per_slab,
    reach,
    wy,
    steps,
    near,
    near_used,
    px,
    py,
    log_table,
    log_offsets,
    m4,
    spread,
    straight,
    centre,
    total,
    reciprocal,
    tap_total,
    error_count,
    inputs,
    extra,
    columns,
    scratch,
    doubles,
):
    """The inputs of one step that are no errors.

    Parameters
    ----------
    store, segments, count, per_slab, reach, steps, m4, spread
        As in `prepare`.
    wy
        Of the wavefront.
    near, near_used
        Indices of the neighbours that are inputs, and how many exist per number of earlier slices.
    px, py
        int64: `medzip.codec.features.position` of both axes.
    log_table, log_offsets
        For logarithms of the three scales: log2 of the numbers of near neighbours, of errors, of
        taps.
    straight, centre, total, reciprocal, tap_total
        As `correct` has them.
    error_count
        How many errors are inputs.
    inputs, extra
        int8 (inputs, width), written: the first rows, and those from `extra` on. Columns from
        `columns` on are cleared in all rows.
    scratch, doubles
        int32 (3, longest segment), float64 (longest segment).
    """
    origin = reach + wy * reach
    deepest = len(near_used) - 1
    size = len(near)
    near_shift = _I4(_bits(size))
    error_shift = _I4(_bits(error_count))
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
        limit = scratch[0, :n]
        inverse = scratch[1, :n]
        for i in range(n):
            limit[i] = _I4(s[i] + _I4(4 * size))
        _invert(limit, size, inverse)
        for i in range(n):
            limit[i] = _I4(limit[i] << _I4(3)) >> near_shift
        for j in range(near_used[kind]):
            u = _run(store, b, z, row, column, n, steps, near[j])
            q = inputs[j, c0 : c0 + n]
            for i in range(n):
                d = _I4(_I4(u[i]) * _I4(4) - m[i])
                q[i] = _I1(_scaled(d, limit[i], inverse[i]))
        for j in range(near_used[kind], size):
            inputs[j, c0 : c0 + n] = 0
        for i in range(n):
            c = c0 + i
            away = _I4(_I4(_I4(centre[c] - _I4(m[i] * _I4(4))) + _I4(2)) >> _I4(2))
            inputs[extra + 5, c] = _I1(_scaled(away, limit[i], inverse[i]))
        for i in range(n):
            c = c0 + i
            most = _I4(total[c] << _I4(3)) >> error_shift
            inputs[extra + 6, c] = _I1(_scaled(_I4(centre[c] - straight[c]), most, reciprocal[c]))
        d_log = scratch[0, :n]
        e_log = scratch[1, :n]
        x_log = scratch[2, :n]
        for i in range(n):
            d_log[i] = _I4(s[i] + _I4(4 * size))
        some = doubles[:n]
        _logarithms(d_log, log_table, log_offsets[0], some, d_log)
        _logarithms(total[c0 : c0 + n], log_table, log_offsets[1], some, e_log)
        _logarithms(tap_total[c0 : c0 + n], log_table, log_offsets[2], some, x_log)
        for i in range(n):
            c = c0 + i
            inputs[extra, c] = _I1(_limited(_I4(d_log[i] - _I4((6 << 8) - 8)) >> _I4(4)))
            inputs[extra + 1, c] = _I1(_limited(_I4(e_log[i] - d_log[i] + _I4(4)) >> _I4(3)))
            inputs[extra + 2, c] = _I1(_limited(_I4(x_log[i] - e_log[i] + _I4(4)) >> _I4(3)))
        before = 64 if z >= 1 else 0
        two = 64 if z >= 2 else 0
        for i in range(n):
            c = c0 + i
            ax = px[row - origin - wy * (y0 + i)]
            ay = py[y0 + i]
            inputs[extra + 3, c] = before
            inputs[extra + 4, c] = two
            inputs[extra + 7, c] = ax
            inputs[extra + 8, c] = ay
            inputs[extra + 9, c] = ((ax * ax + ay * ay) >> 6) - 64
    for k in range(inputs.shape[0]):
        inputs[k, columns:] = 0


@numba.njit(cache=True, nogil=True, inline="always")
def _limited(q):
    return min(max(q, _I4(-127)), _I4(127))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def advance(
    store,
    rings,
    coefficients,
    t,
    shape,
    wz,
    wy,
    reach,
    steps,
    references,
    nearest,
    nearest_count,
    lists,
    used,
    usable,
    linear,
    limit,
    px,
    py,
    log_table,
    log_offsets,
    segments,
    m4,
    spread,
    flat,
    columns,
    buffer,
    granule,
    scratch,
    doubles,
    count,
    width,
):
    """Learn from the step before, then make the inputs of a step: all of the above in one call.

    Calling a compiled function costs microseconds, and a step of a small slab not many more.

    Parameters
    ----------
    lists, used
        Three int64 arrays each, of near neighbours, errors and taps: indices; how many exist.
    columns
        int32 (7, columns): straight, centre, tap total, tap reciprocal, energy, total, reciprocal.
    buffer
        int8: inputs are made in its first part, as (inputs, width).
    granule
        The width is a multiple of it.
    count, width
        Segments and width of the step before; 0, 0 at first.

    The others are as the kernels above have them.

    Returns
    -------
    tuple of int
        Number of segments, of columns, width.
    """
    near, errors, taps = lists
    near_used, errors_used, taps_used = used
    straight, centre = columns[0], columns[1]
    tap_total, tap_reciprocal, energy = columns[2], columns[3], columns[4]
    total, reciprocal = columns[5], columns[6]
    slabs = store.shape[0]
    above = len(near)
    extra = above + len(errors) + len(taps)
    rows = extra + 10
    if count:
        learn(
            store,
            rings,
            coefficients,
            segments,
            count,
            count // slabs,
            reach,
            taps_used,
            m4,
            straight,
            buffer[: rows * width].reshape(rows, width),
            above + len(errors),
            centre,
            tap_total,
            tap_reciprocal,
            energy,
            _bits(len(taps)),
            scratch,
        )
    count, voxels = prepare(
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
    )
    width = -(-voxels // granule) * granule
    if voxels == 0:
        return count, 0, 0
    inputs = buffer[: rows * width].reshape(rows, width)
    per_slab = count // slabs
    straighten(
        store, segments, count, per_slab, reach, steps, usable, linear, limit, m4, flat, straight
    )
    correct(
        rings,
        coefficients,
        segments,
        count,
        per_slab,
        reach,
        steps,
        taps,
        taps_used,
        errors,
        errors_used,
        wz // wy,
        flat,
        straight,
        inputs,
        above,
        centre,
        tap_total,
        tap_reciprocal,
        energy,
        total,
        reciprocal,
        scratch,
    )
    fill(
        store,
        segments,
        count,
        per_slab,
        reach,
        wy,
        steps,
        near,
        near_used,
        px,
        py,
        log_table,
        log_offsets,
        m4,
        spread,
        straight,
        centre,
        total,
        reciprocal,
        tap_total,
        len(errors),
        inputs,
        extra,
        voxels,
        scratch,
        doubles,
    )
    return count, voxels, width


@numba.njit(cache=True, nogil=True, error_model="numpy")
def choose(store, mask, segments, count, reach, flat, at, values):
    """Columns and values of the voxels of a step that `mask` selects; returns how many.

    One slab; `store` and `mask` are skewed alike, `at` int64 and `values` uint16 are written.
    """
    taken = 0
    for number in range(count):
        segment = segments[number]
        start = segment[Y] + reach
        for i in range(segment[FIRST], segment[LAST]):
            place = segment[Z], segment[ROW], start + i
            if mask[0][place] and not flat[segment[POSITION] + i]:
                at[taken] = segment[COLUMN] + i - segment[FIRST]
                values[taken] = store[0][place]
                taken += 1
    return taken


@numba.njit(cache=True, nogil=True, error_model="numpy")
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


@numba.njit(cache=True, nogil=True, error_model="numpy")
def distributions(
    sums,
    bias,
    shift,
    predicted,
    reciprocal,
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
    predicted, reciprocal
        int32 (columns,): p in 1/16 and 2^26 / its scale, as `correct` wrote them.
    exp_table
        `medzip.codec.tables.exp2_table`.
    centre
        int32 (columns,), written: p rounded.
    weight
        int32 (3, columns), written.
    slope, intercept
        int64 (3, columns), written.
    """
    for c in range(columns):
        centre[c] = _I4(predicted[c] + _I4(8)) >> _I4(4)
    for k in range(3):
        for c in range(columns):
            value = _output(sums, bias, shift, k, c)
            weight[k, c] = min(max(value, _I4(-4096)), _I4(4096))
    for c in range(columns):
        best = max(max(weight[0, c], weight[1, c]), weight[2, c])
        share0 = _exp2(max(_I8(weight[0, c] - best), _I8(-4096)), exp_table)
        share1 = _exp2(max(_I8(weight[1, c] - best), _I8(-4096)), exp_table)
        share2 = _exp2(max(_I8(weight[2, c] - best), _I8(-4096)), exp_table)
        whole = share0 + share1 + share2
        w1 = _I4(_quotient(share1 << 14, whole))
        w2 = _I4(_quotient(share2 << 14, whole))
        weight[0, c] = 16384 - w1 - w2
        weight[1, c] = w1
        weight[2, c] = w2
    for k in range(3):
        for c in range(columns):
            mean = _output(sums, bias, shift, 3 + k, c)
            mean = min(max(mean, _I4(-131072)), _I4(131072))
            scale = _output(sums, bias, shift, 6 + k, c)
            inverse = _exp2(_I8(-min(max(scale, _I4(-1536)), _I4(1536))), exp_table)
            rr = _I8(reciprocal[c]) << 2
            away = _I8(_I4(_I4(centre[c] * _I4(16)) - _I4(8)) - predicted[c])
            start = (away * rr) >> 12
            slope[k, c] = (rr * inverse) >> 8
            intercept[k, c] = (start - _I8(mean << _I4(4))) * inverse


@numba.njit(cache=True, nogil=True, inline="always")
def _output(sums, bias, shift, j, c):
    """Output j of column c: the products with the head's two halves joined; proven below 2^31."""
    return _I4(_I4(_I4(sums[j, c] * _I4(128)) + sums[9 + j, c]) + bias[j]) >> shift[j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
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
