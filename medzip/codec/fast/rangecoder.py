"""The range coder, fused into the kernels; its bytes are constriction's.

constriction's Python interface codes arrays of symbols against tables of probabilities. A table a
voxel costs far more than the voxel (64 bins times three components to fill, against two evaluations
of the CDF to encode and about four to decode), so the kernels evaluate the CDF where they need it
and run the same coder themselves: 64 bits of state, words of 32 bits, probabilities of 24 bits,
exactly the `RangeEncoder` / `RangeDecoder` of constriction 0.5. Tests check that both write the
same words and read each other's; the reference decoder (`medzip.codec.plain.reference`) uses
constriction itself.

Invariants, from constriction's notes: ``range >= 2^32`` between symbols; the encoder's interval is
[low, low + range) modulo 2^64, a carry runs into the words already written; the decoder keeps
``point - low < range``.

State is one row of a uint64 array: encoder (low, range), decoder (low, range, point).
"""

from __future__ import annotations

import numba
import numpy as np

__all__ = ["all_read", "consume", "decoder_state", "encode", "encoder_state", "finish", "quantile"]

_32 = np.uint64(32)
_24 = np.uint64(24)
_LEAST_RANGE = np.uint64(1 << 32)
_FULL = np.uint64(0xFFFFFFFFFFFFFFFF)


def encoder_state(slabs: int) -> np.ndarray:
    """States of fresh encoders, uint64 (slabs, 2)."""
    state = np.zeros((slabs, 2), dtype=np.uint64)
    state[:, 1] = _FULL
    return state


def decoder_state(words: list[np.ndarray]) -> np.ndarray:
    """States of decoders that have read their first two words, uint64 (slabs, 3)."""
    state = np.zeros((len(words), 3), dtype=np.uint64)
    state[:, 1] = _FULL
    for row, stream in zip(state, words, strict=True):
        head = [int(word) for word in stream[:2]] + [0, 0]
        row[2] = (head[0] << 32) | head[1]
    return state


@numba.njit(cache=True, nogil=True, inline="always")
def _carry(words, position):
    """Add one to the number that the words written so far spell."""
    i = position - 1
    while i >= 0:
        words[i] = np.uint32(words[i] + np.uint32(1))
        if words[i] != 0:
            return
        i -= 1


@numba.njit(cache=True, nogil=True, inline="always")
def encode(state, words, position, left, count):
    """Narrow the interval to the symbol [left, left + count) of 2^24; returns the new position."""
    scale = state[1] >> _24
    low = state[0] + scale * np.uint64(left)
    if low < state[0]:
        _carry(words, position)
    width = scale * np.uint64(count)
    if width < _LEAST_RANGE:
        words[position] = np.uint32(low >> _32)
        position += 1
        low = low << _32
        width = width << _32
    state[0] = low
    state[1] = width
    return position


@numba.njit(cache=True, nogil=True)
def finish(state, words, position):
    """Write the last words (at most two); returns how many words the stream has."""
    if state[1] == _FULL and position == 0:
        return 0
    point = state[0] + (_LEAST_RANGE - np.uint64(1))
    if point < state[0]:
        _carry(words, position)
    words[position] = np.uint32(point >> _32)
    position += 1
    upper = state[0] + state[1]
    if (upper >> _32) == (point >> _32):
        words[position] = np.uint32(0)
        position += 1
    return position


def all_read(words: int, position: int) -> bool:
    """Whether a decoder at `position` has read a stream of so many words to its end.

    It reads two words to begin with and one whenever the encoder wrote one; `finish` writes one or
    two more. A stream of nothing has no words.
    """
    return position - 1 <= words <= position or (words == 0 and position == 2)


@numba.njit(cache=True, nogil=True, inline="always")
def quantile(state):
    """Where in [0, 2^24) the stream points; 2^24 or more only in a corrupt stream."""
    return np.int64((state[2] - state[0]) // (state[1] >> _24))


@numba.njit(cache=True, nogil=True, inline="always")
def consume(state, words, position, left, count):
    """Narrow the decoder's interval as `encode` did; returns the position of the next word."""
    scale = state[1] >> _24
    low = state[0] + scale * np.uint64(left)
    width = scale * np.uint64(count)
    if width < _LEAST_RANGE:
        low = low << _32
        width = width << _32
        word = np.uint64(words[position]) if position < len(words) else np.uint64(0)
        state[2] = (state[2] << _32) | word
        position += 1
    state[0] = low
    state[1] = width
    return position
