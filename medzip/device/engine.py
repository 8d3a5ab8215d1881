"""One network on slabs of one shape, with a device between voxels and distributions.

`DeviceEngine` writes and reads the words of `medzip.codec.fast.engine.Engine`, bit for bit. The
device (`group`) does all that `medzip.codec` defines between voxels and distributions; the host
codes symbols (`words`), which is one dependent chain a slab and so a thread's work:

    decoding    device: distributions of step t -> host: values of step t -> device: learn them
    encoding    device: intervals of many steps, one step after the other -> host: words

To decode, device and host wait for each other; two groups of slabs take turns, so that one's
distributions are made while the other's values are decoded.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.fast import coder, rangecoder
from medzip.codec.fast.distribution import logistic
from medzip.codec.fast.held import hold
from medzip.cores import cores
from medzip.device.group import CHUNK_BYTES, MOST_CHUNK, Group
from medzip.device.stepping import device_named
from medzip.device.walk import Walk
from medzip.device.words import Lanes, decode_lanes, encode_lanes
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from medzip.codec.fast.layout import Layout
    from medzip.codec.plain.network import Network

__all__ = ["DeviceEngine"]

WORDS_A_VOXEL = 8
"""As in `medzip.codec.fast.engine`: no voxel takes more."""


class DeviceEngine:
    """Codes batches of slabs of one shape with one network on a device.

    One thread may use it at a time. What it keeps on the device is given by
    `medzip.device.group.device_bytes` and does not depend on how many batches it codes.

    Parameters
    ----------
    network
        The predictor.
    shape
        (depth, height, width) of every slab, voxels.
    slabs
        The most slabs that are coded together.
    device
        "cuda", "cuda:1", ... or "cpu".
    threads
        Threads of the host that code symbols; by default one a core.
    groups
        In how many groups the slabs take turns; by default two on CUDA, one on a CPU.
    product
        As `kind` of `medzip.device.products.Product`.
    fused
        Have `torch.compile` fuse a step's 300 kernels into few, which takes a minute at the start.

    Attributes
    ----------
    slabs
        As given.

    Raises
    ------
    ValueError
        The device is not there, or the slabs are too many for its tensors.
    ModelError
        No matrix product of the device is exact.
    """

    def __init__(
        self,
        network: Network,
        shape: tuple[int, int, int],
        slabs: int = 1,
        device: str = "cuda",
        threads: int | None = None,
        groups: int | None = None,
        product: str | None = None,
        fused: bool = False,
    ) -> None:
        where = device_named(device)
        if groups is None:
            groups = 2 if where.type == "cuda" else 1
        groups = max(1, min(groups, slabs))
        wave = Walk.geometry(network, shape)
        self._layout = wave.layout
        self._threads = max(1, threads or cores())
        largest = -(-slabs // groups)
        chunk = max(1, min(MOST_CHUNK, CHUNK_BYTES // (8 * largest * wave.lanes)))
        self._chunk = 1 << (chunk.bit_length() - 1)
        self._room = self._chunk * wave.lanes * WORDS_A_VOXEL
        self.slabs = slabs
        self._groups = [
            Group(network, shape, len(part), where, self._chunk, product, fused)
            for part in np.array_split(np.arange(slabs), groups)
        ]

    def encode(
        self, values: list[np.ndarray], origins: list[int], counts: list[int]
    ) -> list[bytes]:
        """Packed slabs to words; as `medzip.codec.fast.engine.Engine.encode`."""
        shares = [
            _Encoding(group, values[part], origins[part], counts[part])
            for group, part in self._shares(len(values))
        ]
        for share in shares:
            share.group.start_encoding(share.values, share.origins, share.counts)
        steps, chunk = self._layout.steps, self._chunk
        waiting: list[Future[None]] = []
        with ThreadPoolExecutor(self._threads) as pool:
            for number in range(-(-steps // chunk) + 1):
                # the chunk before the last: it was in the buffer that is filled now, and its
                # words come before those of the last
                for future in waiting:
                    future.result()
                left = min(chunk, steps - number * chunk)
                for share in shares:
                    if left > 0:
                        share.group.encode(left, number % 2)
                if number:
                    waiting = self._submit(pool, shares, number - 1)
            for future in waiting:
                future.result()
        return [words for share in shares for words in share.finish()]

    def decode(self, data: list[bytes], origins: list[int], counts: list[int]) -> list[np.ndarray]:
        """Words to packed slabs; as `medzip.codec.fast.engine.Engine.decode`.

        Raises
        ------
        CorruptStreamError
            No encoder could have written these words.
        """
        shares = [
            _Decoding(group, data[part], origins[part], counts[part], self._layout)
            for group, part in self._shares(len(data))
        ]
        for share in shares:
            share.start()
            share.group.ask()
        steps = self._layout.steps
        sound = True
        with ThreadPoolExecutor(self._threads) as pool:
            for t in range(steps):
                for share in shares:
                    share.group.wait()
                    sound = sound and self._decode_step(pool, share, t)
                    if t + 1 < steps and sound:
                        share.group.tell()
                        share.group.ask()
                if not sound:
                    break
        if not (sound and all(share.all_read() for share in shares)):
            raise CorruptStreamError(
                "expected words that an encoder could have written, got others; "
                "restore the object from a copy"
            )
        return [volume for share in shares for volume in share.volume]

    def _shares(self, slabs: int) -> list[tuple[Group, slice]]:
        """The groups that have work, and which slabs are theirs."""
        if slabs > self.slabs:
            raise ValueError(
                f"expected at most {self.slabs} slabs, got {slabs}; make an engine for more, or "
                "code them in batches"
            )
        shares, start = [], 0
        for group in self._groups:
            end = min(slabs, start + group.slabs)
            if start < end:
                shares.append((group, slice(start, end)))
            start = end
        return shares

    def _submit(
        self, pool: ThreadPoolExecutor, shares: list[_Encoding], number: int
    ) -> list[Future[None]]:
        """Have the words of a chunk written, once it is there."""
        layout, start = self._layout, number * self._chunk
        steps = min(self._chunk, layout.steps - start)
        for share in shares:
            share.group.wait(number % 2)

        def write(share: _Encoding, slabs: range) -> None:
            pairs = share.group.pairs[number % 2]
            for b in slabs:
                words = share.words_with_room(b, self._room)
                out = coder.Stream(share.counts[b], share.state[b], share.bits[b], words)
                share.positions[b] = encode_lanes(
                    pairs, b, start, steps, layout, out, share.positions[b]
                )

        return [
            pool.submit(write, share, slabs)
            for share in shares
            for slabs in _parts(len(share.values), self._threads)
        ]

    def _decode_step(self, pool: ThreadPoolExecutor, share: _Decoding, t: int) -> bool:
        def read(slabs: range) -> bool:
            return bool(decode_lanes(share.lanes, t, slabs.start, slabs.stop))

        first, *others = _parts(len(share.data), self._threads)
        futures = [pool.submit(read, slabs) for slabs in others]
        sound = read(first)  # this thread works too
        return all(future.result() for future in futures) and sound


@dataclass
class _Encoding:
    """Words of a group's slabs as they grow."""

    group: Group
    values: list[np.ndarray]
    origins: list[int]
    counts: list[int]

    def __post_init__(self) -> None:
        slabs = len(self.values)
        self.state = rangecoder.encoder_state(slabs)
        self.bits = coder.fresh_bits(slabs)
        self.positions = [0] * slabs
        self._words = [np.zeros(slab.size // 4, dtype=np.uint32) for slab in self.values]

    def words_with_room(self, b: int, room: int) -> np.ndarray:
        """The words of a slab, with room for so many more."""
        words = self._words[b]
        if self.positions[b] + room > len(words):
            larger = np.zeros(max(2 * len(words), self.positions[b] + room), dtype=np.uint32)
            larger[: self.positions[b]] = words[: self.positions[b]]
            self._words[b] = words = larger
        return words

    def finish(self) -> list[bytes]:
        out = []
        for b, position in enumerate(self.positions):
            words = self.words_with_room(b, 2)
            length = rangecoder.finish(self.state[b], words, position)
            out.append(words[:length].astype("<u4").tobytes())
        return out


@dataclass
class _Decoding:
    """Words of a group's slabs as they are read, and the values they gave."""

    group: Group
    data: list[bytes]
    origins: list[int]
    counts: list[int]
    layout: Layout

    def start(self) -> None:
        """Go to the first step."""
        slabs, group = len(self.data), self.group
        group.start_decoding(self.origins)
        self._words = coder.decoder(self.data, self.counts)
        self.volume = np.zeros((slabs, *self.layout.shape), dtype=np.uint16)
        self.lanes = hold(
            Lanes(self.layout, group.numbers, group.values, self.volume, self._words, logistic())
        )

    def all_read(self) -> bool:
        """Whether every stream was read to its end."""
        return coder.all_read(self._words, self.data)


def _parts(slabs: int, threads: int) -> list[range]:
    """Ranges of slabs, one a thread."""
    count = min(slabs, threads)
    edges = [slabs * i // count for i in range(count + 1)]
    return [range(first, last) for first, last in pairwise(edges)]
