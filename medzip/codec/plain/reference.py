"""The plain decoder: NumPy int64 and constriction, slow, the oracle of the fast path.

It follows docs/format.md with the plain definitions: voxel lists, `Predictor`, `Network.forward`,
`mixture_of`, whole tables of cumulative counts, and constriction's own `RangeDecoder`. It shares
none of the Numba kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import constriction
import numpy as np

from medzip.codec.plain.adaptive import Predictor
from medzip.codec.plain.mixture import cumulative, mixture_of
from medzip.codec.schedule import wavefront
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from medzip.codec.plain.network import Network

__all__ = ["decode_reference", "encode_reference", "restore_reference"]

_RATE, _LEAST = 5, 32
_SAME, _SIGN, _MORE = 0, 4, 5


def decode_reference(
    data: bytes, shape: tuple[int, int, int], origin: int, count: int, network: Network
) -> np.ndarray:
    """Words of a slab to packed values; as `decode` of `medzip.codec.fast.engine` for one slab."""
    words = np.frombuffer(data, dtype="<u4").astype(np.uint32)
    source = _Source(constriction.stream.queue.RangeDecoder(words))
    values = np.zeros(shape, dtype=np.uint16)
    return _walk(values, origin, count, network, source)


def encode_reference(values: np.ndarray, origin: int, count: int, network: Network) -> bytes:
    """Packed values to words; as `medzip.codec.fast.engine.Engine.encode` for one slab."""
    sink = _Sink(constriction.stream.queue.RangeEncoder())
    _walk(values.copy(), origin, count, network, sink)
    words: np.ndarray = sink.coder.get_compressed()
    return words.astype("<u4").tobytes()


def restore_reference(coded: np.ndarray, shape: tuple[int, int, int], field: int) -> np.ndarray:
    """Values as they were coded to those of a slab of `shape`, voxel by voxel.

    Parameters
    ----------
    coded
        What `decode_reference` returned.
    shape
        (slices that are coded, height, width) of the slab.
    field
        The arrangement in the slab's header: order + 8 rows.
    """
    axes = ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))[field % 8]
    rows = field // 8
    second, width = shape[axes[1]], shape[axes[2]]
    values = np.zeros(shape, dtype=coded.dtype)
    for at in np.ndindex(shape):
        i, j, k = (at[axis] for axis in axes)
        if rows:
            i, (j, k) = i * second + j, divmod(k, -(-width // rows))
        values[at] = coded[i, j, k]
    return values


class _Sink:
    """Codes the symbol it is given."""

    def __init__(self, coder: Any) -> None:
        self.coder = coder

    def code(self, counts: np.ndarray, symbol: int) -> int:
        self.coder.encode(symbol, _categorical(counts))
        return symbol


class _Source:
    """Ignores the symbol it is given and decodes one."""

    def __init__(self, coder: Any) -> None:
        self.coder = coder

    def code(self, counts: np.ndarray, symbol: int) -> int:
        return int(self.coder.decode(_categorical(counts)))


def _categorical(counts: np.ndarray) -> Any:
    """Integer counts that sum to 2^24, as constriction's model of exactly these counts.

    With `perfect=False` constriction gives every symbol one and shares the rest in proportion;
    counts less one sum to exactly that rest, so the proportion is 1 and nothing is rounded.
    """
    return constriction.stream.model.Categorical((counts - 1).astype(np.float64), perfect=False)


def _walk(
    values: np.ndarray, origin: int, count: int, network: Network, coder: _Sink | _Source
) -> np.ndarray:
    bits = [32768] * 21
    predictor = Predictor(network, values, origin)
    for voxels in wavefront(network.architecture.neighbourhood).batches(_triple(values)):
        features = predictor.features(voxels)
        outputs = network.forward(features.q)
        mixture = mixture_of(outputs, features.centre, features.reciprocal)
        table = cumulative(mixture, count)
        for i, at in enumerate(map(tuple, voxels)):
            value = int(values[at])
            if features.flat[i]:
                reference = int(features.m4[i]) >> 2
                if count > 1:
                    context = int(features.spread[i] == 0) + 2 * int(reference == 0)
                    value = _flat(coder, bits, context, value, reference, count)
                else:
                    value = reference
            else:
                value = coder.code(np.diff(table[i]), value)
            values[at] = value
        predictor.update()
    return values


def _flat(
    coder: _Sink | _Source, bits: list[int], context: int, value: int, reference: int, count: int
) -> int:
    if _bit(coder, bits, _SAME + context, int(value == reference)):
        return reference
    below = int(value < reference)
    if reference == 0:
        below = 0
    elif reference == count - 1:
        below = 1
    else:
        below = _bit(coder, bits, _SIGN, below)
    distance = abs(value - reference)
    digits = 0
    while digits < 16 and _bit(coder, bits, _MORE + digits, int(distance >> (digits + 1) > 0)):
        digits += 1
    found = 1
    for i in range(digits - 1, -1, -1):
        found = 2 * found + _bit(coder, None, 0, (distance >> i) & 1)
    value = reference - found if below else reference + found
    if digits > 15 or not 0 <= value < count:
        raise CorruptStreamError(f"expected a value below {count}, got {value}; damaged")
    return value


def _bit(coder: _Sink | _Source, bits: list[int] | None, index: int, bit: int) -> int:
    one = 32768 if bits is None else bits[index]
    bit = coder.code(np.array([(1 << 24) - (one << 8), one << 8]), bit)
    if bits is not None:
        moved = one + ((65536 - one) >> _RATE) if bit else one - (one >> _RATE)
        bits[index] = min(max(moved, _LEAST), 65536 - _LEAST)
    return bit


def _triple(values: np.ndarray) -> tuple[int, int, int]:
    depth, height, width = values.shape
    return depth, height, width
