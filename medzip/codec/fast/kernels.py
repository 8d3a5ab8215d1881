"""One step of the wavefront, and what stands around the matrix products (Numba).

`advance` leaves the inputs of a step, `activate` joins the layers, `distributions` ends them. They
compute the integers that `medzip.codec.plain.adaptive`, `network` and `mixture` define. Python
calls these few, with all that they share as one held `medzip.codec.fast.work.Work`.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from medzip.codec.fast.correction import correct, learn
from medzip.codec.fast.inputs import fill, rows_of
from medzip.codec.fast.prediction import prepare, straighten
from medzip.codec.fast.products import GRANULE
from medzip.codec.fast.segments import I1, I4, I8, filled, quotient, trimmed, whole

__all__ = ["Head", "activate", "advance", "choose", "distributions", "expect"]


class Head(NamedTuple):
    """What follows the products of the network's last layer.

    Attributes
    ----------
    bias, shift
        int32 (9,): of each output.
    exp2
        int64 (256,): `medzip.codec.tables.exp2_table`.
    """

    bias: np.ndarray
    shift: np.ndarray
    exp2: np.ndarray


@numba.njit(cache=True, nogil=True, inline="always")
def _inputs(buffer, neighbours, width):
    """Where the inputs of so many columns are made: int8 (inputs, width)."""
    rows = rows_of(neighbours)
    return buffer[: rows * width].reshape(rows, width)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def advance(work, t, count, width):
    """Learn from the step before, then make the inputs of a step: all of the above in one call.

    Calling a compiled function costs a good part of a microsecond, and a step of a small slab not
    much more.

    Parameters
    ----------
    work
        Held `medzip.codec.fast.work.Work`; the step before is in its store.
    t
        The step.
    count, width
        Segments and width of the step before; 0, 0 at first.

    Returns
    -------
    tuple of int
        Number of segments, of columns, width: a multiple of `GRANULE`.
    """
    store, errors, layout = work.parts.store, work.parts.errors, work.parts.layout
    neighbours, prediction = work.parts.neighbours, work.parts.prediction
    room, buffer, scratch = work.parts.step, work.parts.buffer, work.parts.scratch
    rows = scratch.integers
    if count:
        step = filled(room, count)
        inputs = _inputs(buffer, neighbours, width)
        learn(store, errors, layout, neighbours, step, prediction, inputs, rows)
    count, columns = prepare(store, errors, t, layout, neighbours, room)
    width = -(-columns // GRANULE) * GRANULE
    if columns == 0:
        return count, 0, 0
    step = filled(room, count)
    inputs = _inputs(buffer, neighbours, width)
    straighten(store, layout, neighbours, work.parts.linear, step, prediction.straight)
    correct(errors, layout, neighbours, step, prediction, inputs, rows)
    fill(store, layout, neighbours, step, prediction, work.parts.extras, inputs, scratch)
    inputs[:, columns:] = 0
    return count, columns, width


@numba.njit(cache=True, nogil=True, error_model="numpy")
def choose(work, mask, count, at, values):
    """Columns and values of the voxels of a step that `mask` selects; returns how many.

    One slab of `count` segments; the store and `mask` are skewed alike, `at` int64 and `values`
    uint16 are written.
    """
    store, layout = work.parts.store, work.parts.layout
    step = filled(work.parts.step, count)
    taken = 0
    for number in range(count):
        stretch = trimmed(step, number, layout)
        for i in range(stretch.n):
            place = stretch.z, stretch.row, stretch.start + i
            if mask[0][place] and not step.flat[stretch.at + i]:
                at[taken] = stretch.column + i
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
def distributions(work, sums, columns):
    """Head outputs to the distributions of every column.

    Parameters
    ----------
    work
        As `advance` left it; the distribution is written.
    sums
        int32 (18, width): products with the high halves of the head's weights, then the low.
    columns
        How many.
    """
    head = work.parts.head
    centre, weight, slope, intercept = work.parts.distribution
    predicted = work.parts.prediction.corrected
    reciprocal = work.parts.prediction.errors.reciprocal
    for c in range(columns):
        centre[c] = I4(predicted[c] + I4(8)) >> I4(4)
    for k in range(3):
        for c in range(columns):
            value = _output(sums, head, k, c)
            weight[k, c] = min(max(value, I4(-4096)), I4(4096))
    for c in range(columns):
        best = max(max(weight[0, c], weight[1, c]), weight[2, c])
        share0 = _exp2(max(I8(weight[0, c] - best), I8(-4096)), head.exp2)
        share1 = _exp2(max(I8(weight[1, c] - best), I8(-4096)), head.exp2)
        share2 = _exp2(max(I8(weight[2, c] - best), I8(-4096)), head.exp2)
        whole = share0 + share1 + share2
        w1 = I4(quotient(share1 << 14, whole))
        w2 = I4(quotient(share2 << 14, whole))
        weight[0, c] = 16384 - w1 - w2
        weight[1, c] = w1
        weight[2, c] = w2
    for k in range(3):
        for c in range(columns):
            mean = _output(sums, head, 3 + k, c)
            mean = min(max(mean, I4(-131072)), I4(131072))
            scale = _output(sums, head, 6 + k, c)
            inverse = _exp2(I8(-min(max(scale, I4(-1536)), I4(1536))), head.exp2)
            rr = I8(reciprocal[c]) << 2
            away = I8(I4(I4(centre[c] * I4(16)) - I4(8)) - predicted[c])
            start = (away * rr) >> 12
            slope[k, c] = (rr * inverse) >> 8
            intercept[k, c] = (start - I8(mean << I4(4))) * inverse


@numba.njit(cache=True, nogil=True, inline="always")
def _output(sums, head, j, c):
    """Output j of column c: the products with the head's two halves joined; proven below 2^31."""
    both = I4(I4(sums[j, c] * I4(128)) + sums[9 + j, c])
    return I4(both + head.bias[j]) >> head.shift[j]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def expect(work, count, predicted):
    """Means of the distributions of one slab's step, rounded, into int32 (z, y, x).

    For pictures: nothing is coded with them, so they are made in floating point.
    """
    layout = work.parts.layout
    step = filled(work.parts.step, count)
    centre, weight, slope, intercept = work.parts.distribution
    for number in range(count):
        segment = whole(step, number, layout)
        for i in range(segment.n):
            y = segment.y + i
            x = segment.row - layout.origin - layout.wy * y
            if step.flat[segment.at + i]:
                predicted[segment.z, y, x] = step.m4[segment.at + i] >> 2
                continue
            c = segment.column + i
            mean = 0.0
            for k in range(3):
                # t = 0 at v - 1/2: the edge below a voxel lies half a unit under its value
                mean -= weight[k, c] * (intercept[k, c] / slope[k, c])
            predicted[segment.z, y, x] = centre[c] + np.int32(np.rint(mean / 16384.0 - 0.5))
