"""The adaptive correction of one step of all slabs: `correct` before, `learn` after coding (Numba).

The integers of `medzip.codec.plain.adaptive`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from medzip.codec.fast.segments import (
    I1,
    I4,
    I8,
    invert,
    quotient,
    ring_run,
    scaled_by,
    trimmed,
    whole,
    whole_log2,
)
from medzip.codec.plain.adaptive import COEFFICIENT_LIMIT, PREDICTION_LIMIT

__all__ = ["Errors", "correct", "errors_of", "learn"]


class Errors(NamedTuple):
    """Errors of the last steps, and what the correction has learnt from all errors.

    Attributes
    ----------
    straight, corrected
        int32 (slabs, depth, ring rows, columns): 16 v - p0 and 16 v - p, 0 where no voxel is; the
        last rows of the store, a power of two of them.
    coefficients
        int32 (slabs, depth, taps, height): the correction's, 2^-16.
    """

    straight: np.ndarray
    corrected: np.ndarray
    coefficients: np.ndarray


def errors_of(store: np.ndarray, oldest: int, taps: int, height: int) -> Errors:
    """Nothing learnt yet: rings beside a store that reach `oldest` steps back."""
    slabs, depth, _, columns = store.shape
    rings = np.zeros((2, slabs, depth, 1 << oldest.bit_length(), columns), dtype=np.int32)
    return Errors(rings[0], rings[1], np.zeros((slabs, depth, taps, height), dtype=np.int32))


@numba.njit(cache=True, nogil=True, inline="always")
def _error_total(ring, stretch, neighbours, chosen, used, total):
    """Sum of |errors| at the chosen neighbours, plus half a voxel unit for each, into `total`."""
    n = stretch.n
    for i in range(n):
        total[i] = 0
    for j in range(used):
        e = ring_run(ring, stretch, neighbours, chosen.indices[j])
        for i in range(n):
            total[i] += max(e[i], I4(-e[i]))
    size = len(chosen.indices)
    if used != size:
        for i in range(n):
            total[i] = I4(I8(total[i]) * size // used)
    floor = I4(8 * size)
    for i in range(n):
        total[i] += floor


@numba.njit(cache=True, nogil=True, inline="always")
def _mix(own, before, old, x, sums):
    """Draw one tap's coefficients to those of the row above and of the slice before.

    Parameters
    ----------
    own
        int32 (n,), moved.
    before
        int32 (n or fewer,): of the slice before, as far as it has such rows.
    old
        int32 (n + 1,): of the row above the first, then `own` as it was.
    x, sums
        int8 and int32 (n,): the tap's inputs; coefficient times input is added to the sums.
    """
    known = len(before)
    for i in range(known):
        c = I4(old[i + 1] + I4(I4(old[i] - old[i + 1]) >> I4(2)))
        c = I4(c + I4(I4(before[i] - c) >> I4(3)))
        own[i] = c
        sums[i] = I4(sums[i] + I4(c * I4(x[i])))
    for i in range(known, len(own)):
        c = I4(old[i + 1] + I4(I4(old[i] - old[i + 1]) >> I4(2)))
        own[i] = c
        sums[i] = I4(sums[i] + I4(c * I4(x[i])))


@numba.njit(cache=True, nogil=True, inline="always")
def _correct_by_taps(errors, stretch, layout, neighbours, f, prediction, inputs, scratch):
    """The corrected prediction of a stretch, whose flat voxels are marked in `f`."""
    z, y, n, c = stretch.z, stretch.y, stretch.n, stretch.column
    taps = neighbours.taps
    size = len(taps.indices)
    used = taps.used[min(z, len(taps.used) - 1)]
    above = len(neighbours.near.indices) + len(neighbours.errors.indices)
    shift = I4(whole_log2(size))
    share = I8((1 << 20) // size)
    total = prediction.taps.total[c : c + n]
    inverse = prediction.taps.reciprocal[c : c + n]
    energy = prediction.energy[c : c + n]
    old = scratch[0, : n + 1]
    limit = scratch[1, :n]
    sums = scratch[2, :n]
    _error_total(errors.straight, stretch, neighbours, taps, used, total)
    invert(total, size, inverse)
    some_flat = False
    for i in range(n):
        limit[i] = I4(total[i] << I4(3)) >> shift
        energy[i] = size
        sums[i] = 0
        # flat voxels have inputs of 0, and learn nothing
        inverse[i] = I4(0) if f[i] else inverse[i]
        some_flat |= f[i] != 0
    # how many rows further on the slice before is at the same place, and how many it has there
    ahead = layout.wz // layout.wy
    known = 0
    if z > 0:
        known = max(0, min(n, layout.shape[1] - ahead - y))
    for j in range(used):
        e = ring_run(errors.straight, stretch, neighbours, taps.indices[j])
        x = inputs[above + j, c : c + n]
        for i in range(n):
            q = scaled_by(e[i], limit[i], inverse[i])
            energy[i] = I4(energy[i] + I4(q * q))
            x[i] = I1(q)
        rows = errors.coefficients[stretch.slab, z, j]
        own = rows[y : y + n]
        old[0] = rows[max(y - 1, 0)]
        for i in range(n):
            old[i + 1] = own[i]
        start = y + ahead
        before = errors.coefficients[stretch.slab, max(z - 1, 0), j, start : start + known]
        _mix(own, before, old, x, sums)
        if some_flat:
            for i in range(n):
                own[i] = old[i + 1] if f[i] else own[i]
    for j in range(used, size):
        inputs[above + j, c : c + n] = 0
    p0 = prediction.straight[c : c + n]
    p = prediction.corrected[c : c + n]
    for i in range(n):
        unit = (I8(total[i]) * share) >> 20
        change = (I8(sums[i]) * unit + (1 << 19)) >> 20
        p[i] = I4(min(max(I8(p0[i]) + change, I8(0)), I8(PREDICTION_LIMIT)))


@numba.njit(cache=True, nogil=True, inline="always")
def _scale_errors(errors, stretch, neighbours, scale, inputs, limit):
    """The scale of the errors that remained around a stretch, and those errors as inputs."""
    n, c = stretch.n, stretch.column
    chosen = neighbours.errors
    size = len(chosen.indices)
    used = chosen.used[min(stretch.z, len(chosen.used) - 1)]
    above = len(neighbours.near.indices)
    shift = I4(whole_log2(size))
    total = scale.total[c : c + n]
    inverse = scale.reciprocal[c : c + n]
    _error_total(errors.corrected, stretch, neighbours, chosen, used, total)
    invert(total, size, inverse)
    for i in range(n):
        limit[i] = I4(total[i] << I4(3)) >> shift
    for j in range(used):
        e = ring_run(errors.corrected, stretch, neighbours, chosen.indices[j])
        x = inputs[above + j, c : c + n]
        for i in range(n):
            x[i] = I1(scaled_by(e[i], limit[i], inverse[i]))
    for j in range(used, size):
        inputs[above + j, c : c + n] = 0


@numba.njit(cache=True, nogil=True, error_model="numpy")
def correct(errors, layout, neighbours, step, prediction, inputs, scratch):
    """The corrected prediction of every column, and the inputs that are errors.

    Parameters
    ----------
    errors
        Read; the coefficients of the step's rows are moved.
    layout, neighbours, step
        Where voxels lie, what they see, and what `medzip.codec.fast.prediction.prepare` found.
    prediction
        With `straight` in place; the rest is written.
    inputs
        int8 (inputs, width), of which the rows of errors, then of taps are written.
    scratch
        int32 (3, longest segment + 1).
    """
    # backwards, so that the slice before still has its coefficients of the step before
    for number in range(len(step.segments) - 1, -1, -1):
        stretch = trimmed(step, number, layout)
        if stretch.n <= 0:
            continue
        flat = step.flat[stretch.at : stretch.at + stretch.n]
        _correct_by_taps(errors, stretch, layout, neighbours, flat, prediction, inputs, scratch)
        limit = scratch[1, : stretch.n]
        _scale_errors(errors, stretch, neighbours, prediction.errors, inputs, limit)


@numba.njit(cache=True, nogil=True, inline="always")
def _note(values, m4, straight, corrected):
    """Errors of flat voxels, which are predicted by their mean."""
    for i in range(len(values)):
        straight[i] = I4(I4(values[i]) * I4(16) - m4[i] * I4(4))
        corrected[i] = straight[i]


@numba.njit(cache=True, nogil=True, inline="always")
def _adapt(coefficients, wrong, stretch, neighbours, prediction, inputs, gain):
    """Move the coefficients (taps, n) of a stretch by what was wrong, int32 (n,)."""
    n, c0 = stretch.n, stretch.column
    taps = neighbours.taps
    above = len(neighbours.near.indices) + len(neighbours.errors.indices)
    shift = I4(whole_log2(len(taps.indices)))
    for i in range(n):
        gain[i] = I4(quotient(1 << 22, prediction.energy[c0 + i]))
    for i in range(n):
        limit = I4(prediction.taps.total[c0 + i] << I4(3)) >> shift
        q = scaled_by(wrong[i], limit, prediction.taps.reciprocal[c0 + i])
        gain[i] = I4(I4(q * gain[i]) >> I4(3))
    for j in range(taps.used[min(stretch.z, len(taps.used) - 1)]):
        a = coefficients[j, stretch.y : stretch.y + n]
        x = inputs[above + j, c0 : c0 + n]
        for i in range(n):
            c = I4(a[i] + I4(I4(I4(gain[i] * I4(x[i])) + I4(8)) >> I4(4)))
            a[i] = min(max(c, I4(-COEFFICIENT_LIMIT)), I4(COEFFICIENT_LIMIT))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def learn(store, errors, layout, neighbours, step, prediction, inputs, scratch):
    """Errors of a step into the rings, and what the correction learns from them.

    Parameters
    ----------
    store
        With the values of this step in place.
    errors
        Written.

    The others are as `correct` has and leaves them.
    """
    mask = errors.straight.shape[2] - 1
    for number in range(len(step.segments)):
        segment = whole(step, number, layout)
        b, z, row, start, n = segment.slab, segment.z, segment.row, segment.start, segment.n
        values = store[b, z, row, start : start + n]
        m4 = step.m4[segment.at : segment.at + n]
        e0 = errors.straight[b, z, row & mask, start : start + n]
        e1 = errors.corrected[b, z, row & mask, start : start + n]
        stretch = trimmed(step, number, layout)
        first = stretch.at - segment.at
        last = first + stretch.n
        _note(values[:first], m4[:first], e0[:first], e1[:first])
        _note(values[last:], m4[last:], e0[last:], e1[last:])
        if stretch.n <= 0:
            continue
        p0 = prediction.straight[stretch.column : stretch.column + stretch.n]
        p = prediction.corrected[stretch.column : stretch.column + stretch.n]
        values, e0, e1 = values[first:last], e0[first:last], e1[first:last]
        for i in range(stretch.n):
            v = I4(I4(values[i]) * I4(16))
            e0[i] = I4(v - p0[i])
            e1[i] = I4(v - p[i])
        gain = scratch[0, : stretch.n]
        _adapt(errors.coefficients[b, z], e1, stretch, neighbours, prediction, inputs, gain)
