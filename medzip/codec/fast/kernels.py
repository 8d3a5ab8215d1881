"""One step of the wavefront, and what stands around the matrix products (Numba).

`advance` leaves the inputs of a step, `activate` joins the layers, `distributions` ends them. They
compute the integers that `medzip.codec.plain.adaptive`, `network` and `mixture` define.
"""

from __future__ import annotations

import numba
import numpy as np

from medzip.codec.fast.correction import correct, learn
from medzip.codec.fast.inputs import fill
from medzip.codec.fast.prediction import prepare, straighten
from medzip.codec.fast.segments import (
    COLUMN,
    FIRST,
    I1,
    I4,
    I8,
    LAST,
    LENGTH,
    POSITION,
    ROW,
    Y,
    Z,
    quotient,
    whole_log2,
)

__all__ = ["activate", "advance", "choose", "distributions", "expect"]


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
            whole_log2(len(taps)),
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
            a = I4(a_row[i] + b) >> s
            y[i] = I1(min(max(I4(a), I4(0)), I4(127)))


@numba.njit(cache=True, nogil=True, inline="always")
def _exp2(x, table):
    """`medzip.codec.plain.mixture.exp2_fixed` of one number."""
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
        centre[c] = I4(predicted[c] + I4(8)) >> I4(4)
    for k in range(3):
        for c in range(columns):
            value = _output(sums, bias, shift, k, c)
            weight[k, c] = min(max(value, I4(-4096)), I4(4096))
    for c in range(columns):
        best = max(max(weight[0, c], weight[1, c]), weight[2, c])
        share0 = _exp2(max(I8(weight[0, c] - best), I8(-4096)), exp_table)
        share1 = _exp2(max(I8(weight[1, c] - best), I8(-4096)), exp_table)
        share2 = _exp2(max(I8(weight[2, c] - best), I8(-4096)), exp_table)
        whole = share0 + share1 + share2
        w1 = I4(quotient(share1 << 14, whole))
        w2 = I4(quotient(share2 << 14, whole))
        weight[0, c] = 16384 - w1 - w2
        weight[1, c] = w1
        weight[2, c] = w2
    for k in range(3):
        for c in range(columns):
            mean = _output(sums, bias, shift, 3 + k, c)
            mean = min(max(mean, I4(-131072)), I4(131072))
            scale = _output(sums, bias, shift, 6 + k, c)
            inverse = _exp2(I8(-min(max(scale, I4(-1536)), I4(1536))), exp_table)
            rr = I8(reciprocal[c]) << 2
            away = I8(I4(I4(centre[c] * I4(16)) - I4(8)) - predicted[c])
            start = (away * rr) >> 12
            slope[k, c] = (rr * inverse) >> 8
            intercept[k, c] = (start - I8(mean << I4(4))) * inverse


@numba.njit(cache=True, nogil=True, inline="always")
def _output(sums, bias, shift, j, c):
    """Output j of column c: the products with the head's two halves joined; proven below 2^31."""
    return I4(I4(I4(sums[j, c] * I4(128)) + sums[9 + j, c]) + bias[j]) >> shift[j]


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
