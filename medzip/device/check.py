"""Whether a device and the CPU write the same bytes and read each other's, and how fast.

    medzip bench device --device cuda --voxels 100000000 --profile default

It codes a synthetic volume (or `--volume file.npy`) on the device and decodes that on the CPU;
codes it on the CPU and decodes that on the device; compares the bytes and the voxels; and prints
million voxels a second of each. A GPU does all once before it is measured, which captures its steps
and tries its products.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from medzip.codec import decode_slab, encode_slab, slab_depth
from medzip.device.slabs import DeviceCodec

if TYPE_CHECKING:
    from collections.abc import Callable

    from medzip.codec import Model

__all__ = ["Outcome", "check", "sliced", "synthetic_slabs"]

T = TypeVar("T")
_PLANES = (512, 256, 128, 64, 32)
_VARIANTS = 4
"""Slabs that are made; the others are these with other noise, so that making them is quick."""


@dataclass(frozen=True)
class Outcome:
    """What a check found; speeds in voxels a second."""

    voxels: int
    stored: int
    same_bytes: bool
    device_reads: bool
    cpu_reads: bool
    device_encode: float
    device_decode: float
    cpu_encode: float
    cpu_decode: float

    @property
    def passed(self) -> bool:
        """Whether everything was the same, bit for bit."""
        return self.same_bytes and self.device_reads and self.cpu_reads


def check(
    slabs: list[np.ndarray],
    model: Model,
    device: str,
    threads: int | None = None,
    together: int | None = None,
    fused: bool = False,
) -> Outcome:
    """Code slabs on a device and on the CPU, each way; arguments as `DeviceCodec` has them."""
    torch.set_num_threads(1)  # on the CPU each thread codes a slab of its own
    voxels = sum(slab.size for slab in slabs)

    def timed(work: Callable[[], T]) -> tuple[T, float]:
        start = time.perf_counter()
        found = work()
        return found, voxels / (time.perf_counter() - start)

    codec = DeviceCodec(model, device, threads, together, fused)
    with ThreadPoolExecutor(threads) as pool:
        models = [model] * len(slabs)
        theirs, cpu_encode = timed(lambda: list(pool.map(encode_slab, slabs, models)))
        if device != "cpu" or fused:
            codec.decode(codec.encode(slabs))  # captures the steps
        ours, device_encode = timed(lambda: codec.encode(slabs))
        by_device, device_decode = timed(lambda: codec.decode(theirs))
        by_cpu, cpu_decode = timed(lambda: list(pool.map(decode_slab, ours, models)))
    return Outcome(
        voxels,
        sum(map(len, theirs)),
        ours == theirs,
        all(map(np.array_equal, by_device, slabs)),
        all(map(np.array_equal, by_cpu, slabs)),
        device_encode,
        device_decode,
        cpu_encode,
        cpu_decode,
    )


def synthetic_slabs(voxels: int, profile: str, seed: int = 0) -> list[np.ndarray]:
    """Slabs of int16 with at least so many voxels in all: a textured, noisy disc in air.

    Parameters
    ----------
    voxels
        How many at least.
    profile
        Sets the slices a slab.
    seed
        The same seed gives the same slabs.
    """
    edge = next((edge for edge in _PLANES if 8 * edge * edge <= voxels), _PLANES[-1])
    slices = -(-voxels // (edge * edge))
    depth = slab_depth((slices, edge, edge), profile)
    count = -(-slices // depth)
    generator = np.random.default_rng(seed)
    made = [_textured((depth, edge, edge), generator) for _ in range(min(count, _VARIANTS))]
    return [
        _dithered(made[number % _VARIANTS], generator) if number >= _VARIANTS else made[number]
        for number in range(count)
    ]


def _textured(shape: tuple[int, int, int], generator: np.random.Generator) -> np.ndarray:
    """Waves of several lengths and correlated noise within a disc, a constant outside."""
    z, y, x = (
        np.linspace(-1, 1, size, dtype=np.float32).reshape(np.roll([-1, 1, 1], axis))
        for axis, size in enumerate(shape)
    )
    field = np.zeros(shape, dtype=np.float32)
    for _ in range(6):
        wave = generator.normal(0, 12, 3)
        phase = wave[0] * z / 4 + wave[1] * y + wave[2] * x + generator.uniform(0, 6)
        field += 60 * np.sin(phase)
    noise = generator.standard_normal(shape, dtype=np.float32)
    field += 9 * (noise + np.roll(noise, 1, axis=2) + np.roll(noise, 1, axis=1))
    inside = (x * x + y * y < 0.9) & np.ones(shape, dtype=bool)
    return np.where(inside, np.rint(field + 40), -1000).astype(np.int16)


def _dithered(slab: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """The same with a bit of other noise, so that its words differ."""
    noise = generator.integers(-2, 3, slab.shape, dtype=np.int16)
    return np.where(slab > -1000, slab + noise, slab)


def sliced(volume: np.ndarray, profile: str) -> list[np.ndarray]:
    """A volume of a file as slabs of one depth, as far as they go, and the rest."""
    slices, height, width = volume.shape
    depth = slab_depth((slices, height, width), profile)
    return [np.ascontiguousarray(volume[z : z + depth]) for z in range(0, len(volume), depth)]
