"""Where voxels lie in memory while a slab is coded: skewed, with margins.

The wavefront codes voxels with equal wz*z + wy*y + x together. Slice z is stored so that these are
neighbours in memory: row tau = x + wy*y + origin, column y + reach. Then one step of one slice is
one contiguous segment of y, and so is each of its neighbours' values: feature extraction streams.

Margins stand for voxels outside the slice. Each is a copy of a voxel that the schedule has coded
before any reader needs it:

====================  =======================================================
outside               copy of
====================  =======================================================
left of row y         first voxel of row y - 1 (row 0: as above the first row)
right of row y        last voxel of row y
above the first row   row 0 of the slice before (first slice: the slab's origin value)
below the last row    last row of the same slice
====================  =======================================================
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numba
import numpy as np

if TYPE_CHECKING:
    from medzip.codec.neighbourhood import Neighbourhood
    from medzip.codec.schedule import Schedule

__all__ = ["Layout", "first_margins", "segment_of", "skew", "unskew", "write_segment"]


class Layout(NamedTuple):
    """The skewed, padded store of slabs of one shape; kernels take it as it is.

    Attributes
    ----------
    shape
        (depth, height, width) of a slab, voxels.
    wz, wy
        The wavefront's vector; wx is 1.
    reach
        Margin on every side, voxels.
    origin
        Row of the voxel (y, x) = (0, 0).
    """

    shape: tuple[int, int, int]
    wz: int
    wy: int
    reach: int
    origin: int

    @classmethod
    def of(
        cls, shape: tuple[int, int, int], neighbourhood: Neighbourhood, schedule: Schedule
    ) -> Layout:
        """The layout for a neighbourhood and the wavefront that it allows."""
        reach = max(1, neighbourhood.reach)
        return cls(shape, schedule.wz, schedule.wy, reach, reach + schedule.wy * reach)

    @property
    def store_shape(self) -> tuple[int, int, int]:
        """(depth, rows, columns) of the store of one slab."""
        depth, height, width = self.shape
        rows = self.origin + (width - 1 + self.reach) + self.wy * (height - 1 + self.reach) + 1
        return depth, rows, height + 2 * self.reach

    @property
    def steps(self) -> int:
        """How many steps the wavefront takes."""
        depth, height, width = self.shape
        return self.wz * (depth - 1) + self.wy * (height - 1) + width

    @property
    def longest_segment(self) -> int:
        """The most voxels that one step holds in one slice."""
        _, height, width = self.shape
        return min(height, -(-width // self.wy))

    def empty(self, slabs: int) -> np.ndarray:
        """An empty store: uint16 (slabs, depth, rows, columns), zeros."""
        return np.zeros((slabs, *self.store_shape), dtype=np.uint16)


@numba.njit(cache=True, nogil=True, inline="always")
def segment_of(layout, t, z):
    """First y and number of voxels, 0 or less where none, that step t holds in slice z."""
    _, height, width = layout.shape
    tau = t - layout.wz * z
    y0 = max(0, (tau - width + layout.wy) // layout.wy)
    y1 = min(height - 1, tau // layout.wy)
    return y0, y1 - y0 + 1


@numba.njit(cache=True, nogil=True, inline="always")
def _margins(store, z, y, x, v, layout):
    """Copy voxel (z, y, x) = v to every margin that it stands for."""
    depth, height, width = layout.shape
    wy, reach, origin = layout.wy, layout.reach, layout.origin
    if x == 0 and y + 1 < height:
        for j in range(1, reach + 1):
            store[z, origin + wy * (y + 1) - j, y + 1 + reach] = v
    if x == width - 1:
        for j in range(1, reach + 1):
            store[z, origin + wy * y + x + j, y + reach] = v
    if y == height - 1:
        left = reach if x == 0 else 0
        right = reach if x == width - 1 else 0
        for i in range(1, reach + 1):
            for j in range(-left, right + 1):
                store[z, origin + wy * (y + i) + x + j, y + i + reach] = v
    if y == 0 and z + 1 < depth:
        left = reach if x == 0 else 0
        right = reach if x == width - 1 else 0
        for i in range(1, reach + 1):
            for j in range(-left, right + 1):
                store[z + 1, origin - wy * i + x + j, reach - i] = v
        if x == 0:
            for j in range(1, reach + 1):
                store[z + 1, origin - j, reach] = v


@numba.njit(cache=True, nogil=True)
def first_margins(store, value, layout):
    """Margins of the first slice that no voxel stands for: above it and left of its first row."""
    wy, reach, origin = layout.wy, layout.reach, layout.origin
    for i in range(1, reach + 1):
        for x in range(-reach, layout.shape[2] + reach):
            store[0, origin - wy * i + x, reach - i] = value
    for j in range(1, reach + 1):
        store[0, origin - j, reach] = value


@numba.njit(cache=True, nogil=True)
def skew(values, store, value, layout):
    """Lay one slab out with all of its margins.

    Parameters
    ----------
    values
        uint16 (depth, height, width).
    store
        uint16 of `Layout.store_shape`, written.
    value
        The slab's origin value, for the margins of its first slice.
    layout
        Of these slabs.
    """
    depth, height, width = values.shape
    wy, reach = layout.wy, layout.reach
    first_margins(store, value, layout)
    for z in range(depth):
        for y in range(height):
            row = layout.origin + wy * y
            for x in range(width):
                store[z, row + x, y + reach] = values[z, y, x]
            _margins(store, z, y, 0, values[z, y, 0], layout)
            if width > 1:
                _margins(store, z, y, width - 1, values[z, y, width - 1], layout)
            if y == 0 or y == height - 1:
                for x in range(1, width - 1):
                    _margins(store, z, y, x, values[z, y, x], layout)


@numba.njit(cache=True, nogil=True)
def unskew(store, values, layout):
    """Read one slab back from its store; the inverse of `skew`."""
    depth, height, width = values.shape
    for z in range(depth):
        for y in range(height):
            row = layout.origin + layout.wy * y
            for x in range(width):
                values[z, y, x] = store[z, row + x, y + layout.reach]


@numba.njit(cache=True, nogil=True, inline="always")
def write_segment(store, z, row, y0, n, layout):
    """Fill the margins that the segment just written at (z, row, y0 .. y0+n-1) stands for."""
    _, height, width = layout.shape
    for y in (y0, y0 + n - 1):
        x = row - layout.origin - layout.wy * y
        if x == 0 or x == width - 1 or y == 0 or y == height - 1:
            _margins(store, z, y, x, store[z, row, y + layout.reach], layout)
