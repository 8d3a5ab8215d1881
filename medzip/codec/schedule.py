"""When each voxel is coded: linear schedules.

A schedule is an integer vector w = (wz, wy, wx). Voxel v is coded at step t = w · v; all voxels of
one step depend on earlier steps only when w · o <= -1 for every offset o of the neighbourhood, so a
step is one batch. The papers' voxel-by-voxel order, their row-parallel order and the wavefront are
three vectors of this one kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.codec.neighbourhood import Neighbourhood

__all__ = ["Schedule", "raster", "row_parallel", "wavefront"]

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Schedule:
    """The step of voxel (z, y, x) is wz * z + wy * y + wx * x.

    Two voxels of one step are coded in raster order, which defines the order of symbols in a
    stream.
    """

    wz: int
    wy: int
    wx: int

    def allows(self, neighbourhood: Neighbourhood) -> bool:
        """Whether every neighbour of a voxel is coded at an earlier step."""
        w = (self.wz, self.wy, self.wx)
        return all(
            sum(a * b for a, b in zip(w, o, strict=True)) <= -1 for o in neighbourhood.offsets
        )

    def steps(self, shape: Shape) -> int:
        """How many steps a slab of this shape takes."""
        return sum(w * (n - 1) for w, n in zip((self.wz, self.wy, self.wx), shape, strict=True)) + 1

    def batches(self, shape: Shape) -> Iterator[np.ndarray]:
        """Voxels of each non-empty step in coding order, int64 arrays of shape (n, 3).

        This materialises the whole order (24 bytes a voxel); the fast kernels walk the same order
        by segments instead.
        """
        z, y, x = np.indices(shape).reshape(3, -1)
        step = self.wz * z + self.wy * y + self.wx * x
        order = np.argsort(step, kind="stable")
        edges = np.flatnonzero(np.diff(step[order])) + 1
        voxels = np.stack([z, y, x], axis=1)[order]
        yield from np.split(voxels, edges)


def raster(shape: Shape) -> Schedule:
    """One voxel a step, any neighbourhood: the papers' order with left voxels."""
    _, height, width = shape
    return Schedule(height * width, width, 1)


def row_parallel(shape: Shape) -> Schedule:
    """One row a step, no voxel of the target's own row: the papers' order without left voxels."""
    _, height, _ = shape
    return Schedule(height, 1, 0)


def wavefront(neighbourhood: Neighbourhood) -> Schedule:
    """The flattest schedule with wx = 1 that the neighbourhood allows.

    wy is set by the reach to the upper right, wz by the reach to the lower right in earlier slices.
    Margins (see `medzip.codec.fast.layout`) ask for wy and wz of at least the reach plus one.
    """
    reach = neighbourhood.reach
    wy = max(
        [1]
        + [
            _ceil_div(dx + 1, -dy)
            for dz, dy, dx in neighbourhood.offsets
            if dz == 0 and dy < 0 and dx >= 0
        ]
    )
    wz = max(
        [reach + 1]
        + [_ceil_div(wy * dy + dx + 1, -dz) for dz, dy, dx in neighbourhood.offsets if dz < 0]
    )
    return Schedule(wz, wy, 1)


def _ceil_div(a: int, b: int) -> int:
    return -(-a // b)
