"""One network on slabs of one shape: the fast path, step by step of the wavefront.

`encode` and `decode` run the same steps; only the coder differs. Several slabs are stepped
together, so batches stay large when slabs are small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.fast import coder, kernels, rangecoder
from medzip.codec.fast.layout import Layout, first_margins, skew, unskew
from medzip.codec.fast.products import GRANULE, Product
from medzip.codec.plain.features import FLAT_COUNT, REFERENCE_COUNT, log2_fixed, position
from medzip.codec.plain.network import OUTPUTS
from medzip.codec.schedule import wavefront
from medzip.codec.tables import exp2_table, log2_table, logistic_table
from medzip.cores import one_thread
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.codec.plain.network import Network

__all__ = ["Engine"]

WORDS_A_VOXEL = 8
"""No voxel takes more: a mixture symbol one word, a missed flat context some 220 bits at worst."""


class Engine:
    """Codes batches of slabs of one shape with one network.

    Parameters
    ----------
    network
        The predictor.
    shape
        (depth, height, width) of every slab, voxels.
    slabs
        The most slabs that are coded together.
    exact_int8
        As in `medzip.codec.fast.products.Product`.
    """

    def __init__(
        self,
        network: Network,
        shape: tuple[int, int, int],
        slabs: int = 1,
        exact_int8: bool | None = None,
    ) -> None:
        neighbourhood = network.architecture.neighbourhood
        schedule = wavefront(neighbourhood)
        self.layout = layout = Layout.of(shape, neighbourhood, schedule)
        self._network = network
        offsets = neighbourhood.array
        self._steps = np.stack(
            [offsets[:, 0], offsets[:, 2] + layout.wy * offsets[:, 1], offsets[:, 1]], axis=1
        )
        self._prepare_lists()
        depth, height, width = shape
        voxels = slabs * depth * layout.longest_segment
        self._capacity = capacity = -(-voxels // GRANULE) * GRANULE
        self._segments = np.zeros((slabs * depth, 8), dtype=np.int64)
        self._m4 = np.zeros(voxels, dtype=np.int32)
        self._spread = np.zeros(voxels, dtype=np.int32)
        self._flat = np.zeros(voxels, dtype=np.uint8)
        self._columns = np.zeros((7, capacity), dtype=np.int32)
        self._predicted, self._reciprocal = self._columns[1], self._columns[6]
        self._scratch = np.zeros((3, layout.longest_segment + 1), dtype=np.int32)
        self._doubles = np.zeros(layout.longest_segment)
        self._centre = np.zeros(capacity, dtype=np.int32)
        self._weight = np.zeros((3, capacity), dtype=np.int32)
        self._slope = np.zeros((3, capacity), dtype=np.int64)
        self._intercept = np.zeros((3, capacity), dtype=np.int64)
        self._px, self._py = position(width), position(height)
        self._log_table, self._exp_table = log2_table(), exp2_table()
        self._table = logistic_table()
        self._logits = coder.guess_logits()
        form = network.architecture
        self._log_offsets = log2_fixed(np.array([form.near, form.errors, form.taps]))
        self._products = [
            Product(layer.weight.astype(np.int8), capacity, exact_int8) for layer in network.hidden
        ]
        head = network.head.weight.astype(np.int32)
        high = (head + 64) >> 7
        halves = np.concatenate([high, head - 128 * high]).astype(np.int8)
        padded = np.zeros((-(-len(halves) // 8) * 8, halves.shape[1]), dtype=np.int8)
        padded[: 2 * OUTPUTS] = halves
        self._head = Product(padded, capacity, exact_int8)

    def _prepare_lists(self) -> None:
        """Neighbours of each kind as index lists, and how many exist in a slab's first slices."""
        form = self._network.architecture
        neighbourhood, layout = form.neighbourhood, self.layout
        kinds = range(neighbourhood.depth + 1)
        planes = -neighbourhood.array[:, 0]
        self._usable = np.array([neighbourhood.usable(z) for z in kinds])
        chosen = (form.near_list, form.error_list, form.tap_list)
        self._lists = tuple(np.array(indices) for indices in chosen)
        self._used = tuple(
            np.array([(planes[indices] <= z).sum() for z in kinds]) for indices in self._lists
        )
        self._references = np.array([neighbourhood.nearest(REFERENCE_COUNT, z) for z in kinds])
        flat = [neighbourhood.nearest(FLAT_COUNT, z) for z in kinds]
        self._nearest_count = np.array([len(indices) for indices in flat])
        self._nearest = np.zeros((len(flat), max(self._nearest_count)), dtype=np.int64)
        for z, indices in enumerate(flat):
            self._nearest[z, : len(indices)] = indices
        read = np.concatenate(self._lists[1:])
        oldest = int((layout.wz * planes[read] - self._steps[read, 1]).max())
        self._ring_rows = 1 << oldest.bit_length()

    @one_thread()
    def encode(
        self, values: list[np.ndarray], origins: list[int], counts: list[int]
    ) -> list[bytes]:
        """Packed slabs to words.

        Parameters
        ----------
        values
            uint16 arrays of the engine's shape.
        origins
            The origin value of each.
        counts
            N of each.

        Returns
        -------
        list of bytes
            Little-endian 32-bit words of each slab.
        """
        slabs = len(values)
        store = self.layout.empty(slabs)
        for b in range(slabs):
            skew(values[b], store[b], origins[b], self.layout.wy, self.layout.reach)
        limits = np.array(counts, dtype=np.int64)
        state = rangecoder.encoder_state(slabs)
        bits = coder.fresh_bits(slabs)
        positions = np.zeros(slabs, dtype=np.int64)
        words = np.zeros((slabs, values[0].size // 4 + self._capacity * WORDS_A_VOXEL), np.uint32)
        for count, per_slab in self._distributions(store):
            if positions.max() + self._capacity * WORDS_A_VOXEL > words.shape[1]:
                words = np.concatenate([words, np.zeros_like(words)], axis=1)
            coder.encode_step(
                store,
                self._segments,
                count,
                per_slab,
                self.layout.reach,
                limits,
                self._m4,
                self._spread,
                self._flat,
                self._centre,
                self._weight,
                self._slope,
                self._intercept,
                self._table,
                state,
                bits,
                words,
                positions,
            )
        out = []
        for b in range(slabs):
            length = rangecoder.finish(state[b], words[b], positions[b])
            out.append(words[b, :length].astype("<u4").tobytes())
        return out

    @one_thread()
    def decode(self, data: list[bytes], origins: list[int], counts: list[int]) -> list[np.ndarray]:
        """Words to packed slabs: the inverse of `encode`.

        Raises
        ------
        CorruptStreamError
            No encoder could have written these words.
        """
        slabs = len(data)
        store = self.layout.empty(slabs)
        width = self.layout.shape[2]
        streams = [np.frombuffer(part, dtype="<u4").astype(np.uint32) for part in data]
        words = np.zeros((slabs, max(map(len, streams)) + 2), dtype=np.uint32)
        for b, stream in enumerate(streams):
            words[b, : len(stream)] = stream
            first_margins(store[b], origins[b], width, self.layout.wy, self.layout.reach)
        state = rangecoder.decoder_state(streams)
        bits = coder.fresh_bits(slabs)
        positions = np.full(slabs, 2, dtype=np.int64)
        limits = np.array(counts, dtype=np.int64)
        sound = True
        for count, per_slab in self._distributions(store):
            sound = coder.decode_step(
                store,
                self._segments,
                count,
                per_slab,
                self.layout.reach,
                limits,
                self._m4,
                self._spread,
                self._flat,
                self._centre,
                self._weight,
                self._slope,
                self._intercept,
                self._table,
                state,
                bits,
                words,
                positions,
                self.layout.shape,
                self.layout.wy,
                self._logits,
            )
            if not sound:
                break
        lengths = [len(stream) for stream in streams]
        if not (sound and all(map(rangecoder.all_read, lengths, positions.tolist()))):
            raise CorruptStreamError(
                "expected words that an encoder could have written, got others; "
                "restore the object from a copy"
            )
        out = []
        for b in range(slabs):
            values = np.empty(self.layout.shape, dtype=np.uint16)
            unskew(store[b], values, self.layout.wy, self.layout.reach)
            out.append(values)
        return out

    @one_thread()
    def predict(self, values: np.ndarray, origin: int) -> np.ndarray:
        """Mean of each voxel's distribution, rounded; int32 of the engine's shape. For pictures."""
        layout = self.layout
        store = layout.empty(1)
        skew(values, store[0], origin, layout.wy, layout.reach)
        predicted = np.zeros(layout.shape, dtype=np.int32)
        for count, _ in self._distributions(store):
            kernels.expect(
                self._segments,
                count,
                layout.wy,
                layout.reach,
                self._m4,
                self._flat,
                self._centre,
                self._weight,
                self._slope,
                self._intercept,
                predicted,
            )
        return predicted

    def inputs_of(
        self, values: np.ndarray, origin: int, chosen: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
        """What the network sees of chosen voxels of a slab; training samples are drawn from it.

        Parameters
        ----------
        values
            uint16 of the engine's shape, packed.
        origin
            The slab's origin value.
        chosen
            bool of the engine's shape.

        Yields
        ------
        tuple of numpy.ndarray
            Of some voxels outside flat contexts: inputs, int8 (n, inputs); p, int32 (n,) in 1/16;
            2^26 / scale of the errors, int32 (n,); packed values, uint16 (n,).
        """
        layout = self.layout
        store = layout.empty(1)
        skew(values, store[0], origin, layout.wy, layout.reach)
        mask = layout.empty(1)
        skew(chosen.astype(np.uint16), mask[0], 0, layout.wy, layout.reach)
        at = np.zeros(self._capacity, dtype=np.int64)
        targets = np.zeros(self._capacity, dtype=np.uint16)
        for count, _, columns, inputs in self._steps_of(store):
            taken = kernels.choose(
                store, mask, self._segments, count, layout.reach, self._flat, at, targets
            )
            if taken and columns:
                pick = at[:taken]
                yield (
                    inputs[:, pick].T.copy(),
                    self._predicted[pick],
                    self._reciprocal[pick],
                    targets[:taken].copy(),
                )

    def _distributions(self, store: np.ndarray) -> Iterator[tuple[int, int]]:
        """Step by step, leave every voxel's distribution in the engine's arrays.

        Yields the number of segments of the step, and of those of one slab.
        """
        network, products = self._network, self._products
        for count, per_slab, columns, inputs in self._steps_of(store):
            if columns:
                width = inputs.shape[1]
                sums = products[0](width)
                for number, layer in enumerate(network.hidden):
                    last = number + 1 == len(products)
                    after = self._head if last else products[number + 1]
                    kernels.activate(sums, layer.bias, layer.shift, after.input_view(width))
                    sums = after(width)
                kernels.distributions(
                    sums,
                    network.head.bias,
                    network.head.shift,
                    self._predicted,
                    self._reciprocal,
                    self._exp_table,
                    columns,
                    self._centre,
                    self._weight,
                    self._slope,
                    self._intercept,
                )
            yield count, per_slab

    def _steps_of(self, store: np.ndarray) -> Iterator[tuple[int, int, int, np.ndarray]]:
        """Step by step, leave every voxel's inputs in the first product's; then learn from it.

        Yields the number of segments of the step, of those of one slab, of columns, and the inputs.
        The store must hold the values of the step when the next one is asked for.
        """
        layout, network = self.layout, self._network
        form = network.architecture
        slabs, depth, _, columns_of_store = store.shape
        shape = (slabs, depth, self._ring_rows, columns_of_store)
        rings = (np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.int32))
        coefficients = np.zeros((slabs, depth, form.taps, layout.shape[1]), dtype=np.int32)
        count = width = 0
        for t in range(layout.steps):
            count, columns, width = kernels.advance(
                store,
                rings,
                coefficients,
                t,
                layout.shape,
                layout.wz,
                layout.wy,
                layout.reach,
                self._steps,
                self._references,
                self._nearest,
                self._nearest_count,
                self._lists,
                self._used,
                self._usable,
                network.linear,
                network.linear_reach,
                self._px,
                self._py,
                self._log_table,
                self._log_offsets,
                self._segments,
                self._m4,
                self._spread,
                self._flat,
                self._columns,
                self._products[0].inputs,
                GRANULE,
                self._scratch,
                self._doubles,
                count,
                width,
            )
            if count:
                yield count, count // slabs, columns, self._products[0].input_view(width)
