"""Weights to words and back: adaptive bits for the number of digits, plain bits for the digits.

Weights of 14 bits have no small values to speak of, so the unary code of `medzip.codec.integers`,
made for differences, would cost twice their entropy.
"""

# Numba infers the types of its kernels

from __future__ import annotations

import numba
import numpy as np

from medzip.codec.fast import rangecoder
from medzip.codec.fast.coder import adapt, decode_bit, encode_bit
from medzip.errors import CorruptStreamError

__all__ = ["decode_weights", "encode_weights"]

_SIGN = 0
_MORE = 1
_MOST_DIGITS = 31
_CONTEXTS = _MORE + _MOST_DIGITS
_WORDS_A_VALUE = 16
"""A bit takes at most 11 bits of a word (probabilities are at least 1/2048), a value 64 of them."""


def encode_weights(arrays: list[np.ndarray]) -> bytes:
    """Arrays of integers, |value| < 2^31, to little-endian 32-bit words."""
    flat = [np.ascontiguousarray(array, dtype=np.int64).reshape(-1) for array in arrays]
    words = np.zeros(_WORDS_A_VALUE * sum(map(len, flat)) + 16, dtype=np.uint32)
    state = rangecoder.encoder_state(1)
    position = 0
    for array in flat:
        if len(array) and int(np.abs(array).max()) >= 1 << _MOST_DIGITS:
            raise ValueError(f"expected integers below 2^31, got {int(np.abs(array).max())}")
        position = _encode(array, state[0], words, position)
    return words[: rangecoder.finish(state[0], words, position)].astype("<u4").tobytes()


def decode_weights(data: bytes, sizes: list[int]) -> list[np.ndarray]:
    """The inverse of `encode_weights`; int64 arrays of the given sizes."""
    if len(data) % 4:
        raise CorruptStreamError(
            f"expected whole 32-bit words, got {len(data)} bytes; the model is damaged"
        )
    words = np.frombuffer(data, dtype="<u4").astype(np.uint32)
    state = rangecoder.decoder_state([words])
    position = 2
    out = []
    for size in sizes:
        array = np.empty(size, dtype=np.int64)
        position = _decode(array, state[0], words, position)
        out.append(array)
    if not rangecoder.all_read(len(words), position):
        raise CorruptStreamError(
            f"expected weights that end with their words, got {len(words)} words; "
            "the model is damaged"
        )
    return out


@numba.njit(cache=True, nogil=True)
def _encode(array, state, words, position):
    bits = np.full(_CONTEXTS, 32768, dtype=np.int64)
    for value in array:
        magnitude = abs(value)
        digits = 0
        while magnitude >> digits:
            digits += 1
        for i in range(min(digits + 1, _MOST_DIGITS)):
            more = 1 if digits > i else 0
            position = encode_bit(state, words, position, bits[_MORE + i], more)
            bits[_MORE + i] = adapt(bits[_MORE + i], more)
        if digits:
            negative = 1 if value < 0 else 0
            position = encode_bit(state, words, position, bits[_SIGN], negative)
            bits[_SIGN] = adapt(bits[_SIGN], negative)
        for i in range(digits - 2, -1, -1):
            position = encode_bit(state, words, position, 32768, (magnitude >> i) & 1)
    return position


@numba.njit(cache=True, nogil=True)
def _decode(array, state, words, position):
    bits = np.full(_CONTEXTS, 32768, dtype=np.int64)
    for j in range(len(array)):
        digits = 0
        while digits < _MOST_DIGITS:
            position, more = decode_bit(state, words, position, bits[_MORE + digits])
            bits[_MORE + digits] = adapt(bits[_MORE + digits], more)
            if not more:
                break
            digits += 1
        magnitude = 1 if digits else 0
        negative = 0
        if digits:
            position, negative = decode_bit(state, words, position, bits[_SIGN])
            bits[_SIGN] = adapt(bits[_SIGN], negative)
        for _ in range(digits - 1):
            position, bit = decode_bit(state, words, position, 32768)
            magnitude = 2 * magnitude + bit
        array[j] = -magnitude if negative else magnitude
    return position
