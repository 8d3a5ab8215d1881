"""Voxels to words and back, given the distributions of a step (Numba).

`encode_step` and `decode_step` are inverse: same order, same intervals. A voxel in a flat context
is coded by an adaptive bit, "same again", which costs next to nothing where it holds; where it
does not, its distance to the reference follows in adaptive Elias-gamma bits. All other voxels are
coded with the mixture's cumulative counts.
"""

from __future__ import annotations

import numba
import numpy as np

from medzip.codec.fast.layout import write_segment
from medzip.codec.fast.rangecoder import consume, encode, quantile
from medzip.codec.fast.segments import COLUMN, FIRST, LENGTH, POSITION, ROW, Y, Z

__all__ = [
    "BIT_COUNT",
    "MORE",
    "SAME",
    "SIGN",
    "adapt",
    "decode_bit",
    "decode_miss",
    "decode_step",
    "encode_bit",
    "encode_miss",
    "encode_step",
    "find",
    "fresh_bits",
    "guess_logits",
]

SAME = 0
"""First of 4 adaptive bits: (whole neighbourhood equal) + 2 (reference is 0)."""
SIGN = 4
"""Whether the voxel is below the reference."""
MORE = 5
"""First of 16 bits: whether the distance has more binary digits."""
BIT_COUNT = MORE + 16
RATE = 5
LEAST = 32
"""Adaptive probabilities stay within LEAST .. 65536 - LEAST, in 1/65536."""

_FULL = np.int64(1 << 24)


def fresh_bits(slabs: int) -> np.ndarray:
    """Adaptive probabilities of a 1 at the start of a slab, in 1/65536; int64 (slabs, 21)."""
    return np.full((slabs, BIT_COUNT), 32768, dtype=np.int64)


@numba.njit(cache=True, nogil=True, inline="always")
def adapt(p, bit):
    """The probability of a 1 after seeing `bit`."""
    p = p + ((65536 - p) >> RATE) if bit else p - (p >> RATE)
    return min(max(p, LEAST), 65536 - LEAST)


@numba.njit(cache=True, nogil=True, inline="always")
def encode_bit(state, words, position, one, bit):
    """A bit whose probability of 1 is one / 65536; 0 has the lower part of the interval."""
    zero = _FULL - (one << 8)
    if bit:
        return encode(state, words, position, zero, one << 8)
    return encode(state, words, position, 0, zero)


@numba.njit(cache=True, nogil=True, inline="always")
def decode_bit(state, words, position, one):
    """The inverse of `encode_bit`: new position and bit."""
    zero = _FULL - (one << 8)
    if quantile(state) >= zero:
        return consume(state, words, position, zero, one << 8), 1
    return consume(state, words, position, 0, zero), 0


@numba.njit(cache=True, nogil=True)
def encode_miss(state, words, position, bits, value, reference, count):
    """A value other than the reference."""
    below = value < reference
    if reference > 0 and reference < count - 1:
        position = encode_bit(state, words, position, bits[SIGN], below)
        bits[SIGN] = adapt(bits[SIGN], below)
    distance = reference - value if below else value - reference
    digits = 0
    while distance >> (digits + 1):
        position = encode_bit(state, words, position, bits[MORE + digits], 1)
        bits[MORE + digits] = adapt(bits[MORE + digits], 1)
        digits += 1
    position = encode_bit(state, words, position, bits[MORE + digits], 0)
    bits[MORE + digits] = adapt(bits[MORE + digits], 0)
    for i in range(digits - 1, -1, -1):
        position = encode_bit(state, words, position, 32768, (distance >> i) & 1)
    return position


@numba.njit(cache=True, nogil=True)
def decode_miss(state, words, position, bits, reference, count):
    """The inverse of `encode_miss`: new position and value, -1 where no encoder wrote this."""
    below = 1 if reference > 0 else 0
    if reference > 0 and reference < count - 1:
        position, below = decode_bit(state, words, position, bits[SIGN])
        bits[SIGN] = adapt(bits[SIGN], below)
    digits = 0
    while digits < 16:
        position, more = decode_bit(state, words, position, bits[MORE + digits])
        bits[MORE + digits] = adapt(bits[MORE + digits], more)
        if not more:
            break
        digits += 1
    distance = 1
    for _ in range(digits):
        position, bit = decode_bit(state, words, position, 32768)
        distance = 2 * distance + bit
    value = reference - distance if below else reference + distance
    if value < 0 or value >= count or digits > 15:
        value = -1  # no encoder writes this
    return position, value


@numba.njit(cache=True, nogil=True, inline="always")
def _part(offset, slope, intercept, table):
    """F(slope * offset + intercept) in 2^-24, t in 2^-32."""
    limit = np.int64(16) << 32
    t = slope * offset + intercept
    t = min(max(t, -limit), limit - 1) + limit
    index = t >> 27
    low = table[index]
    return low + (((table[index + 1] - low) * ((t >> 15) & 4095)) >> 12)


@numba.njit(cache=True, nogil=True, inline="always")
def _below(offset, centre, count, w0, w1, w2, s0, s1, s2, i0, i1, i2, table):
    """C(centre + offset): the cumulative count below a packed value."""
    v = centre + offset
    if v <= 0:
        return np.int64(0)
    if v >= count:
        return _FULL
    mass = (
        w0 * _part(offset, s0, i0, table)
        + w1 * _part(offset, s1, i1, table)
        + w2 * _part(offset, s2, i2, table)
    )
    return v + (((_FULL - count) * mass) >> 38)


@numba.njit(cache=True, nogil=True, inline="always")
def _interval(value, c, count, centre, weight, slope, intercept, table):
    """C(value) and C(value + 1) for column c."""
    middle = np.int64(centre[c])
    w0, w1, w2 = np.int64(weight[0, c]), np.int64(weight[1, c]), np.int64(weight[2, c])
    s0, s1, s2 = slope[0, c], slope[1, c], slope[2, c]
    i0, i1, i2 = intercept[0, c], intercept[1, c], intercept[2, c]
    offset = value - middle
    left = _below(offset, middle, count, w0, w1, w2, s0, s1, s2, i0, i1, i2, table)
    right = _below(offset + 1, middle, count, w0, w1, w2, s0, s1, s2, i0, i1, i2, table)
    return left, right


@numba.njit(cache=True, nogil=True)
def find(target, c, count, centre, weight, slope, intercept, table, logits):
    """The value v with C(v) <= target < C(v + 1), and both counts: the inverse of `_interval`.

    Guesses are made in floating point: first where one logistic with the mixture's mean density
    would have the target (a table of logits times 2^32), then along the density. Only integer
    comparisons decide, so the result does not depend on how a guess is rounded: 2.7 evaluations of
    C on a chest CT, of which two are needed to prove any answer.
    """
    middle = np.int64(centre[c])
    w0, w1, w2 = np.int64(weight[0, c]), np.int64(weight[1, c]), np.int64(weight[2, c])
    s0, s1, s2 = slope[0, c], slope[1, c], slope[2, c]
    i0, i1, i2 = intercept[0, c], intercept[1, c], intercept[2, c]
    low = -middle
    low_count = np.int64(0)
    high = count - middle
    high_count = _FULL
    lean = w0 * np.float64(i0) + w1 * np.float64(i1) + w2 * np.float64(i2)
    steep = w0 * np.float64(s0) + w1 * np.float64(s1) + w2 * np.float64(s2)
    first = (16384.0 * logits[target >> 14] - lean) / max(steep, 1.0)
    guess = np.int64(min(max(np.floor(first), -65536.0), 65536.0))
    for turn in range(64):
        if turn > 6:
            guess = (low + high) >> 1
        guess = min(max(guess, low), high - 1)
        at = low_count
        if guess > low:
            at = _below(guess, middle, count, w0, w1, w2, s0, s1, s2, i0, i1, i2, table)
        if at > target:
            high = guess
            high_count = at
            if high - low == 1:
                break
            before = _below(guess - 1, middle, count, w0, w1, w2, s0, s1, s2, i0, i1, i2, table)
            if before <= target:
                return guess - 1 + middle, before, at
            high = guess - 1
            high_count = before
            guess = high - 1 - np.int64(np.float64(before - target) / np.float64(at - before))
        else:
            low = guess
            low_count = at
            after = high_count
            if guess + 1 < high:
                after = _below(guess + 1, middle, count, w0, w1, w2, s0, s1, s2, i0, i1, i2, table)
            if after > target:
                return guess + middle, at, after
            low = guess + 1
            low_count = after
            guess = low + np.int64(np.float64(target - after) / np.float64(after - at))
    return low + middle, low_count, high_count


def guess_logits() -> np.ndarray:
    """log(p / (1 - p)) * 2^32 at the middle of 1024 equal bins of p; float64, for `find`."""
    p = (np.arange(1024) + 0.5) / 1024
    return np.log(p / (1 - p)) * 2.0**32


@numba.njit(cache=True, nogil=True)
def encode_step(
    store,
    segments,
    count,
    per_slab,
    reach,
    counts,
    m4,
    spread,
    flat,
    centre,
    weight,
    slope,
    intercept,
    table,
    state,
    bits,
    words,
    positions,
):
    """Code one step of every slab.

    Parameters
    ----------
    store
        uint16 (slabs, depth, rows, columns), complete.
    segments, count, per_slab, m4, spread, flat
        As `medzip.codec.fast.prediction.prepare` wrote them.
    reach
        Margin of the store.
    counts
        int64 (slabs,): N of each.
    centre, weight, slope, intercept
        As `medzip.codec.fast.kernels.distributions` wrote them.
    table
        `medzip.codec.tables.logistic_table`.
    state, bits, words, positions
        Per slab: coder state, adaptive bits, uint32 words with room for this step, words written.
    """
    for number in range(count):
        b = number // per_slab
        segment = segments[number]
        n = segment[LENGTH]
        row = store[b, segment[Z], segment[ROW], segment[Y] + reach : segment[Y] + reach + n]
        position = positions[b]
        limit = counts[b]
        at = segment[POSITION]
        c0 = segment[COLUMN] - segment[FIRST]
        for i in range(n):
            value = np.int64(row[i])
            if flat[at + i]:
                reference = np.int64(m4[at + i]) >> 2
                if limit == 1:
                    continue
                context = SAME + (1 if spread[at + i] == 0 else 0) + (2 if reference == 0 else 0)
                same = value == reference
                position = encode_bit(state[b], words[b], position, bits[b, context], same)
                bits[b, context] = adapt(bits[b, context], same)
                if not same:
                    position = encode_miss(
                        state[b], words[b], position, bits[b], value, reference, limit
                    )
            else:
                c = c0 + i
                left, right = _interval(value, c, limit, centre, weight, slope, intercept, table)
                position = encode(state[b], words[b], position, left, right - left)
        positions[b] = position


@numba.njit(cache=True, nogil=True)
def decode_step(
    store,
    segments,
    count,
    per_slab,
    reach,
    counts,
    m4,
    spread,
    flat,
    centre,
    weight,
    slope,
    intercept,
    table,
    state,
    bits,
    words,
    positions,
    shape,
    wy,
    logits,
):
    """Decode one step of every slab into the store, with the margins it fills.

    Parameters are those of `encode_step`, then `shape` and `wy` of the layout and `guess_logits`.
    Returns whether all of it could have been written by an encoder.
    """
    depth, height, width = shape
    for number in range(count):
        b = number // per_slab
        segment = segments[number]
        n = segment[LENGTH]
        row = store[b, segment[Z], segment[ROW], segment[Y] + reach : segment[Y] + reach + n]
        position = positions[b]
        limit = counts[b]
        at = segment[POSITION]
        c0 = segment[COLUMN] - segment[FIRST]
        for i in range(n):
            if flat[at + i]:
                reference = np.int64(m4[at + i]) >> 2
                value = reference
                if limit > 1:
                    context = (
                        SAME + (1 if spread[at + i] == 0 else 0) + (2 if reference == 0 else 0)
                    )
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
                value, left, right = find(
                    target, c0 + i, limit, centre, weight, slope, intercept, table, logits
                )
                position = consume(state[b], words[b], position, left, right - left)
            if value < 0:
                return False
            row[i] = np.uint16(value)
        positions[b] = position
        write_segment(
            store[b], segment[Z], segment[ROW], segment[Y], n, depth, height, width, wy, reach
        )
    return True
