"""One sequence model on slabs of one shape: the fast path.

Predictions are exact integers, so the encoder makes them in large batches of any order; the
decoder makes those of one step of the schedule at a time, of all slices that it touches together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.fast import rangecoder
from medzip.codec.fast.distribution import logistic
from medzip.codec.fast.products import GRANULE
from medzip.codec.plain.features import log2_fixed
from medzip.codec.plain.mixture import MEAN_BITS, MEAN_LIMIT, SCALE_LIMIT, exp2_fixed, mixture_of
from medzip.codec.tables import log2_table
from medzip.cores import one_thread
from medzip.errors import CorruptStreamError
from medzip.papers.codec import coding, kernels
from medzip.papers.codec.backends import FLOOR, error_offsets
from medzip.papers.codec.gather import normalised, predicted
from medzip.papers.codec.passes import pass_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from medzip.papers.codec.predictor import Predictor
    from medzip.papers.codec.shapes import SequenceShape

    Coder = Callable[..., int]

__all__ = ["SequenceEngine"]

BATCH = 1024
"""Voxels a pass: enough for the products, few enough for the caches."""


class SequenceEngine:
    """Codes slabs of one shape with one predictor; `medzip.codec.model.SlabEngine`.

    Parameters
    ----------
    predictor, shape
        The integers, and the neighbourhood that they are for.
    table
        Of the conditional back-end; None for the adaptive one of order 0.
    slab_shape
        (depth, height, width) of every slab, voxels.
    exact_int8
        As in `medzip.codec.fast.products.Product`.
    """

    def __init__(
        self,
        predictor: Predictor,
        shape: SequenceShape,
        table: np.ndarray | None,
        slab_shape: tuple[int, int, int],
        exact_int8: bool | None = None,
    ) -> None:
        self._shape, self._table = slab_shape, table
        near = shape.neighbourhood
        self._margins = (near.depth, near.reach, near.reach)
        self._schedule = shape.schedule
        depth, height, width = (
            n + before + after
            for n, before, after in zip(
                slab_shape, self._margins, (0, near.reach, near.reach), strict=True
            )
        )
        self._store_shape = (depth, height, width)
        self._steps = shape.offsets @ np.array([height * width, width, 1])
        voxels = int(np.prod(slab_shape))
        capacity = min(BATCH, -(-voxels // GRANULE) * GRANULE)
        self._pass = pass_of(predictor, capacity, exact_int8)
        self._sequences = np.zeros(len(shape) * capacity, dtype=np.int16)
        if table is not None:
            self._prepare_mixtures(table, error_offsets(shape))

    def _prepare_mixtures(self, table: np.ndarray, offsets: np.ndarray) -> None:
        """The table's parameters as the mixture wants them, once for all voxels."""
        rows = table.astype(np.int64)
        ones = np.ones(len(rows), dtype=np.int64)
        weight = mixture_of(rows, ones, ones).weight
        mean = np.clip(rows[:, 3:6], -MEAN_LIMIT, MEAN_LIMIT) << (16 - MEAN_BITS)
        inverse = exp2_fixed(-np.clip(rows[:, 6:9], -SCALE_LIMIT, SCALE_LIMIT))
        self._parameters = np.stack([weight, mean, inverse])
        self._offsets = offsets
        logs = np.stack([log2_table(), log2_fixed(np.full(64, len(self._offsets)))])
        self._logs = logs

    @one_thread()
    def encode(
        self, values: list[np.ndarray], origins: list[int], counts: list[int]
    ) -> list[bytes]:
        """Packed slabs to words; `origins` are not used, the papers' padding stands in for them."""
        del origins
        return [self._encode(slab, count) for slab, count in zip(values, counts, strict=True)]

    @one_thread()
    def decode(self, data: list[bytes], origins: list[int], counts: list[int]) -> list[np.ndarray]:
        """Words to packed slabs: the inverse of `encode`.

        Raises
        ------
        CorruptStreamError
            No encoder could have written these words.
        """
        del origins
        return [self._decode(words, count) for words, count in zip(data, counts, strict=True)]

    @one_thread()
    def predict(self, values: np.ndarray, origin: int) -> np.ndarray:
        """Each voxel's prediction, rounded; int32 of the engine's shape. For pictures."""
        del origin
        return (self._predictions(values, int(values.max()) + 1) + 8) >> 4

    def _encode(self, values: np.ndarray, count: int) -> bytes:
        words = np.zeros(values.size + 16, dtype=np.uint32)
        state = rangecoder.encoder_state(1)[0]
        if count == 1:
            return b""
        guesses = self._predictions(values, count)
        code = self._coder(values, count, coding.encode_conditional, coding.encode_order0)
        position = 0
        for voxels in self.batches():
            z, y, x = voxels.T
            position = code(voxels, guesses[z, y, x].astype(np.int64), state, words, position)
        return words[: rangecoder.finish(state, words, position)].astype("<u4").tobytes()

    def _decode(self, data: bytes, count: int) -> np.ndarray:
        values = np.zeros(self._shape, dtype=np.uint16)
        if len(data) % 4:
            raise CorruptStreamError(
                f"expected whole 32-bit words, got {len(data)} bytes; restore it from a copy"
            )
        stream = np.frombuffer(data, dtype="<u4").astype(np.uint32)
        words = np.concatenate([stream, np.zeros(2, dtype=np.uint32)])
        state = rangecoder.decoder_state([stream])[0]
        scale = normalised(np.arange(count), count)
        store = np.full(self._store_shape, scale[0], dtype=np.int16)
        inside = self._inside(store)
        code = self._coder(values, count, coding.decode_conditional, coding.decode_order0)
        position = 2
        for voxels in self.batches() if count > 1 else ():
            z, y, x = voxels.T
            guesses = np.concatenate(
                [
                    self.predict_at(store, voxels[i : i + BATCH], count)
                    for i in range(0, len(voxels), BATCH)
                ]
            )
            position = code(voxels, guesses, state, words, position)
            if position < 0:
                break
            inside[z, y, x] = scale[values[z, y, x]]
        if position < 0 or not rangecoder.all_read(len(stream), position):
            raise CorruptStreamError(
                "expected words that an encoder could have written, got others; "
                "restore the object from a copy"
            )
        return values

    def _coder(self, values: np.ndarray, count: int, conditional: Coder, order0: Coder) -> Coder:
        """The back-end on one slab: (voxels, predictions, state, words, position) -> position."""
        if self._table is not None:
            made_from = coding.Conditional(
                np.zeros(self._shape, dtype=np.int32),
                self._offsets,
                count,
                self._parameters,
                self._logs,
                FLOOR,
                logistic(),
            )
            return lambda voxels, guesses, *words: conditional(
                values, voxels, guesses, made_from, *words
            )
        counts = coding.fresh_counts(count)
        return lambda voxels, guesses, *words: order0(
            values, voxels, guesses, count, counts, *words
        )

    def batches(self) -> Iterator[np.ndarray]:
        """Voxels of each step that has any, int32 (n, 3), in coding order."""
        schedule = self._schedule
        out = np.zeros((self._widest(), 3), dtype=np.int32)
        for t in range(schedule.steps(self._shape)):
            n = kernels.voxels_of_step(t, schedule.wz, schedule.wy, schedule.wx, self._shape, out)
            if n:
                yield out[:n]

    def _widest(self) -> int:
        """Voxels of a step at most: one of each row, or whole rows, one of each slice."""
        depth, height, width = self._shape
        return depth * (height if self._schedule.wx else width)

    def _inside(self, store: np.ndarray) -> np.ndarray:
        """The slab's own voxels of a padded store, as a view."""
        z, y, x = self._margins
        return store[z:, y : y + self._shape[1], x : x + self._shape[2]]

    def store_of(self, values: np.ndarray, count: int) -> np.ndarray:
        """A slab normalised and padded, int16, as `predict_at` reads it."""
        scale = normalised(np.arange(count), count)
        store = np.full(self._store_shape, scale[0], dtype=np.int16)
        self._inside(store)[:] = scale[values]
        return store

    def _predictions(self, values: np.ndarray, count: int) -> np.ndarray:
        """Predictions p of all voxels of a complete slab, int32 of its shape."""
        store = self.store_of(values, count)
        out = np.empty(values.size, dtype=np.int32)
        for start in range(0, values.size, BATCH):
            index = np.arange(start, min(start + BATCH, values.size))
            voxels = np.stack(np.unravel_index(index, self._shape), axis=1).astype(np.int32)
            out[index] = self.predict_at(store, voxels, count)
        return out.reshape(self._shape)

    def predict_at(self, store: np.ndarray, voxels: np.ndarray, count: int) -> np.ndarray:
        """Predictions p of at most `BATCH` voxels, int64 (n,)."""
        width = -(-len(voxels) // GRANULE) * GRANULE
        sequences = self._sequences[: len(self._steps) * width].reshape(-1, width)
        kernels.fill(store, self._margins, voxels, self._steps, sequences)
        return predicted(self._pass(sequences)[: len(voxels)], count)
