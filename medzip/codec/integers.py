"""Small signed integers to words and back, with adaptive bits: weights, gaps between values.

Each array starts with fresh probabilities. A value is a zero flag, a sign, then its magnitude less
one in unary with one adaptive bit a position; from 24 on the rest follows in Elias-gamma bits.
"""

from __future__ import annotations

import numba
import numpy as np

from medzip.codec.fast import rangecoder
from medzip.codec.fast.coder import adapt, decode_bit, encode_bit
from medzip.errors import CorruptStreamError

__all__ = ["decode_integers", "encode_integers"]

_ZERO, _SIGN, _UNARY = 0, 1, 2
_UNARY_LENGTH = 24
_CONTEXTS = _UNARY + _UNARY_LENGTH
_LARGEST = 1 << 31


def encode_integers(arrays: list[np.ndarray]) -> bytes:
    """Arrays of integers, |value| < 2^31, to little-endian 32-bit words."""
    flat = [np.ascontiguousarray(array, dtype=np.int64).reshape(-1) for array in arrays]
    room = sum(int(np.minimum(np.abs(a), _UNARY_LENGTH).sum()) + 72 * len(a) for a in flat)
    words = np.zeros(room // 2 + 16, dtype=np.uint32)
    state = rangecoder.encoder_state(1)
    position = 0
    for array in flat:
        if len(array) and int(np.abs(array).max()) >= _LARGEST:
            raise ValueError(f"expected integers below 2^31, got {int(np.abs(array).max())}")
        position = _encode(array, state[0], words, position)
    return words[: rangecoder.finish(state[0], words, position)].astype("<u4").tobytes()


def decode_integers(data: bytes, sizes: list[int]) -> list[np.ndarray]:
    """The inverse of `encode_integers`; int64 arrays of the given sizes."""
    if len(data) % 4:
        raise CorruptStreamError(
            f"expected whole 32-bit words, got {len(data)} bytes; the stream is damaged"
        )
    words = np.frombuffer(data, dtype="<u4").astype(np.uint32)
    state = rangecoder.decoder_state([words])
    position = 2
    out = []
    for size in sizes:
        array = np.empty(size, dtype=np.int64)
        position = _decode(array, state[0], words, position)
        if position < 0:
            break
        out.append(array)
    if not rangecoder.all_read(len(words), position):
        raise CorruptStreamError(
            f"expected a list that ends with its words, got {len(words)} words; "
            "the stream is damaged"
        )
    return out


@numba.njit(cache=True, nogil=True)
def _encode(array, state, words, position):
    bits = np.full(_CONTEXTS, 32768, dtype=np.int64)
    for value in array:
        nonzero = 1 if value != 0 else 0
        position = encode_bit(state, words, position, bits[_ZERO], nonzero)
        bits[_ZERO] = adapt(bits[_ZERO], nonzero)
        if not nonzero:
            continue
        negative = 1 if value < 0 else 0
        position = encode_bit(state, words, position, bits[_SIGN], negative)
        bits[_SIGN] = adapt(bits[_SIGN], negative)
        rest = abs(value) - 1
        for i in range(_UNARY_LENGTH):
            more = 1 if rest > i else 0
            position = encode_bit(state, words, position, bits[_UNARY + i], more)
            bits[_UNARY + i] = adapt(bits[_UNARY + i], more)
            if not more:
                break
        if rest >= _UNARY_LENGTH:
            tail = rest - _UNARY_LENGTH + 1
            digits = 0
            while tail >> (digits + 1):
                digits += 1
            for _ in range(digits):
                position = encode_bit(state, words, position, 32768, 1)
            position = encode_bit(state, words, position, 32768, 0)
            for i in range(digits - 1, -1, -1):
                position = encode_bit(state, words, position, 32768, (tail >> i) & 1)
    return position


@numba.njit(cache=True, nogil=True)
def _decode(array, state, words, position):
    """Fill the array; returns the position, or -1 where no encoder could have written this."""
    bits = np.full(_CONTEXTS, 32768, dtype=np.int64)
    for j in range(len(array)):
        position, nonzero = decode_bit(state, words, position, bits[_ZERO])
        bits[_ZERO] = adapt(bits[_ZERO], nonzero)
        if not nonzero:
            array[j] = 0
            continue
        position, negative = decode_bit(state, words, position, bits[_SIGN])
        bits[_SIGN] = adapt(bits[_SIGN], negative)
        rest = 0
        while rest < _UNARY_LENGTH:
            position, more = decode_bit(state, words, position, bits[_UNARY + rest])
            bits[_UNARY + rest] = adapt(bits[_UNARY + rest], more)
            if not more:
                break
            rest += 1
        if rest == _UNARY_LENGTH:
            digits = 0
            while digits < 31:
                position, more = decode_bit(state, words, position, 32768)
                if not more:
                    break
                digits += 1
            if digits > 30:
                return -1
            tail = 1
            for _ in range(digits):
                position, bit = decode_bit(state, words, position, 32768)
                tail = 2 * tail + bit
            rest += tail - 1
        array[j] = -(rest + 1) if negative else rest + 1
    return position
