"""Where voxels lie on a device while slabs are coded: rings of steps, and the margins in them.

The CPU engine keeps each slab skewed in full (`medzip.codec.fast.layout`). On a device only the
last steps are kept: cell (step mod rows, slab, slice, y) of a *ring* holds the voxel of that step,
slice and row, whose x follows. A voxel that was coded `lag` steps before lies `lag` rows back,
whatever its slice, so one step reads each of its neighbours as runs along y, and memory does not
grow with the height or the width of a step's history.

Voxels outside of the slice have cells too, at the step that their place would have; whoever codes
the voxel that they copy writes them, up to `rows` steps ahead of that place or behind it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.fast.layout import Layout
from medzip.codec.schedule import wavefront

if TYPE_CHECKING:
    from medzip.codec.neighbourhood import Neighbourhood

__all__ = ["ALWAYS", "AT_LEFT", "AT_RIGHT", "BOTTOM", "LEFT", "RIGHT", "TOP", "Wave"]

LEFT, RIGHT, BOTTOM, TOP = range(4)
"""Edges of a slice; at one step and in one slice, at most one voxel lies at each."""
ALWAYS, AT_LEFT, AT_RIGHT = range(3)
"""When a margin cell is written: for any voxel of its edge, or for one in the first or last x."""


@dataclass(frozen=True)
class Wave:
    """The rings' geometry for slabs of one shape.

    Attributes
    ----------
    layout
        Shape, wavefront and reach.
    pad
        Empty slices before the first, so that neighbours in slices that do not exist can be read.
    lags
        int64 (K,): how many steps before a voxel each of its neighbours is coded.
    shifts
        int64 (K,): distance of a neighbour's cell within its row of the ring.
    margins
        int64 (cells, 5), what one step may have to copy: edge of the source, slices further on,
        steps further on, rows y further on, and when (`ALWAYS`, ...).
    rows
        Steps that the ring holds, a power of two.
    """

    layout: Layout
    pad: int
    lags: np.ndarray
    shifts: np.ndarray
    margins: np.ndarray
    rows: int

    @classmethod
    def of(cls, shape: tuple[int, int, int], neighbourhood: Neighbourhood) -> Wave:
        """The rings for a neighbourhood."""
        layout = Layout.of(shape, neighbourhood, wavefront(neighbourhood))
        offsets = neighbourhood.array
        lags = -(offsets @ np.array([layout.wz, layout.wy, 1]))
        margins = _margins(layout)
        ahead, behind = int(margins[:, 2].max()), int(-margins[:, 2].min())
        # a cell is written `ahead` steps early, or `behind` steps late, and read until the
        # oldest neighbour has been: none of it may fall on a row that is in use
        needed = ahead + max(int(lags.max()), behind) + 1
        columns = shape[1] + 2 * layout.reach
        return cls(
            layout,
            neighbourhood.depth,
            lags,
            offsets[:, 0] * columns + offsets[:, 1],
            margins,
            1 << (needed - 1).bit_length(),
        )

    @property
    def slices(self) -> int:
        """Slices that a ring has for each slab."""
        return self.layout.shape[0] + self.pad

    @property
    def columns(self) -> int:
        """Cells that a ring has for each slice, in y with margins."""
        return self.layout.shape[1] + 2 * self.layout.reach

    @property
    def lanes(self) -> int:
        """Voxels of a slab that one step may hold: depth times the longest segment."""
        return self.layout.shape[0] * self.layout.longest_segment

    def cells(self, slabs: int) -> int:
        """Cells of a ring for so many slabs."""
        return self.rows * slabs * self.slices * self.columns


def _margins(layout: Layout) -> np.ndarray:
    """What `medzip.codec.fast.layout` copies to the margins: steps and places from a voxel."""
    wz, wy, reach = layout.wz, layout.wy, layout.reach
    span = range(1, reach + 1)
    cells = [(LEFT, 0, wy - j, 1, ALWAYS) for j in span]
    cells += [(RIGHT, 0, j, 0, ALWAYS) for j in span]
    for j in range(-reach, reach + 1):
        when = ALWAYS if j == 0 else AT_LEFT if j < 0 else AT_RIGHT
        cells += [(BOTTOM, 0, wy * i + j, i, when) for i in span]
        cells += [(TOP, 1, wz - wy * i + j, -i, when) for i in span]
    cells += [(TOP, 1, wz - j, 0, AT_LEFT) for j in span]
    return np.array(cells, dtype=np.int64)
