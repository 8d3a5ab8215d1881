"""The inputs of a step that are no errors: differences, logarithms of scales, places (Numba)."""

from __future__ import annotations

import numba
import numpy as np

from medzip.codec.fast.segments import (
    COLUMN,
    F8,
    FIRST,
    I1,
    I4,
    LAST,
    POSITION,
    ROW,
    Y,
    Z,
    invert,
    run,
    scaled_by,
    whole_log2,
)

__all__ = ["fill"]


@numba.njit(cache=True, nogil=True, inline="always")
def _logarithms(n, table, offset, doubles, out):
    """`medzip.codec.plain.features.log2_fixed` of each number, less an offset, into int32 `out`.

    A double of a whole number below 2^53 is exact: its exponent is floor(log2 n), its fraction the
    digits below the first.
    """
    for i in range(len(out)):
        doubles[i] = F8(n[i])
    bits = doubles.view(np.int64)
    for i in range(len(out)):
        exponent = (bits[i] >> 52) - 1023
        out[i] = I4((exponent << 8) + table[(bits[i] >> 46) & 63] - offset)


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
        int64: `medzip.codec.plain.features.position` of both axes.
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
    near_shift = I4(whole_log2(size))
    error_shift = I4(whole_log2(error_count))
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
            limit[i] = I4(s[i] + I4(4 * size))
        invert(limit, size, inverse)
        for i in range(n):
            limit[i] = I4(limit[i] << I4(3)) >> near_shift
        for j in range(near_used[kind]):
            u = run(store, b, z, row, column, n, steps, near[j])
            q = inputs[j, c0 : c0 + n]
            for i in range(n):
                d = I4(I4(u[i]) * I4(4) - m[i])
                q[i] = I1(scaled_by(d, limit[i], inverse[i]))
        for j in range(near_used[kind], size):
            inputs[j, c0 : c0 + n] = 0
        for i in range(n):
            c = c0 + i
            away = I4(I4(I4(centre[c] - I4(m[i] * I4(4))) + I4(2)) >> I4(2))
            inputs[extra + 5, c] = I1(scaled_by(away, limit[i], inverse[i]))
        for i in range(n):
            c = c0 + i
            most = I4(total[c] << I4(3)) >> error_shift
            inputs[extra + 6, c] = I1(scaled_by(I4(centre[c] - straight[c]), most, reciprocal[c]))
        d_log = scratch[0, :n]
        e_log = scratch[1, :n]
        x_log = scratch[2, :n]
        for i in range(n):
            d_log[i] = I4(s[i] + I4(4 * size))
        some = doubles[:n]
        _logarithms(d_log, log_table, log_offsets[0], some, d_log)
        _logarithms(total[c0 : c0 + n], log_table, log_offsets[1], some, e_log)
        _logarithms(tap_total[c0 : c0 + n], log_table, log_offsets[2], some, x_log)
        for i in range(n):
            c = c0 + i
            inputs[extra, c] = I1(_limited(I4(d_log[i] - I4((6 << 8) - 8)) >> I4(4)))
            inputs[extra + 1, c] = I1(_limited(I4(e_log[i] - d_log[i] + I4(4)) >> I4(3)))
            inputs[extra + 2, c] = I1(_limited(I4(x_log[i] - e_log[i] + I4(4)) >> I4(3)))
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
    return min(max(q, I4(-127)), I4(127))
