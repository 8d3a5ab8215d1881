"""One network on slabs of one shape: the fast path, step by step of the wavefront.

`encode` and `decode` run the same steps; only the coder differs. Several slabs are stepped
together, so batches stay large when slabs are small.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.fast import coder, kernels
from medzip.codec.fast.held import hold
from medzip.codec.fast.layout import Layout, first_margins, skew, unskew
from medzip.codec.fast.products import Product
from medzip.codec.fast.work import capacity_of, fresh_work, start
from medzip.codec.plain.network import OUTPUTS
from medzip.codec.schedule import wavefront
from medzip.cores import one_thread
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.codec.fast.held import Held
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
        self.layout = layout = Layout.of(shape, neighbourhood, wavefront(neighbourhood))
        self._network = network
        self._capacity = capacity = capacity_of(layout, slabs)
        self._products = [
            Product(layer.weight.astype(np.int8), capacity, exact_int8) for layer in network.hidden
        ]
        head = network.head.weight.astype(np.int32)
        high = (head + 64) >> 7
        halves = np.concatenate([high, head - 128 * high]).astype(np.int8)
        padded = np.zeros((-(-len(halves) // 8) * 8, halves.shape[1]), dtype=np.int8)
        padded[: 2 * OUTPUTS] = halves
        self._head = Product(padded, capacity, exact_int8)
        self._work = fresh_work(network, layout, slabs, self._products[0].inputs)

    @property
    def product_kernels(self) -> tuple[str, ...]:
        """What multiplies, a layer (`Product.kernel`)."""
        return tuple(product.kernel for product in (*self._products, self._head))

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
        if not values:
            return []
        layout = self.layout
        store = layout.empty(len(values))
        for value, origin, place in zip(values, origins, store, strict=True):
            skew(value, place, origin, layout)
        most = self._capacity * WORDS_A_VOXEL
        out = coder.encoder(counts, values[0].size // 4 + most)
        work, held = start(self._work, store), hold(out)
        room = 0  # for words, at least; looking it up at each step takes a tenth of a small one
        for count in self._distributions(work):
            if room < most:
                if coder.room(out) < most:
                    out = coder.widened(out)
                    held = hold(out)
                room = coder.room(out)
            coder.encode_step(work, held, count)
            room -= most
        return coder.written(out)

    @one_thread()
    def decode(self, data: list[bytes], origins: list[int], counts: list[int]) -> list[np.ndarray]:
        """Words to packed slabs: the inverse of `encode`.

        Raises
        ------
        CorruptStreamError
            No encoder could have written these words.
        """
        layout = self.layout
        store = layout.empty(len(data))
        for origin, place in zip(origins, store, strict=True):
            first_margins(place, origin, layout)
        source = coder.decoder(data, counts)
        work, held = start(self._work, store), hold(source)
        sound = all(coder.decode_step(work, held, count) for count in self._distributions(work))
        if not (sound and coder.all_read(source, data)):
            raise CorruptStreamError(
                "expected words that an encoder could have written, got others; "
                "restore the object from a copy"
            )
        out = []
        for place in store:
            values = np.empty(layout.shape, dtype=np.uint16)
            unskew(place, values, layout)
            out.append(values)
        return out

    @one_thread()
    def predict(self, values: np.ndarray, origin: int) -> np.ndarray:
        """Mean of each voxel's distribution, rounded; int32 of the engine's shape. For pictures."""
        work = self._start(values, origin)
        predicted = np.zeros(self.layout.shape, dtype=np.int32)
        for count in self._distributions(work):
            kernels.expect(work, count, predicted)
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
        work = self._start(values, origin)
        mask = self.layout.empty(1)
        skew(chosen.astype(np.uint16), mask[0], 0, self.layout)
        at = np.zeros(self._capacity, dtype=np.int64)
        targets = np.zeros(self._capacity, dtype=np.uint16)
        prediction = self._work.prediction
        for count, columns, inputs in self._steps_of(work):
            taken = kernels.choose(work, mask, count, at, targets)
            if taken and columns:
                pick = at[:taken]
                yield (
                    inputs[:, pick].T.copy(),
                    prediction.corrected[pick],
                    prediction.errors.reciprocal[pick],
                    targets[:taken].copy(),
                )

    def _start(self, values: np.ndarray, origin: int) -> Held:
        """Work over one complete slab."""
        store = self.layout.empty(1)
        skew(values, store[0], origin, self.layout)
        return start(self._work, store)

    def _distributions(self, work: Held) -> Iterator[int]:
        """Step by step, leave every voxel's distribution in the work.

        Yields the number of segments of the step.
        """
        network, products = self._network, self._products
        for count, columns, inputs in self._steps_of(work):
            if columns:
                width = inputs.shape[1]
                sums = products[0](width)
                for number, layer in enumerate(network.hidden):
                    last = number + 1 == len(products)
                    after = self._head if last else products[number + 1]
                    kernels.activate(sums, layer.bias, layer.shift, after.input_view(width))
                    sums = after(width)
                kernels.distributions(work, sums, columns)
            yield count

    def _steps_of(self, work: Held) -> Iterator[tuple[int, int, np.ndarray]]:
        """Step by step, leave every voxel's inputs in the first product's; then learn from it.

        Yields the number of segments of the step, of columns, and the inputs. The store must hold
        the values of the step when the next one is asked for.
        """
        count = width = 0
        for t in range(self.layout.steps):
            count, columns, width = kernels.advance(work, t, count, width)
            if count:
                yield count, columns, self._products[0].input_view(width)
