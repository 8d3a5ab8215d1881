"""Voxels to words and back on the host, from what a device computed of them (Numba).

The order of symbols, the intervals and the adaptive bits are those of `medzip.codec.fast.coder`,
whose functions do the work; only where the numbers of a voxel lie differs. A device computes the
voxels of a step in *lanes* (slab, slice, place in the segment), some of which hold no voxel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

from medzip.codec.fast.coder import (
    adapt,
    decode_bit,
    decode_miss,
    encode_bit,
    encode_miss,
    flat_context,
    stream,
)
from medzip.codec.fast.distribution import FULL, Mixture, find
from medzip.codec.fast.layout import segment_of
from medzip.codec.fast.rangecoder import consume, encode, quantile

if TYPE_CHECKING:
    from medzip.codec.fast.coder import Coder
    from medzip.codec.fast.distribution import Logistic
    from medzip.codec.fast.layout import Layout

__all__ = ["FLAT", "FLAT_QUIET", "PARAMETERS", "Lanes", "decode_lanes", "encode_lanes"]

PARAMETERS = 9
"""Numbers that decoding needs of a voxel; see `Lanes`."""
FLAT, FLAT_QUIET = -1, -2
"""Marks of a flat context; quiet: all nearest neighbours are equal, not only the first twelve."""
I8 = np.int64


class Lanes(NamedTuple):
    """What slabs are decoded from, step by step, and to.

    Attributes
    ----------
    layout
        Of every slab.
    numbers
        int32 (9, slabs, depth, longest segment): of each voxel of the step p in 1/16; 2^24 / unit;
        three inverse scales; three means; the second weight and 2^15 times the third. In flat
        contexts the last is a mark, and p is 16 times the reference.
    values
        uint16 (slabs, depth, longest segment), written: the voxels of the step.
    volume
        uint16 (slabs, depth, height, width), written.
    coder
        The words.
    logistic
        As everywhere.
    """

    layout: Layout
    numbers: np.ndarray
    values: np.ndarray
    volume: np.ndarray
    coder: Coder
    logistic: Logistic


@numba.njit(cache=True, nogil=True)
def encode_lanes(pairs, b, t0, steps, layout, out, position):
    """Code some steps of one slab.

    Parameters
    ----------
    pairs
        int32 (steps or more, 2, slabs, depth, longest segment): the cumulative count below a value
        and the count of it; in flat contexts the mark less twice the reference, and the value.
    b
        The slab.
    t0, steps
        The first step, and how many.
    layout
        Of the slab.
    out
        Its `medzip.codec.fast.coder.Stream`, with room for these steps.
    position
        Words written.

    Returns
    -------
    int
        Words written.
    """
    limit, state, bits, words = out
    for step in range(steps):
        for z in range(layout.shape[0]):
            _, n = segment_of(layout, t0 + step, z)
            left_row = pairs[step, 0, b, z]
            count_row = pairs[step, 1, b, z]
            for i in range(n):
                left = I8(left_row[i])
                count = I8(count_row[i])
                if left >= 0:
                    position = encode(state, words, position, left, count)
                    continue
                if limit == 1:
                    continue
                reference = (-left - 1) >> 1
                context = flat_context((-left - 1) & 1, reference)
                same = count == reference
                position = encode_bit(state, words, position, bits[context], same)
                bits[context] = adapt(bits[context], same)
                if not same:
                    position = encode_miss(out, position, count, reference)
    return position


@numba.njit(cache=True, nogil=True, inline="always")
def _mixture(numbers, b, z, i, limit):
    """The distribution of a voxel from its `numbers`."""
    p = I8(numbers[0, b, z, i])
    unit = I8(numbers[1, b, z, i])
    r0, r1, r2 = I8(numbers[2, b, z, i]), I8(numbers[3, b, z, i]), I8(numbers[4, b, z, i])
    m0, m1, m2 = I8(numbers[5, b, z, i]), I8(numbers[6, b, z, i]), I8(numbers[7, b, z, i])
    shares = I8(numbers[8, b, z, i])
    middle = (p + 8) >> 4
    start = ((16 * middle - 8 - p) * unit) >> 12
    w1 = shares & 32767
    w2 = shares >> 15
    return Mixture(
        limit,
        middle,
        16384 - w1 - w2,
        w1,
        w2,
        (unit * r0) >> 8,
        (unit * r1) >> 8,
        (unit * r2) >> 8,
        (start - (m0 << 4)) * r0,
        (start - (m1 << 4)) * r1,
        (start - (m2 << 4)) * r2,
    )


@numba.njit(cache=True, nogil=True)
def decode_lanes(lanes, t, first, last):
    """Decode one step of some slabs.

    Parameters
    ----------
    lanes
        Held `Lanes`, with the numbers of the step.
    t
        The step.
    first, last
        Which slabs: from the first to before the last.

    Returns
    -------
    bool
        Whether all of it could have been written by an encoder.
    """
    layout, coder, logistic = lanes.parts.layout, lanes.parts.coder, lanes.parts.logistic
    numbers, values, volume = lanes.parts.numbers, lanes.parts.values, lanes.parts.volume
    for b in range(first, last):
        source = stream(coder, b)
        limit, state, bits, words = source
        position = coder.positions[b]
        for z in range(layout.shape[0]):
            y0, n = segment_of(layout, t, z)
            for i in range(n):
                mark = numbers[8, b, z, i]
                if mark < 0:
                    reference = I8(numbers[0, b, z, i]) >> 4
                    value = reference
                    if limit > 1:
                        context = flat_context(mark == FLAT_QUIET, reference)
                        position, same = decode_bit(state, words, position, bits[context])
                        bits[context] = adapt(bits[context], same)
                        if not same:
                            position, value = decode_miss(source, position, reference)
                else:
                    target = quantile(state)
                    if target >= FULL:
                        return False
                    voxel = _mixture(numbers, b, z, i, limit)
                    value, left, right = find(voxel, target, logistic)
                    position = consume(state, words, position, left, right - left)
                if value < 0:
                    return False
                y = y0 + i
                values[b, z, i] = value
                volume[b, z, y, t - layout.wz * z - layout.wy * y] = value
        coder.positions[b] = position
    return True
