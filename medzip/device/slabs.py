"""Many slabs and their bytes: `medzip.codec.encode_slab` and `decode_slab`, stepped together.

The bytes are the same; only the words between header and checksum come from a device. Slabs of
one shape go through it together, as many as its memory takes.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch

from medzip.codec.parts import Opened, open_slab, pack_slab, seal_slab
from medzip.device.engine import DeviceEngine
from medzip.device.group import device_bytes
from medzip.device.stepping import device_named
from medzip.models.network import network_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from medzip.codec.model import Model

__all__ = ["DeviceCodec", "decode_slabs", "encode_slabs", "slabs_together"]

MOST_TOGETHER = 64
_ENGINES_KEPT = 2
CPU_BYTES = 1 << 30
"""What a step may take where the device is the CPU itself."""


def slabs_together(model: Model, shape: tuple[int, int, int], device: str = "cuda") -> int:
    """How many slabs of a shape are stepped together: what half of the free memory takes."""
    where = device_named(device)
    free = CPU_BYTES if where.type == "cpu" else torch.cuda.mem_get_info(where)[0] // 2
    network, count = network_of(model), MOST_TOGETHER
    while count > 1 and device_bytes(network, shape, count) > free:
        count -= 1
    return count


class DeviceCodec:
    """Codes slabs with one model on a device, and keeps what it built for the next ones.

    One thread may use it at a time.

    Parameters
    ----------
    model
        The predictor; the same is needed to decode.
    device, threads
        As in `medzip.device.DeviceEngine`.
    together
        The most slabs that are stepped together; by default what memory allows, up to 64.
    fused
        As in `medzip.device.DeviceEngine`.

    Raises
    ------
    ValueError
        The device is not there.
    """

    def __init__(
        self,
        model: Model,
        device: str = "cuda",
        threads: int | None = None,
        together: int | None = None,
        fused: bool = False,
    ) -> None:
        device_named(device)
        self._model, self._device, self._fused = model, device, fused
        self._threads, self._together = threads, together
        self._kept: OrderedDict[tuple[int, int, int], DeviceEngine] = OrderedDict()

    def encode(self, slabs: Sequence[np.ndarray]) -> list[bytes]:
        """Slabs to bytes, the very ones of `medzip.codec.encode_slab`.

        Parameters
        ----------
        slabs
            (z, y, x) of uint8, int8, uint16 or int16; those of one shape are coded together.

        Raises
        ------
        UnsupportedVoxelsError
            Another dtype, not three non-empty dimensions, or more than 2^27 voxels a slab.
        """
        model = self._model
        with ThreadPoolExecutor(self._threads) as pool:
            packed = list(pool.map(pack_slab, slabs))
            words: list[bytes | None] = [None] * len(packed)
            shapes = [slab.shape_coded if slab.is_coded(model) else None for slab in packed]
            for engine, batch in self._batches(shapes):
                chosen = [packed[i] for i in batch]
                coded = engine.encode(
                    [slab.arranged for slab in chosen],
                    [slab.origin for slab in chosen],
                    [slab.packing.count for slab in chosen],
                )
                for i, body in zip(batch, coded, strict=True):
                    words[i] = body
            return list(pool.map(seal_slab, packed, words, [model] * len(packed)))

    def decode(self, data: Sequence[bytes]) -> list[np.ndarray]:
        """Bytes back to slabs; what `medzip.codec.decode_slab` gives for each.

        Raises
        ------
        CorruptStreamError
            Bytes are damaged, or decoded values do not match their checksum.
        ModelError
            A slab was coded with another model.
        """
        opened = [open_slab(bytes(part), self._model) for part in data]
        values = [slab.plain() for slab in opened]
        shapes = [
            None if found is not None else slab.shape
            for slab, found in zip(opened, values, strict=True)
        ]
        for engine, batch in self._batches(shapes):
            chosen = [opened[i] for i in batch]
            found = engine.decode(
                [slab.body for slab in chosen],
                [slab.header.origin for slab in chosen],
                [slab.header.count for slab in chosen],
            )
            for i, slab in zip(batch, found, strict=True):
                values[i] = slab
        with ThreadPoolExecutor(self._threads) as pool:
            return list(pool.map(Opened.voxels, opened, values))

    def _batches(
        self, shapes: Sequence[tuple[int, int, int] | None]
    ) -> Iterator[tuple[DeviceEngine, list[int]]]:
        """Engines, and which slabs each takes at once, of those that have a shape."""
        alike: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for number, shape in enumerate(shapes):
            if shape is not None:
                alike[shape].append(number)
        for shape, numbers in alike.items():
            most = self._together or slabs_together(self._model, shape, self._device)
            batches = -(-len(numbers) // most)
            engine = self._engine(shape, -(-len(numbers) // batches))
            for start in range(0, len(numbers), engine.slabs):
                yield engine, numbers[start : start + engine.slabs]

    def _engine(self, shape: tuple[int, int, int], slabs: int) -> DeviceEngine:
        """An engine for at least so many slabs."""
        kept = self._kept.pop(shape, None)
        if kept is None or kept.slabs < slabs:
            del kept  # its memory first
            while len(self._kept) >= _ENGINES_KEPT:
                self._kept.popitem(last=False)
            network = network_of(self._model)
            kept = DeviceEngine(
                network, shape, slabs, self._device, self._threads, fused=self._fused
            )
        self._kept[shape] = kept
        return kept


def encode_slabs(
    slabs: Sequence[np.ndarray],
    model: Model,
    device: str = "cuda",
    threads: int | None = None,
    together: int | None = None,
) -> list[bytes]:
    """Slabs to bytes; arguments and errors as `DeviceCodec` and its `encode` have them."""
    return DeviceCodec(model, device, threads, together).encode(slabs)


def decode_slabs(
    data: Sequence[bytes],
    model: Model,
    device: str = "cuda",
    threads: int | None = None,
    together: int | None = None,
) -> list[np.ndarray]:
    """Bytes back to slabs; arguments and errors as `DeviceCodec` and its `decode` have them."""
    return DeviceCodec(model, device, threads, together).decode(data)
