"""Voxels to the integers that are coded, 0 .. N-1, and back.

Two forms. *Offset*: value minus the slab's minimum. *Ranks*: the value's index among the values in
use, where a series uses few of the values in its range (scaled MR: up to half of the bits).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medzip.codec.voxels import check_voxels
from medzip.errors import CorruptStreamError

__all__ = ["Packing", "choose_packing", "pack", "unpack"]

SPARSE = 0.75
"""Ranks are used where less than this share of the values in the bulk of the histogram occurs."""


@dataclass(frozen=True)
class Packing:
    """How packed values map to voxels.

    Attributes
    ----------
    dtype
        Of the voxels.
    minimum
        The voxel value of 0.
    count
        N, how many packed values there are.
    used
        Sorted differences to `minimum` of the values in use, int64 (N,); None for plain offsets.
    """

    dtype: str
    minimum: int
    count: int
    used: np.ndarray | None = None

    def __post_init__(self) -> None:
        info = np.iinfo(self.dtype)
        top = self.count - 1 if self.used is None else int(self.used[-1])
        if not (1 <= self.count <= 65536 and info.min <= self.minimum <= info.max - top):
            raise CorruptStreamError(
                f"expected packed values within {self.dtype}, got minimum {self.minimum} and "
                f"{self.count} values; the stream is damaged"
            )


def histogram(voxels: np.ndarray) -> tuple[int, np.ndarray]:
    """Smallest value, and how often it and each value above it occurs (int64)."""
    voxels = check_voxels(voxels)
    low = int(voxels.min())
    return low, np.bincount(voxels.reshape(-1).astype(np.int64) - low)


def choose_packing(dtype: str, minimum: int, counts: np.ndarray) -> Packing:
    """The packing for a histogram as `histogram` gives it.

    Only the bulk (all but 0.5 % of the voxels at either end) decides: in the tails values are
    missing because voxels are few, and ranks there would only distort distances.
    """
    used = np.flatnonzero(counts)
    cumulative = np.cumsum(counts)
    total = int(cumulative[-1])
    # the end values are left out of the bulk: they collect padding and clipped voxels
    low = int(np.searchsorted(cumulative, max(total // 200, int(counts[0])), side="right"))
    high = int(np.searchsorted(cumulative, total - max(total // 200, int(counts[-1])), side="left"))
    bulk = counts[low : high + 1]
    if len(bulk) >= 8 and total >= 16 * len(bulk) and np.count_nonzero(bulk) < SPARSE * len(bulk):
        return Packing(dtype, minimum, len(used), used.astype(np.int64))
    return Packing(dtype, minimum, len(counts))


def pack(voxels: np.ndarray, packing: Packing) -> np.ndarray:
    """Voxels (z, y, x) to packed values, uint16 of the same shape."""
    offset = voxels.astype(np.int32) - np.int32(packing.minimum)
    if packing.used is None:
        return offset.astype(np.uint16)
    ranks = np.zeros(int(packing.used[-1]) + 1, dtype=np.uint16)
    ranks[packing.used] = np.arange(packing.count, dtype=np.uint16)
    packed: np.ndarray = ranks[offset]
    return packed


def unpack(values: np.ndarray, packing: Packing) -> np.ndarray:
    """Packed values back to voxels; the inverse of `pack`."""
    if packing.used is None:
        return (values.astype(np.int32) + np.int32(packing.minimum)).astype(packing.dtype)
    voxels: np.ndarray = (packing.used + packing.minimum).astype(packing.dtype)[values]
    return voxels
