"""The inputs of a step that are no errors: differences, logarithms of scales, places (Numba)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from medzip.codec.fast.segments import F8, I1, I4, invert, run, scaled_by, trimmed, whole_log2
from medzip.codec.plain.features import EXTRAS, log2_fixed, position
from medzip.codec.tables import log2_table

if TYPE_CHECKING:
    from medzip.codec.fast.layout import Layout
    from medzip.codec.plain.network import Architecture

__all__ = ["Extras", "Scratch", "extras_of", "fill", "rows_of"]

_EXTRAS = len(EXTRAS)


class Extras(NamedTuple):
    """What the inputs beside the neighbours' are looked up in.

    Attributes
    ----------
    px, py
        int64 (width,), (height,): coordinates of columns and rows, -64 .. 64.
    log2
        int64 (64,): `medzip.codec.tables.log2_table`.
    sizes
        int64 (3,): log2 in 1/256 of the numbers of near neighbours, of errors, of taps.
    """

    px: np.ndarray
    py: np.ndarray
    log2: np.ndarray
    sizes: np.ndarray


class Scratch(NamedTuple):
    """Room for a segment's intermediate numbers.

    Attributes
    ----------
    integers
        int32 (3, longest segment + 1).
    doubles
        float64 (longest segment,).
    """

    integers: np.ndarray
    doubles: np.ndarray


def extras_of(form: Architecture, layout: Layout) -> Extras:
    """The lookups for a network of this form and slabs of this layout."""
    _, height, width = layout.shape
    sizes = log2_fixed(np.array([form.near, form.errors, form.taps]))
    return Extras(position(width), position(height), log2_table(), sizes)


@numba.njit(cache=True, nogil=True, inline="always")
def rows_of(neighbours):
    """Rows of the inputs: near neighbours' differences, errors, taps, `EXTRAS`."""
    near, errors, taps = neighbours.near, neighbours.errors, neighbours.taps
    return len(near.indices) + len(errors.indices) + len(taps.indices) + _EXTRAS


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


@numba.njit(cache=True, nogil=True, inline="always")
def _limited(q):
    return min(max(q, I4(-127)), I4(127))


@numba.njit(cache=True, nogil=True, inline="always")
def _differ(store, stretch, neighbours, step, prediction, inputs, scratch):
    """Differences to the mean, that of the prediction, and the correction, each in its scale."""
    n, c0 = stretch.n, stretch.column
    near = neighbours.near
    size = len(near.indices)
    used = near.used[min(stretch.z, len(near.used) - 1)]
    near_shift = I4(whole_log2(size))
    error_shift = I4(whole_log2(len(neighbours.errors.indices)))
    extra = len(inputs) - _EXTRAS
    m = step.m4[stretch.at : stretch.at + n]
    s = step.spread[stretch.at : stretch.at + n]
    limit = scratch.integers[0, :n]
    inverse = scratch.integers[1, :n]
    for i in range(n):
        limit[i] = I4(s[i] + I4(4 * size))
    invert(limit, size, inverse)
    for i in range(n):
        limit[i] = I4(limit[i] << I4(3)) >> near_shift
    for j in range(used):
        u = run(store, stretch, neighbours, near.indices[j])
        q = inputs[j, c0 : c0 + n]
        for i in range(n):
            d = I4(I4(u[i]) * I4(4) - m[i])
            q[i] = I1(scaled_by(d, limit[i], inverse[i]))
    for j in range(used, size):
        inputs[j, c0 : c0 + n] = 0
    p0 = prediction.straight[c0 : c0 + n]
    p = prediction.corrected[c0 : c0 + n]
    q = inputs[extra + 5, c0 : c0 + n]
    for i in range(n):
        away = I4(I4(I4(p[i] - I4(m[i] * I4(4))) + I4(2)) >> I4(2))
        q[i] = I1(scaled_by(away, limit[i], inverse[i]))
    total = prediction.errors.total[c0 : c0 + n]
    inverse = prediction.errors.reciprocal[c0 : c0 + n]
    q = inputs[extra + 6, c0 : c0 + n]
    for i in range(n):
        most = I4(total[i] << I4(3)) >> error_shift
        q[i] = I1(scaled_by(I4(p[i] - p0[i]), most, inverse[i]))


@numba.njit(cache=True, nogil=True, inline="always")
def _compare_scales(stretch, neighbours, step, prediction, extras, inputs, scratch):
    """Logarithms of the scales of differences, of errors to it, and of straight errors to that."""
    n, c0 = stretch.n, stretch.column
    extra = len(inputs) - _EXTRAS
    size = len(neighbours.near.indices)
    s = step.spread[stretch.at : stretch.at + n]
    d_log = scratch.integers[0, :n]
    e_log = scratch.integers[1, :n]
    x_log = scratch.integers[2, :n]
    some = scratch.doubles[:n]
    for i in range(n):
        d_log[i] = I4(s[i] + I4(4 * size))
    _logarithms(d_log, extras.log2, extras.sizes[0], some, d_log)
    _logarithms(prediction.errors.total[c0 : c0 + n], extras.log2, extras.sizes[1], some, e_log)
    _logarithms(prediction.taps.total[c0 : c0 + n], extras.log2, extras.sizes[2], some, x_log)
    d_row = inputs[extra, c0 : c0 + n]
    e_row = inputs[extra + 1, c0 : c0 + n]
    x_row = inputs[extra + 2, c0 : c0 + n]
    for i in range(n):
        d_row[i] = I1(_limited(I4(d_log[i] - I4((6 << 8) - 8)) >> I4(4)))
        e_row[i] = I1(_limited(I4(e_log[i] - d_log[i] + I4(4)) >> I4(3)))
        x_row[i] = I1(_limited(I4(x_log[i] - e_log[i] + I4(4)) >> I4(3)))


@numba.njit(cache=True, nogil=True, inline="always")
def _locate(stretch, layout, extras, inputs):
    """Whether there are slices before, and where in its slice each voxel lies."""
    n = stretch.n
    extra = len(inputs) - _EXTRAS
    rows = inputs[extra:, stretch.column : stretch.column + n]
    rows[3, :] = 64 if stretch.z >= 1 else 0
    rows[4, :] = 64 if stretch.z >= 2 else 0
    last = stretch.row - layout.origin - layout.wy * stretch.y
    py = extras.py[stretch.y : stretch.y + n]
    x_row, y_row, far_row = rows[7], rows[8], rows[9]
    for i in range(n):
        ax = extras.px[last - layout.wy * i]
        ay = py[i]
        x_row[i] = ax
        y_row[i] = ay
        far_row[i] = ((ax * ax + ay * ay) >> 6) - 64


@numba.njit(cache=True, nogil=True, error_model="numpy")
def fill(store, layout, neighbours, step, prediction, extras, inputs, scratch):
    """The inputs of one step that are no errors.

    Parameters
    ----------
    store, layout, neighbours, step
        As `medzip.codec.fast.prediction.prepare` has and leaves them.
    prediction
        As `medzip.codec.fast.correction.correct` left it.
    extras
        `extras_of`.
    inputs
        int8 (`rows_of`, width), written: the first rows and the last.
    scratch
        Overwritten.
    """
    for number in range(len(step.segments)):
        stretch = trimmed(step, number, layout)
        if stretch.n <= 0:
            continue
        _differ(store, stretch, neighbours, step, prediction, inputs, scratch)
        _compare_scales(stretch, neighbours, step, prediction, extras, inputs, scratch)
        _locate(stretch, layout, extras, inputs)
