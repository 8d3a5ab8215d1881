"""The last steps of some slabs, as tensors: values and errors, read by lag, with margins.

Three rings lie one after the other (`medzip.device.wave` says where a voxel is in each); a cell
after the last takes what lanes without a voxel write. Shapes are fixed and the step is a tensor, so
that everything here can be captured once and replayed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.device.wave import TOP

if TYPE_CHECKING:
    from medzip.device.wave import Wave

__all__ = ["REST", "STRAIGHT", "VALUES", "Places", "Rings", "Targets"]

VALUES, STRAIGHT, REST = range(3)
"""The rings: four times the values, errors of the straight prediction, errors that remained."""
_MOST_CELLS = (1 << 31) - 2


@dataclass(frozen=True)
class Places:
    """Which voxel each lane holds.

    `valid` bool, `x` and `y` int64 (depth, places); `cell` int64 (slabs, depth, places), the
    voxel's place within a row of the ring.
    """

    valid: torch.Tensor
    x: torch.Tensor
    y: torch.Tensor
    cell: torch.Tensor


@dataclass(frozen=True)
class Targets:
    """Where a step writes, int64: lanes to `cells`, then copies of `sources` to `margins`."""

    cells: torch.Tensor
    sources: torch.Tensor
    margins: torch.Tensor


class Rings:
    """The memory of some slabs along the wavefront.

    Parameters
    ----------
    wave
        Geometry.
    slabs
        How many are stepped together.
    device
        Where the tensors lie.

    Attributes
    ----------
    t
        int64 (1,): the step.
    slices, slab
        int64 (depth,) and (slabs, 1, 1): 0, 1, ...

    Raises
    ------
    ValueError
        More slabs than can be indexed.
    """

    def __init__(self, wave: Wave, slabs: int, device: torch.device) -> None:
        count = wave.cells(slabs)
        if count > _MOST_CELLS:
            raise ValueError(
                f"expected slabs whose rings have at most {_MOST_CELLS} cells together, got "
                f"{slabs} of {wave.cells(1)}; step fewer slabs together"
            )
        self.wave, self._slabs, self._device = wave, slabs, device
        self._lags, self._shifts = self._tensor(wave.lags), self._tensor(wave.shifts)
        self.slices = torch.arange(wave.layout.shape[0], device=device)
        self.slab = torch.arange(slabs, device=device)[:, None, None]
        self._along = torch.arange(wave.layout.longest_segment, device=device)
        self._nowhere = count
        self._cells = torch.zeros((3, count + 1), dtype=torch.int32, device=device)
        self.t = torch.zeros(1, dtype=torch.int64, device=device)
        self._prepare_margins()

    def _tensor(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _prepare_margins(self) -> None:
        """Tables of the edges' voxels and of the cells that copy them."""
        wave, layout = self.wave, self.wave.layout
        depth, height, width = layout.shape
        edge, slices, steps, down, when = wave.margins.T
        self._edge_of = self._tensor(edge)
        self._margin_lead = self._tensor(steps)
        self._margin_shift = self._tensor(slices * wave.columns + down)
        self._margin_test = self._tensor(edge + 4 * when)
        # y of the voxel at each edge, from the steps that its slice has had: LEFT, RIGHT, ...
        self._edge_start = self._tensor(np.array([0, width - 1, 0, 0]))[:, None]
        self._edge_low = self._tensor(np.array([0, 0, height - 1, 0]))[:, None]
        self._edge_high = self._tensor(np.array([max(0, height - 2), height - 1, height - 1, 0]))
        self._edge_high = self._edge_high[:, None]
        # LEFT copies to the row below, so the last row's first voxel stands for nothing there
        first = [0 if height > 1 else width, width - 1, 0, 0]
        last = [0 if height > 1 else -1, width - 1, width - 1, width - 1]
        self._edge_first = self._tensor(np.array(first))[:, None]
        self._edge_last = self._tensor(np.array(last))[:, None]
        reader = np.ones((4, depth), dtype=bool)
        reader[TOP, depth - 1] = False  # no slice after the last copies its first row
        self._edge_read = self._tensor(reader)

    def reset(self, origins: torch.Tensor) -> None:
        """Go to the first step of slabs with these origin values, int32 (slabs,)."""
        wave = self.wave
        self.t.zero_()
        self._cells.zero_()
        shape = (wave.rows, self._slabs, wave.slices, wave.columns)
        values = self._cells[VALUES, :-1].view(shape)
        # above the first slice's first row nothing else is ever written; left of it, the first
        # voxels come later than the last reader
        values[:, :, wave.pad, : wave.layout.reach + 1] = 4 * origins[None, :, None]

    def offsets(self) -> torch.Tensor:
        """Where the neighbours of a voxel lie, beyond its cell in its row; int64 (K,)."""
        return self._row(self.t - self._lags) + self._shifts

    def places(self) -> Places:
        """The voxels of the step."""
        wave, layout = self.wave, self.wave.layout
        _, height, width = layout.shape
        tau = self.t - layout.wz * self.slices
        first = torch.div(tau + (layout.wy - width), layout.wy, rounding_mode="floor")
        first = first.clamp_(min=0)
        last = torch.div(tau, layout.wy, rounding_mode="floor").clamp_(max=height - 1)
        y = first[:, None] + self._along
        valid = y <= last[:, None]
        y = y.clamp_(max=height - 1)
        x = (tau[:, None] - layout.wy * y).clamp_(0, width - 1)
        cell = (self.slab * wave.slices + (self.slices + wave.pad)[:, None]) * wave.columns
        return Places(valid, x, y, cell + (y + layout.reach))

    def read(self, ring: int, offsets: torch.Tensor, cell: torch.Tensor) -> torch.Tensor:
        """Cells of a ring at some offsets from every lane; int32 (offsets, ...)."""
        at = offsets.to(torch.int32) + cell
        return self._cells[ring].index_select(0, at.view(-1)).view(at.shape)

    def targets(self, places: Places) -> Targets:
        """Where the voxels of the step go, and those outside of the slice that they stand for."""
        row = self._row(self.t)
        cells = (places.cell + row).masked_fill(~places.valid, self._nowhere)
        edges, margins = self._margins()
        return Targets(cells.view(-1), (edges + row).view(-1), margins.view(-1))

    def write(self, targets: Targets, written: torch.Tensor) -> None:
        """Write a step into the three rings, int32 (3, lanes), and go to the next."""
        errors = self._cells[STRAIGHT:, :-1].view(2, self.wave.rows, -1)
        errors.index_fill_(1, self.t & (self.wave.rows - 1), 0)
        self._cells.index_copy_(1, targets.cells, written)
        values = self._cells[VALUES]
        values.index_copy_(0, targets.margins, values.index_select(0, targets.sources))
        self.t += 1

    def _row(self, steps: torch.Tensor) -> torch.Tensor:
        """Where the ring's rows of some steps begin; int64."""
        row_cells = self._slabs * self.wave.slices * self.wave.columns
        return (steps & (self.wave.rows - 1)) * row_cells

    def _margins(self) -> tuple[torch.Tensor, torch.Tensor]:
        """For each margin cell of each slab and slice, its edge's place in a row, and its cell."""
        wave, layout = self.wave, self.wave.layout
        width = layout.shape[2]
        tau = self.t - layout.wz * self.slices
        y = torch.div(tau - self._edge_start, layout.wy, rounding_mode="floor")
        y = torch.minimum(torch.maximum(y, self._edge_low), self._edge_high)  # (4, depth)
        x = tau - layout.wy * y
        valid = (x >= self._edge_first) & (x <= self._edge_last) & self._edge_read
        tests = torch.stack([valid, valid & (x == 0), valid & (x == width - 1)]).flatten(0, 1)
        place = (self.slices + wave.pad) * wave.columns + (y + layout.reach)
        place = place[:, None, :] + self.slab[:, :, 0] * (wave.slices * wave.columns)
        place = place[self._edge_of]  # (cells, slabs, depth)
        ahead = self._row(self.t + self._margin_lead) + self._margin_shift
        wanted = tests[self._margin_test][:, None, :]
        cells = (place + ahead[:, None, None]).masked_fill(~wanted, self._nowhere)
        return place, cells
