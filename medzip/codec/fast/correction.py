"""The adaptive correction of one step of all slabs: `correct` before, `learn` after coding (Numba).

The integers of `medzip.codec.plain.adaptive`.
"""

from __future__ import annotations

import numba

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
    invert,
    quotient,
    ring_run,
    scaled_by,
    whole_log2,
)
from medzip.codec.plain.adaptive import COEFFICIENT_LIMIT, PREDICTION_LIMIT

__all__ = ["correct", "learn"]


@numba.njit(cache=True, nogil=True, inline="always")
def _error_total(ring, b, z, row, column, n, steps, chosen, used, total):
    """Sum of |errors| at the chosen neighbours, plus half a voxel unit for each, into `total`."""
    for i in range(n):
        total[i] = 0
    for j in range(used):
        e = ring_run(ring, b, z, row, column, n, steps, chosen[j])
        for i in range(n):
            total[i] += max(e[i], I4(-e[i]))
    size = len(chosen)
    if used != size:
        for i in range(n):
            total[i] = I4(I8(total[i]) * size // used)
    floor = I4(8 * size)
    for i in range(n):
        total[i] += floor


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
    tap_shift = I4(whole_log2(tap_count))
    error_shift = I4(whole_log2(error_count))
    share = I8((1 << 20) // tap_count)
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
        invert(whole, tap_count, inverse)
        some_flat = False
        for i in range(n):
            limit[i] = I4(whole[i] << I4(3)) >> tap_shift
            power[i] = tap_count
            sums[i] = 0
            # flat voxels have inputs of 0, and learn nothing
            inverse[i] = I4(0) if f[i] else inverse[i]
            some_flat |= f[i] != 0
        known = 0
        if z > 0:
            known = max(0, min(n, height - ahead - y0))
        for j in range(used):
            e = ring_run(rings[0], b, z, row, column, n, steps, taps[j])
            x = inputs[above + error_count + j, c0 : c0 + n]
            for i in range(n):
                q = scaled_by(e[i], limit[i], inverse[i])
                power[i] = I4(power[i] + I4(q * q))
                x[i] = I1(q)
            mine = coefficients[b, z, j]
            a = mine[y0 : y0 + n]
            old[0] = mine[max(y0 - 1, 0)]
            for i in range(n):
                old[i + 1] = a[i]
            before = coefficients[b, max(z - 1, 0), j, y0 + ahead : y0 + ahead + known]
            for i in range(known):
                c = I4(old[i + 1] + I4(I4(old[i] - old[i + 1]) >> I4(2)))
                c = I4(c + I4(I4(before[i] - c) >> I4(3)))
                a[i] = c
                sums[i] = I4(sums[i] + I4(c * I4(x[i])))
            for i in range(known, n):
                c = I4(old[i + 1] + I4(I4(old[i] - old[i + 1]) >> I4(2)))
                a[i] = c
                sums[i] = I4(sums[i] + I4(c * I4(x[i])))
            if some_flat:
                for i in range(n):
                    a[i] = old[i + 1] if f[i] else a[i]
        for j in range(used, tap_count):
            inputs[above + error_count + j, c0 : c0 + n] = 0
        p0 = straight[c0 : c0 + n]
        p = centre[c0 : c0 + n]
        for i in range(n):
            unit = (I8(whole[i]) * share) >> 20
            change = (I8(sums[i]) * unit + (1 << 19)) >> 20
            p[i] = I4(min(max(I8(p0[i]) + change, I8(0)), I8(PREDICTION_LIMIT)))
        whole = total[c0 : c0 + n]
        inverse = reciprocal[c0 : c0 + n]
        used = errors_used[kind]
        _error_total(rings[1], b, z, row, column, n, steps, errors, used, whole)
        invert(whole, error_count, inverse)
        for i in range(n):
            limit[i] = I4(whole[i] << I4(3)) >> error_shift
        for j in range(used):
            e = ring_run(rings[1], b, z, row, column, n, steps, errors[j])
            x = inputs[above + j, c0 : c0 + n]
            for i in range(n):
                x[i] = I1(scaled_by(e[i], limit[i], inverse[i]))
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
            e0[i] = I4(I4(values[i]) * I4(16) - m4[position + i] * I4(4))
            e1[i] = e0[i]
        for i in range(max(first, last), n):
            e0[i] = I4(I4(values[i]) * I4(16) - m4[position + i] * I4(4))
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
            v = I4(I4(values[i]) * I4(16))
            e0[i] = I4(v - p0[i])
            e1[i] = I4(v - p[i])
        gain = scratch[0, :n]
        for i in range(n):
            gain[i] = I4(quotient(1 << 22, energy[c0 + i]))
        for i in range(n):
            limit = I4(tap_total[c0 + i] << I4(3)) >> I4(tap_shift)
            wrong = scaled_by(e1[i], limit, tap_reciprocal[c0 + i])
            gain[i] = I4(I4(wrong * gain[i]) >> I4(3))
        y0 = segment[Y] + first
        for j in range(taps_used[min(z, deepest)]):
            a = coefficients[b, z, j, y0 : y0 + n]
            x = inputs[above + j, c0 : c0 + n]
            for i in range(n):
                c = I4(a[i] + I4(I4(I4(gain[i] * I4(x[i])) + I4(8)) >> I4(4)))
                a[i] = min(max(c, I4(-COEFFICIENT_LIMIT)), I4(COEFFICIENT_LIMIT))
