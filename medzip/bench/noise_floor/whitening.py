"""The filter that makes the noise of a volume nearly white, and what it does to a spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["MARGIN", "Filter", "Grid", "fit_filter"]

MARGIN = 2
"""How far the neighbours reach in the slice."""

_NEIGHBOURS = (
    *((0, 0, -1), (0, 0, -2)),
    *((0, -1, x) for x in range(-2, 3)),
    *((0, -2, x) for x in range(-1, 2)),
    *((-1, y, x) for y in range(-1, 2) for x in range(-1, 2)),
)
_LEFT, _ABOVE = 1, 5  # where those two are, the voxel itself being 0
_FITTED = 256  # patches that the filter is fitted to
_RIDGE = 1e-4
_FREQUENCIES = 64  # along each axis, for the filter's transfer function


@dataclass(frozen=True)
class Grid:
    """How a volume is cut to patches, layer by layer.

    Attributes
    ----------
    voxels : ndarray
        (z, y, x).
    least, divisor : int
        The voxels are used as (voxels - least) / divisor.
    patch : tuple of int
        Depth, height and width of a patch.
    """

    voxels: NDArray[Any]
    least: int
    divisor: int
    patch: tuple[int, int, int]

    @property
    def before(self) -> int:
        """Slices before a layer that are needed to filter it."""
        return int(self.voxels.shape[0] > 1)

    @property
    def neighbours(self) -> tuple[tuple[int, int, int], ...]:
        """Offsets (z, y, x) of the neighbours that a voxel has here."""
        return _NEIGHBOURS if self.before else tuple(n for n in _NEIGHBOURS if n[0] == 0)

    @property
    def count(self) -> int:
        """How many layers there are."""
        return int(self.voxels.shape[0] - self.before) // self.patch[0]

    def layers(self) -> Iterator[NDArray[np.float64]]:
        """Yield the layers as blocks, each with the slice before."""
        for layer in range(self.count):
            z = self.before + layer * self.patch[0]
            block = self.voxels[z - self.before : z + self.patch[0]].astype(np.float64)
            yield (block - self.least) / self.divisor

    def shifted(self, block: NDArray[Any], neighbour: tuple[int, int, int]) -> NDArray[Any]:
        """View the interior of a block, moved by a neighbour's offset."""
        z, y, x = neighbour
        depth, rows, columns = block.shape
        return block[
            self.before + z : depth + z,
            MARGIN + y : rows - MARGIN + y,
            MARGIN + x : columns - MARGIN + x,
        ]

    def cut(self, interior: NDArray[Any]) -> NDArray[Any]:
        """Cut (z, y, x) of one layer to (rows of patches, columns of patches, voxels)."""
        depth, height, width = self.patch
        down, across = interior.shape[1] // height, interior.shape[2] // width
        patches = interior[:, : down * height, : across * width]
        patches = patches.reshape(depth, down, height, across, width).transpose(1, 3, 0, 2, 4)
        return patches.reshape(down, across, -1)


@dataclass(frozen=True)
class Filter:
    """A causal linear predictor whose error is what is left of a volume.

    Attributes
    ----------
    weights : tuple of float
        Of the neighbours.
    neighbours : tuple
        Their offsets (z, y, x).
    """

    weights: tuple[float, ...]
    neighbours: tuple[tuple[int, int, int], ...]

    def apply(self, grid: Grid, block: NDArray[Any]) -> NDArray[np.float64]:
        """Return the interior of a block less its prediction."""
        left = grid.shifted(block, (0, 0, 0)).copy()
        for weight, neighbour in zip(self.weights, self.neighbours, strict=True):
            left -= weight * grid.shifted(block, neighbour)
        return left

    def mean_log_gain(self) -> float:
        """Return the mean over all frequencies of log |A|^2, A being the transfer function."""
        depth = _FREQUENCIES if any(z for z, _, _ in self.neighbours) else 1
        taps = np.zeros((depth, _FREQUENCIES, _FREQUENCIES))
        taps[0, 0, 0] = 1
        for weight, neighbour in zip(self.weights, self.neighbours, strict=True):
            taps[neighbour] -= weight
        return float(np.mean(np.log(np.abs(np.fft.fftn(taps)) ** 2 + 1e-12)))


def fit_filter(grid: Grid) -> Filter:
    """Fit the weights by least squares to the quieter patches, each weighted by its energy."""
    picked: list[NDArray[Any]] = []
    for block in grid.layers():
        columns = [grid.cut(grid.shifted(block, n)) for n in ((0, 0, 0), *grid.neighbours)]
        # The difference to the voxels left and above: a first idea of what is noise.
        rough = columns[0] - (columns[_LEFT] + columns[_ABOVE]) / 2
        energy = np.var(rough, axis=2).ravel()
        order = np.argsort(energy, kind="stable")
        order = order[energy[order] > 0]
        order = order[: max(1, 3 * len(order) // 4)]
        step = max(1, len(order) * grid.count // _FITTED)
        for i in order[::step]:
            values = np.stack([column.reshape(-1, column.shape[2])[i] for column in columns])
            # Weights need not sum to 1: the mean of a patch is no matter of its noise.
            values -= values.mean(axis=1, keepdims=True)
            picked.append(values / np.sqrt(energy[i]))
    if not picked:
        return Filter((0.0,) * len(grid.neighbours), grid.neighbours)
    rows = np.concatenate(picked, axis=1)
    products = rows @ rows.T / rows.shape[1]
    ridge = _RIDGE * np.trace(products) / len(products)
    system = products[1:, 1:] + ridge * np.eye(len(grid.neighbours))
    weights = np.linalg.solve(system, products[1:, 0])
    return Filter(tuple(float(weight) for weight in weights), grid.neighbours)
