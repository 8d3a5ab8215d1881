"""Voxels to words and back, given the distributions of a step (Numba).

`encode_step` and `decode_step` are inverse: same order, same intervals. A voxel in a flat context
is coded by an adaptive bit, "same again", which costs next to nothing where it holds; where it
does not, its distance to the reference follows in adaptive Elias-gamma bits. All other voxels are
coded with the mixture's cumulative counts.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np

from medzip.codec.fast import rangecoder
from medzip.codec.fast.distribution import FULL, find, interval, mixture
from medzip.codec.fast.layout import write_segment
from medzip.codec.fast.rangecoder import consume, encode, quantile
from medzip.codec.fast.segments import filled, whole

__all__ = [
    "BIT_COUNT",
    "MORE",
    "SAME",
    "SIGN",
    "Coder",
    "Stream",
    "adapt",
    "all_read",
    "decode_bit",
    "decode_miss",
    "decode_step",
    "decoder",
    "encode_bit",
    "encode_miss",
    "encode_step",
    "encoder",
    "flat_context",
    "fresh_bits",
    "room",
    "stream",
    "widened",
    "written",
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


class Coder(NamedTuple):
    """The words of some slabs as they grow or are read.

    Attributes
    ----------
    limits
        int64 (slabs,): N of each, how many packed values there are.
    state
        uint64 (slabs, 2 or 3): of the range coder, see `medzip.codec.fast.rangecoder`.
    bits
        int64 (slabs, 21): adaptive probabilities, `fresh_bits` at first.
    words
        uint32 (slabs, room).
    positions
        int64 (slabs,): words written, or which word is read next.
    """

    limits: np.ndarray
    state: np.ndarray
    bits: np.ndarray
    words: np.ndarray
    positions: np.ndarray


class Stream(NamedTuple):
    """The words of one slab: its rows of a `Coder`, less the position, which kernels pass on."""

    limit: int
    state: np.ndarray
    bits: np.ndarray
    words: np.ndarray


def fresh_bits(slabs: int) -> np.ndarray:
    """Adaptive probabilities of a 1 at the start of a slab, in 1/65536; int64 (slabs, 21)."""
    return np.full((slabs, BIT_COUNT), 32768, dtype=np.int64)


def encoder(counts: list[int], most: int) -> Coder:
    """Slabs of N packed values each, nothing written yet; room for so many words at first."""
    slabs = len(counts)
    return Coder(
        np.array(counts, dtype=np.int64),
        rangecoder.encoder_state(slabs),
        fresh_bits(slabs),
        np.zeros((slabs, most), dtype=np.uint32),
        np.zeros(slabs, dtype=np.int64),
    )


def room(coder: Coder) -> int:
    """How many more words each slab has room for."""
    return int(coder.words.shape[1] - coder.positions.max())


def widened(coder: Coder) -> Coder:
    """The same with twice the room for words."""
    words = np.concatenate([coder.words, np.zeros_like(coder.words)], axis=1)
    return coder._replace(words=words)


def written(coder: Coder) -> list[bytes]:
    """Little-endian words of each slab, finished."""
    out = []
    for state, words, position in zip(coder.state, coder.words, coder.positions, strict=True):
        length = rangecoder.finish(state, words, position)
        out.append(words[:length].astype("<u4").tobytes())
    return out


def decoder(data: list[bytes], counts: list[int]) -> Coder:
    """Slabs of N packed values each, to be read from such words."""
    slabs = len(data)
    streams = [np.frombuffer(part, dtype="<u4").astype(np.uint32) for part in data]
    words = np.zeros((slabs, max(map(len, streams)) + 2), dtype=np.uint32)
    for row, part in zip(words, streams, strict=True):
        row[: len(part)] = part
    return Coder(
        np.array(counts, dtype=np.int64),
        rangecoder.decoder_state(streams),
        fresh_bits(slabs),
        words,
        np.full(slabs, 2, dtype=np.int64),
    )


def all_read(coder: Coder, data: list[bytes]) -> bool:
    """Whether a `decoder` of these words has read them to their ends."""
    return all(
        rangecoder.all_read(len(part) // 4, position)
        for part, position in zip(data, coder.positions.tolist(), strict=True)
    )


@numba.njit(cache=True, nogil=True, inline="always")
def adapt(p, bit):
    """The probability of a 1 after seeing `bit`."""
    p = p + ((65536 - p) >> RATE) if bit else p - (p >> RATE)
    return min(max(p, LEAST), 65536 - LEAST)


@numba.njit(cache=True, nogil=True, inline="always")
def encode_bit(state, words, position, one, bit):
    """A bit whose probability of 1 is one / 65536; 0 has the lower part of the interval."""
    zero = FULL - (one << 8)
    if bit:
        return encode(state, words, position, zero, one << 8)
    return encode(state, words, position, 0, zero)


@numba.njit(cache=True, nogil=True, inline="always")
def decode_bit(state, words, position, one):
    """The inverse of `encode_bit`: new position and bit."""
    zero = FULL - (one << 8)
    if quantile(state) >= zero:
        return consume(state, words, position, zero, one << 8), 1
    return consume(state, words, position, 0, zero), 0


@numba.njit(cache=True, nogil=True, inline="always")
def stream(coder, b):
    """The words of slab b."""
    return Stream(coder.limits[b], coder.state[b], coder.bits[b], coder.words[b])


@numba.njit(cache=True, nogil=True)
def encode_miss(stream, position, value, reference):
    """A value other than the reference."""
    _, state, bits, words = stream
    below = value < reference
    if reference > 0 and reference < stream.limit - 1:
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
def decode_miss(stream, position, reference):
    """The inverse of `encode_miss`: new position and value, -1 where no encoder wrote this."""
    _, state, bits, words = stream
    below = 1 if reference > 0 else 0
    if reference > 0 and reference < stream.limit - 1:
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
    if value < 0 or value >= stream.limit or digits > 15:
        value = -1  # no encoder writes this
    return position, value


@numba.njit(cache=True, nogil=True, inline="always")
def flat_context(quiet, reference):
    """Which of the first adaptive bits; `quiet` where the near neighbours are equal too."""
    return SAME + (1 if quiet else 0) + (2 if reference == 0 else 0)


@numba.njit(cache=True, nogil=True)
def encode_step(work, coder, count):
    """Code one step of every slab; words have room for it.

    Parameters
    ----------
    work
        Held `medzip.codec.fast.work.Work`, with the distributions of the step and a complete
        store.
    coder
        Held `Coder`, written.
    count
        Segments of the step.
    """
    store, layout, distribution = work.parts.store, work.parts.layout, work.parts.distribution
    cdf = work.parts.logistic.cdf
    step, slabs = filled(work.parts.step, count), coder.parts
    for number in range(count):
        segment = whole(step, number, layout)
        b, start, at = segment.slab, segment.start, segment.at
        row = store[b, segment.z, segment.row, start : start + segment.n]
        out = stream(slabs, b)
        limit, state, bits, words = out
        position = slabs.positions[b]
        for i in range(segment.n):
            value = np.int64(row[i])
            if step.flat[at + i]:
                reference = np.int64(step.m4[at + i]) >> 2
                if limit == 1:
                    continue
                context = flat_context(step.spread[at + i] == 0, reference)
                same = value == reference
                position = encode_bit(state, words, position, bits[context], same)
                bits[context] = adapt(bits[context], same)
                if not same:
                    position = encode_miss(out, position, value, reference)
            else:
                voxel = mixture(distribution, segment.column + i, limit)
                left, right = interval(voxel, value, cdf)
                position = encode(state, words, position, left, right - left)
        slabs.positions[b] = position


@numba.njit(cache=True, nogil=True)
def decode_step(work, coder, count):
    """Decode one step of every slab into the store, with the margins it fills.

    Parameters are those of `encode_step`. Returns whether all of it could have been written by an
    encoder.
    """
    store, layout, distribution = work.parts.store, work.parts.layout, work.parts.distribution
    logistic = work.parts.logistic
    step, slabs = filled(work.parts.step, count), coder.parts
    for number in range(count):
        segment = whole(step, number, layout)
        b, start, at, n = segment.slab, segment.start, segment.at, segment.n
        row = store[b, segment.z, segment.row, start : start + n]
        source = stream(slabs, b)
        limit, state, bits, words = source
        position = slabs.positions[b]
        for i in range(n):
            if step.flat[at + i]:
                reference = np.int64(step.m4[at + i]) >> 2
                value = reference
                if limit > 1:
                    context = flat_context(step.spread[at + i] == 0, reference)
                    position, same = decode_bit(state, words, position, bits[context])
                    bits[context] = adapt(bits[context], same)
                    if not same:
                        position, value = decode_miss(source, position, reference)
            else:
                target = quantile(state)
                if target >= FULL:
                    return False
                voxel = mixture(distribution, segment.column + i, limit)
                value, left, right = find(voxel, target, logistic)
                position = consume(state, words, position, left, right - left)
            if value < 0:
                return False
            row[i] = np.uint16(value)
        slabs.positions[b] = position
        write_segment(store[b], segment.z, segment.row, segment.y, n, layout)
    return True
