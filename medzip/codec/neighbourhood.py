"""Which voxels a voxel is predicted from: an ordered set of causal offsets.

An offset (dz, dy, dx) is causal when it precedes the origin in raster order: an earlier slice, or
an earlier row of the same slice, or an earlier voxel of the same row (papers: "current slice
causal, earlier slices full windows").
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import isqrt

import numpy as np

__all__ = ["Neighbourhood", "disc"]

Offset = tuple[int, int, int]


@dataclass(frozen=True)
class Neighbourhood:
    """An ordered set of causal offsets (dz, dy, dx).

    Offsets of the current slice come first, then those of the slice before, and so on, so that at
    the start of a slab, where earlier slices do not exist, the usable ones are a prefix.

    Parameters
    ----------
    offsets
        The offsets, in the order in which features are numbered.

    Raises
    ------
    ValueError
        An offset is not causal, stands twice, or a nearer slice follows a farther one.
    """

    offsets: tuple[Offset, ...]

    def __post_init__(self) -> None:
        for offset in self.offsets:
            if not offset < (0, 0, 0):
                raise ValueError(
                    f"expected offsets that precede (0, 0, 0) in raster order, got {offset}; "
                    "drop it or mirror it"
                )
        if len(set(self.offsets)) != len(self.offsets):
            raise ValueError("expected each offset once, got one twice; remove the repetition")
        planes = [dz for dz, _, _ in self.offsets]
        if planes != sorted(planes, reverse=True):
            raise ValueError(
                "expected the current slice first, then the one before; sort the offsets by dz"
            )

    def __len__(self) -> int:
        return len(self.offsets)

    @cached_property
    def array(self) -> np.ndarray:
        """The offsets, int64 of shape (len, 3)."""
        return np.array(self.offsets, dtype=np.int64).reshape(-1, 3)

    @property
    def depth(self) -> int:
        """How many earlier slices are read."""
        return -min((dz for dz, _, _ in self.offsets), default=0)

    @property
    def reach(self) -> int:
        """The farthest |dy| or |dx|, in voxels: the margin that a padded slice needs."""
        return max((max(abs(dy), abs(dx)) for _, dy, dx in self.offsets), default=0)

    def usable(self, z: int) -> int:
        """How many offsets, from the first, have a slice to read from at slice `z` of a slab."""
        return sum(1 for dz, _, _ in self.offsets if z + dz >= 0)

    def nearest(self, count: int, z: int) -> tuple[int, ...]:
        """Indices of the `count` nearest usable offsets at slice `z` of a slab.

        Distance is dx² + dy² + 1.5 dz² (slices are farther apart than voxels); ties keep the order
        of the neighbourhood. Where fewer are usable, the list is shorter.
        """
        ranked = sorted(
            range(self.usable(z)),
            key=lambda i: (
                2 * (self.offsets[i][1] ** 2 + self.offsets[i][2] ** 2)
                + 3 * self.offsets[i][0] ** 2,
                i,
            ),
        )
        return tuple(sorted(ranked[:count]))


def disc(squared_radii: tuple[int, ...], right_reach: int = 3) -> Neighbourhood:
    """Causal half of a disc in the current slice, full discs in the slices before it.

    Parameters
    ----------
    squared_radii
        dx² + dy² at most, for the current slice, the one before, ...
    right_reach
        The farthest dx in the row just above. It sets how steep the wavefront must be
        (`wavefront`), so one voxel less there makes all batches larger.

    Examples
    --------
    >>> len(disc((20, 9, 4)))
    75
    """
    offsets: list[Offset] = []
    for back, limit in enumerate(squared_radii):
        reach = isqrt(limit)
        plane = [
            (-back, dy, dx)
            for dy in range(-reach, reach + 1)
            for dx in range(-reach, reach + 1)
            if dx * dx + dy * dy <= limit
            and (back > 0 or (dy, dx) < (0, 0))
            and not (back == 0 and dy == -1 and dx > right_reach)
        ]
        plane.sort(key=lambda o: (o[1] ** 2 + o[2] ** 2, o))
        offsets += plane
    return Neighbourhood(tuple(offsets))
