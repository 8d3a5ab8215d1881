"""Voxels to words and back on the host, from what a device computed of them (Numba).

The order of symbols, the intervals and the adaptive bits are those of `medzip.codec.fast.coder`,
whose functions do the work; only where the numbers of a voxel lie differs. A device computes the
voxels of a step in *lanes* (slab, slice, place in the segment), some of which hold no voxel.
"""

from __future__ import annotations

import numba
import numpy as np

from medzip.codec.fast.coder import adapt, decode_bit, decode_miss, encode_bit, encode_miss, find
from medzip.codec.fast.rangecoder import consume, encode, quantile
from medzip.codec.tables import PRECISION

__all__ = ["FLAT", "FLAT_QUIET", "PARAMETERS", "decode_lanes", "encode_lanes"]

PARAMETERS = 9
"""Numbers that decoding needs of a voxel; see `decode_lanes`."""
FLAT, FLAT_QUIET = -1, -2
"""Marks of a flat context; quiet: all nearest neighbours are equal, not only the first twelve."""
_FULL = 1 << PRECISION


@numba.njit(cache=True, nogil=True, inline="always")
def _segment(t, z, height, width, wz, wy):
    """First y and number of voxels of a step in a slice."""
    tau = t - wz * z
    y0 = max(0, (tau - width + wy) // wy)
    y1 = min(height - 1, tau // wy)
    return y0, y1 - y0 + 1


@numba.njit(cache=True, nogil=True)
def encode_lanes(pairs, b, t0, steps, shape, wz, wy, limit, state, bits, words, position):
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
    shape, wz, wy
        As in `medzip.codec.fast.layout.Layout`.
    limit
        N of the slab.
    state, bits, words, position
        Coder state, adaptive bits, uint32 words with room for these steps, words written.

    Returns
    -------
    int
        Words written.
    """
    depth, height, width = shape
    for step in range(steps):
        for z in range(depth):
            _, n = _segment(t0 + step, z, height, width, wz, wy)
            left_row = pairs[step, 0, b, z]
            count_row = pairs[step, 1, b, z]
            for i in range(n):
                left = np.int64(left_row[i])
                count = np.int64(count_row[i])
                if left >= 0:
                    position = encode(state, words, position, left, count)
                    continue
                if limit == 1:
                    continue
                quiet = (-left - 1) & 1
                reference = (-left - 1) >> 1
                context = quiet + (2 if reference == 0 else 0)
                same = count == reference
                position = encode_bit(state, words, position, bits[context], same)
                bits[context] = adapt(bits[context], same)
                if not same:
                    position = encode_miss(state, words, position, bits, count, reference, limit)
    return position


@numba.njit(cache=True, nogil=True)
def decode_lanes(
    parameters,
    t,
    first,
    last,
    wz,
    wy,
    limits,
    values,
    volume,
    table,
    logits,
    state,
    bits,
    words,
    positions,
):
    """Decode one step of some slabs.

    Parameters
    ----------
    parameters
        int32 (9, slabs, depth, longest segment). p in 1/16; 2^24 / unit; three inverse scales;
        three means; the second weight and 2^15 times the third. In flat contexts the last is a
        mark, and p is 16 times the reference.
    t
        The step.
    first, last
        Which slabs: from the first to before the last.
    wz, wy
        Of the wavefront.
    limits
        int64 (slabs,): N of each; 0 for a slab that is not there.
    values
        uint16 (slabs, depth, longest segment), written.
    volume
        uint16 (slabs, depth, height, width), written.
    table, logits
        `medzip.codec.tables.logistic_table`, `medzip.codec.fast.coder.guess_logits`.
    state, bits, words, positions
        Per slab: coder state, adaptive bits, uint32 words, position of the next word.

    Returns
    -------
    bool
        Whether all of it could have been written by an encoder.
    """
    _, depth, height, width = volume.shape
    centre = np.zeros(1, dtype=np.int32)
    weight = np.zeros((3, 1), dtype=np.int32)
    slope = np.zeros((3, 1), dtype=np.int64)
    intercept = np.zeros((3, 1), dtype=np.int64)
    for b in range(first, last):
        limit = limits[b]
        if limit == 0:
            continue
        position = positions[b]
        for z in range(depth):
            y0, n = _segment(t, z, height, width, wz, wy)
            for i in range(n):
                p = np.int64(parameters[0, b, z, i])
                shares = parameters[8, b, z, i]
                if shares < 0:
                    reference = p >> 4
                    value = reference
                    if limit > 1:
                        context = (1 if shares == FLAT_QUIET else 0) + (2 if reference == 0 else 0)
                        position, same = decode_bit(state[b], words[b], position, bits[b, context])
                        bits[b, context] = adapt(bits[b, context], same)
                        if not same:
                            position, value = decode_miss(
                                state[b], words[b], position, bits[b], reference, limit
                            )
                else:
                    target = quantile(state[b])
                    if target >= _FULL:
                        return False
                    middle = (p + 8) >> 4
                    unit = np.int64(parameters[1, b, z, i])
                    start = ((16 * middle - 8 - p) * unit) >> 12
                    centre[0] = middle
                    weight[1, 0] = shares & 32767
                    weight[2, 0] = shares >> 15
                    weight[0, 0] = 16384 - weight[1, 0] - weight[2, 0]
                    for k in range(3):
                        inverse = np.int64(parameters[2 + k, b, z, i])
                        slope[k, 0] = (unit * inverse) >> 8
                        mean = np.int64(parameters[5 + k, b, z, i])
                        intercept[k, 0] = (start - (mean << 4)) * inverse
                    value, left, right = find(
                        target, 0, limit, centre, weight, slope, intercept, table, logits
                    )
                    position = consume(state[b], words[b], position, left, right - left)
                if value < 0:
                    return False
                values[b, z, i] = value
                volume[b, z, y0 + i, t - wz * z - wy * (y0 + i)] = value
        positions[b] = position
    return True
