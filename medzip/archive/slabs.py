"""Slices in any order -> raw slabs, each written once where the slices come in order."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np
import zarr

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from medzip.archive.handles import StagedVolume

__all__ = ["SlabWriter"]

_BUFFERED = 256 << 20


class SlabWriter:
    """A volume in the making, as a Zarr array whose chunks are slabs.

    Slabs not yet full are held in memory, up to 256 MiB of them; beyond that the oldest is written
    and read again when another slice of it comes.

    Parameters
    ----------
    path : Path
        Folder of the Zarr array.
    volume : StagedVolume
        Shape, dtype and depth of slabs.
    """

    def __init__(self, path: Path, volume: StagedVolume) -> None:
        z, y, x = volume.shape
        self.shape = volume.shape
        self.dtype = volume.dtype
        self._depth = volume.depth
        self._open: OrderedDict[int, NDArray[np.generic]] = OrderedDict()
        slab_bytes = volume.depth * y * x * np.dtype(volume.dtype).itemsize
        self._limit = max(2, _BUFFERED // slab_bytes)
        self._filled = np.zeros(-(-z // volume.depth), np.int64)
        self._array = zarr.create_array(
            str(path),
            shape=volume.shape,
            chunks=(volume.depth, y, x),
            dtype=volume.dtype,
            filters=None,
            compressors=None,
            fill_value=0,
            config={"write_empty_chunks": True},
        )

    def write(self, z: int, step: int, voxels: NDArray[np.generic]) -> None:
        """Place slices at z, z + step, ..."""
        for k in range(voxels.shape[0]):
            number, inside = divmod(z + k * step, self._depth)
            if number not in self._open:
                if len(self._open) >= self._limit:
                    self._flush_one()
                low, high = self._range(number)
                fresh = self._filled[number] == 0
                self._open[number] = (
                    np.zeros((high - low, *self.shape[1:]), self.dtype)
                    if fresh
                    else np.asarray(self._array[low:high])
                )
            self._open[number][inside] = voxels[k]
            self._filled[number] += 1

    def flush(self) -> None:
        """Write what is still open.

        Raises
        ------
        ValueError
            When a slice was never given (a plan that contradicts itself).
        """
        while self._open:
            self._flush_one()
        if self._filled.sum() != self.shape[0]:
            raise ValueError(
                f"expected {self.shape[0]} slices, got {self._filled.sum()}; scan again"
            )

    def _flush_one(self) -> None:
        number, voxels = self._open.popitem(last=False)
        low, high = self._range(number)
        self._array[low:high] = voxels

    def _range(self, number: int) -> tuple[int, int]:
        low = number * self._depth
        return low, min(low + self._depth, self.shape[0])
