"""Voxels as an engine takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from medzip.codec.packing import choose_packing, histogram, pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

__all__ = ["Batch", "Packed", "packed"]


class Packed(NamedTuple):
    """A slab packed: values of uint16, the first of them, and how many values there may be."""

    values: np.ndarray
    origin: int
    count: int  # type: ignore[assignment]  # in place of the method of tuples


class Batch(NamedTuple):
    """Slabs of one shape, as the arguments of `SlabEngine.encode`."""

    values: list[np.ndarray]
    origins: list[int]
    counts: list[int]

    @classmethod
    def of(cls, slabs: Sequence[Packed]) -> Batch:
        """Packed slabs side by side."""
        return cls(*([slab[i] for slab in slabs] for i in range(3)))  # type: ignore[arg-type]


def packed(voxels: np.ndarray) -> Packed:
    """Pack a slab as the codec does it."""
    low, counts = histogram(voxels)
    chosen = choose_packing(voxels.dtype.name, low, counts)
    values = pack(voxels, chosen)
    return Packed(values, int(values[0, 0, 0]), chosen.count)
