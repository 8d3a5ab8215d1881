"""The estimate itself, layer by layer of patches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.noise_floor.entropy import marginal_entropy, rounded_entropy
from medzip.bench.noise_floor.levels import local_levels
from medzip.bench.noise_floor.spectrum import error_variance, quartile_of_sampling
from medzip.bench.noise_floor.whitening import MARGIN, Filter, Grid, fit_filter

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["METHOD", "NoiseFloor", "noise_floor"]

METHOD = "spectral/1"
"""Changes when the figures do."""

_PATCH = (8, 16, 16)
_SMALLEST = 128  # voxels of a patch; fewer say too little
_CELL = 4  # side of the parts of a patch that are asked whether they are flat
_LITTLE = 8  # range of values up to which flat parts are little noise, not the edge of a padding
_COARSE = 0.5  # variance of the error from which rounding is as good as independent
_CLIPPED = 0.05  # share of the smallest or largest value from which a patch counts as clipped


@dataclass(frozen=True)
class NoiseFloor:
    """Entropy of the noise of a volume, as a whole, by a named method.

    Attributes
    ----------
    bits : int
        Of all voxels together.
    voxels : int
        How many they are.
    method : str
        :data:`METHOD` when it was estimated.
    """

    bits: int
    voxels: int
    method: str = METHOD

    @property
    def bpv(self) -> float:
        """Bits per voxel."""
        return self.bits / self.voxels


def noise_floor(voxels: NDArray[Any]) -> NoiseFloor | None:
    """Estimate the entropy of the noise of a volume; the method is the package's docstring.

    Parameters
    ----------
    voxels
        (z, y, x) of any integers.

    Returns
    -------
    NoiseFloor or None
        None where the volume is too small for a patch of 128 voxels.
    """
    divisor = _divisor(voxels)
    if divisor == 0:
        return NoiseFloor(0, voxels.size)
    depth, rows, columns = voxels.shape
    patch = (
        min(_PATCH[0], max(1, depth - 1)),
        min(_PATCH[1], rows - 2 * MARGIN),
        min(_PATCH[2], columns - 2 * MARGIN),
    )
    if min(patch) < 1 or math.prod(patch) < _SMALLEST:
        return None
    grid = Grid(voxels, int(voxels.min()), divisor, patch)
    whitener = fit_filter(grid)
    gain = whitener.mean_log_gain()
    layers = [_measure(grid, block, whitener, gain) for block in grid.layers()]
    entropy, mean, share, usable = (np.stack(parts) for parts in zip(*layers, strict=True))
    levels = local_levels(entropy, mean, usable, quartile_of_sampling(patch))
    return NoiseFloor(round(float(np.mean(levels * share)) * voxels.size), voxels.size)


def _divisor(voxels: NDArray[Any]) -> int:
    """Return the greatest common divisor of all differences; 0 if there is but one value."""
    values = np.unique(voxels).astype(np.int64)
    return int(np.gcd.reduce(values - values[0]))


def _measure(
    grid: Grid, block: NDArray[Any], whitener: Filter, gain: float
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Measure one layer of patches.

    Returns
    -------
    tuple
        Entropy in bits per voxel, mean, share that is not flat, and whether the entropy counts;
        each (rows of patches, columns of patches).
    """
    values = grid.cut(grid.shifted(block, (0, 0, 0)))
    error = error_variance(grid.cut(whitener.apply(grid, block)), grid.patch, gain)
    entropy = rounded_entropy(np.maximum(error - 1 / 12, 0))
    variance, spread = values.var(axis=2), np.ptp(values, axis=2)
    clipped = np.maximum(
        (values == values.min(axis=2, keepdims=True)).mean(axis=2),
        (values == values.max(axis=2, keepdims=True)).mean(axis=2),
    )
    counted = (spread > 0) & ((error < _COARSE) | (clipped > _CLIPPED))
    for i in zip(*np.nonzero(counted), strict=True):
        explained = 0.5 * math.log2(max(1.0, variance[i] / max(error[i], 1e-12)))
        entropy[i] = max(0.0, marginal_entropy(values[i]) - explained)
    moving = _moving_share(values, grid.patch)
    mixed = (moving < 1) & (spread > _LITTLE)
    share = np.where(mixed, moving, 1.0)
    share[spread == 0] = 0
    return entropy, values.mean(axis=2), share, ~mixed & (spread > 0)


def _moving_share(values: NDArray[Any], patch: tuple[int, int, int]) -> NDArray[np.float64]:
    """Return the share of each patch whose cells (4 x 4, all slices) are not constant."""
    depth, height, width = patch
    if height % _CELL or width % _CELL:
        return np.ones(values.shape[:2])
    cells = values.reshape(*values.shape[:2], depth, height // _CELL, _CELL, width // _CELL, _CELL)
    moving = cells.max(axis=(2, 4, 6)) > cells.min(axis=(2, 4, 6))
    return np.asarray(moving.mean(axis=(2, 3)))
