"""The plain coder of sequence models: NumPy int64 and constriction, slow, the oracle of the engine.

It follows docs/format.md with the plain definitions and shares none of the Numba kernels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import constriction
import numpy as np

from medzip.codec.plain.mixture import cumulative
from medzip.errors import CorruptStreamError
from medzip.papers.codec.backends import Counts, mixture_at, scale_at
from medzip.papers.codec.gather import predicted, sequences_at

if TYPE_CHECKING:
    from medzip.papers.codec.predictor import Predictor
    from medzip.papers.codec.shapes import SequenceShape

__all__ = ["decode_plain", "encode_plain"]


def encode_plain(
    values: np.ndarray,
    count: int,
    predictor: Predictor,
    shape: SequenceShape,
    table: np.ndarray | None,
) -> bytes:
    """Packed values of a slab to words; as `medzip.papers.codec.engine` for one slab."""
    coder = constriction.stream.queue.RangeEncoder()

    def code(counts: np.ndarray, symbol: int) -> int:
        coder.encode(symbol, _categorical(counts))
        return symbol

    _walk(values.copy(), count, _Plain(predictor, shape, table), code)
    words: np.ndarray = coder.get_compressed()
    return words.astype("<u4").tobytes()


def decode_plain(
    data: bytes,
    slab_shape: tuple[int, int, int],
    count: int,
    predictor: Predictor,
    shape: SequenceShape,
    table: np.ndarray | None,
) -> np.ndarray:
    """The inverse of `encode_plain`."""
    words = np.frombuffer(data, dtype="<u4").astype(np.uint32)
    coder = constriction.stream.queue.RangeDecoder(words)
    values = np.zeros(slab_shape, dtype=np.uint16)
    _walk(
        values,
        count,
        _Plain(predictor, shape, table),
        lambda counts, _: int(coder.decode(_categorical(counts))),
    )
    return values


def _categorical(counts: np.ndarray) -> Any:
    """Integer counts that sum to 2^24, as constriction's model of exactly these counts.

    With `perfect=False` constriction gives every symbol one and shares the rest in proportion;
    counts less one sum to exactly that rest, so the proportion is 1 and nothing is rounded.
    """
    return constriction.stream.model.Categorical((counts - 1).astype(np.float64), perfect=False)


class _Plain(NamedTuple):
    predictor: Predictor
    shape: SequenceShape
    table: np.ndarray | None


def _walk(values: np.ndarray, count: int, by: _Plain, code: Any) -> None:
    """Code all voxels, in place; a decoder's `code` ignores the symbol that it is given."""
    if count == 1:
        return
    shape = by.shape
    errors = np.zeros(values.shape, dtype=np.int64)
    residuals = Counts(count)
    depth, height, width = values.shape
    for voxels in shape.schedule.batches((depth, height, width)):
        outputs = by.predictor.forward(sequences_at(values, voxels, shape, count))
        guesses = predicted(outputs, count)
        if by.table is not None:
            scale = scale_at(errors, voxels, shape, count)
            table = np.diff(cumulative(mixture_at(scale, guesses, by.table), count))
        for i, at in enumerate(map(tuple, voxels)):
            if by.table is not None:
                value = code(table[i], int(values[at]))
            else:
                least = int(guesses[i] + 8 >> 4) - (count - 1)
                symbol = code(residuals.intervals(), int(values[at]) - least)
                residuals.add(symbol)
                value = symbol + least
            if not 0 <= value < count:
                raise CorruptStreamError(f"expected a value below {count}, got {value}; damaged")
            values[at] = value
            errors[at] = 16 * value - int(guesses[i])
