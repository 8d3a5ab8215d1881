"""The device's part of coding some slabs together: distributions out, values in."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medzip.device.mixture import Predictor
from medzip.device.products import full_precision
from medzip.device.stepping import Line
from medzip.device.walk import Walk
from medzip.device.words import PARAMETERS

if TYPE_CHECKING:
    from collections.abc import Callable

    from medzip.codec.plain.network import Network

__all__ = ["Group", "device_bytes"]

CHUNK_BYTES = 1 << 25
MOST_CHUNK = 64
"""Encoding hands over the intervals of so many steps at once, at most."""


def device_bytes(network: Network, shape: tuple[int, int, int], slabs: int) -> int:
    """About what coding so many slabs takes on the device; it does not grow with the series.

    Rings and coefficients, the packed voxels (for encoding), intervals of a chunk of steps, and a
    step's intermediate tensors, which is the most of it for small slabs.
    """
    form = network.architecture
    depth, height, width = shape
    wave = Walk.geometry(network, shape)
    kept = 12 * wave.cells(slabs) + 4 * form.taps * slabs * depth * height
    kept += 2 * slabs * depth * height * width + CHUNK_BYTES
    lane = 24 * len(form.neighbourhood) + 64 * form.inputs + 16 * max(form.hidden) + 1500
    return kept + lane * slabs * wave.lanes


class Group:
    """Slabs of one shape that step together on a device.

    Parameters
    ----------
    network, shape, slabs, device
        As in `medzip.device.walk.Walk`.
    chunk
        Steps whose intervals are handed over at once; a power of two.
    product
        As `kind` of `medzip.device.products.Product`.
    fused
        As in `medzip.device.DeviceEngine`.

    Attributes
    ----------
    slabs
        How many.
    numbers
        int32 (9, slabs, depth, places) of the host: what `ask` fetches.
    values
        uint16 (slabs, depth, places) of the host: what `tell` passes on.
    """

    def __init__(
        self,
        network: Network,
        shape: tuple[int, int, int],
        slabs: int,
        device: torch.device,
        chunk: int,
        product: str | None = None,
        fused: bool = False,
    ) -> None:
        self.slabs, self._shape, self._chunk, self._device = slabs, shape, chunk, device
        self._line = Line(device)
        with self._line():
            self._walk = Walk(network, shape, slabs, device)
            self._lanes = (slabs, shape[0], self._walk.wave.layout.longest_segment)
            self._predictor = Predictor(network, int(np.prod(self._lanes)), device, product)
        self._seen: Any = None
        # parts of a step that only compute
        fuse = partial(torch.compile, dynamic=False, fullgraph=True) if fused else _as_it_is
        self._see = fuse(self._walk.see)
        self._outcome = fuse(self._walk.outcome)
        self._parameters = fuse(self._predictor.parameters)
        self._intervals = fuse(self._predictor.intervals)
        self._done: list[Callable[[], None]] = [lambda: None, lambda: None]
        self._decoding: list[Callable[[], None]] = []
        self._encoding: list[Callable[[], None]] = []

    # decoding: ask, then tell, step by step

    def start_decoding(self, origins: list[int]) -> None:
        """Go to the first step of slabs with these origin values."""
        if not self._decoding:
            line = self._line
            self._numbers_out = line.buffer((PARAMETERS, *self._lanes), torch.int32)
            self._values_in = line.buffer(self._lanes, torch.int16)
            self.numbers = self._numbers_out.numpy()
            self.values = self._values_in.numpy().view(np.uint16)
            with line():
                self._numbers = torch.zeros_like(self._numbers_out, device=self._device)
                self._values = torch.zeros_like(self._values_in, device=self._device)
            self._decoding = line.repeatable(self._ask, self._tell)
        self._reset(origins)

    def ask(self) -> None:
        """Have the distributions of the step made and fetched; `wait` for them."""
        with self._line():
            self._decoding[0]()
            self._numbers_out.copy_(self._numbers, non_blocking=True)
            self._done[0] = self._line.mark()

    def tell(self) -> None:
        """Pass the values of the step on."""
        with self._line():
            self._values.copy_(self._values_in, non_blocking=True)
            self._decoding[1]()

    def wait(self, buffer: int = 0) -> None:
        """Until what was asked for last, or the chunk in a buffer, is there."""
        self._done[buffer]()

    def _ask(self) -> None:
        self._seen = self._see()  # kept, because `_tell` reads what a graph leaves there
        with full_precision():
            self._numbers.copy_(self._parameters(self._seen))

    def _tell(self) -> None:
        values = self._values.to(torch.int32) & 0xFFFF
        self._walk.remember(self._outcome(self._seen, values))

    # encoding: chunk by chunk

    def start_encoding(
        self, values: list[np.ndarray], origins: list[int], counts: list[int]
    ) -> None:
        """Load packed slabs and go to their first step."""
        line = self._line
        if not self._encoding:
            shape = (self._chunk, 2, *self._lanes)
            self._pairs_out = [line.buffer(shape, torch.int32) for _ in range(2)]
            self.pairs = [pairs.numpy() for pairs in self._pairs_out]
            with line():
                self._pairs = torch.zeros_like(self._pairs_out[0], device=self._device)
                self._volume = torch.zeros(
                    (self.slabs, *self._shape), dtype=torch.int16, device=self._device
                )
                self._limits = torch.ones(
                    (self.slabs, 1, 1), dtype=torch.int64, device=self._device
                )
            self._encoding = line.repeatable(self._encode)
        with line():
            for place, slab in zip(self._volume, values, strict=False):
                place.copy_(torch.from_numpy(np.ascontiguousarray(slab).view(np.int16)))
            self._limits[: len(counts), 0, 0] = torch.tensor(counts, device=self._device)
        self._reset(origins)

    def encode(self, steps: int, buffer: int) -> None:
        """Have the intervals of the next steps made and fetched into `pairs[buffer]`.

        Steps are counted in chunks from the first; `wait` for the buffer.
        """
        with self._line():
            for _ in range(steps):
                self._encoding[0]()
            self._pairs_out[buffer][:steps].copy_(self._pairs[:steps], non_blocking=True)
            self._done[buffer] = self._line.mark()

    def _encode(self) -> None:
        walk = self._walk
        seen = self._see()
        at = seen.rows * self._shape[2] + seen.places.x
        values = self._volume.view(-1).index_select(0, at.view(-1)).view(at.shape)
        values = values.to(torch.int32) & 0xFFFF
        with full_precision():
            pairs = self._intervals(seen, values, self._limits)
        self._pairs.index_copy_(0, walk.t & (self._chunk - 1), pairs[None])
        walk.remember(self._outcome(seen, values))

    def _reset(self, origins: list[int]) -> None:
        with self._line():
            filled = [*origins, *[0] * (self.slabs - len(origins))]
            self._walk.reset(torch.tensor(filled, dtype=torch.int32, device=self._device))


def _as_it_is(work: Callable[..., Any]) -> Callable[..., Any]:
    """Not fused: each tensor operation is a kernel."""
    return work
