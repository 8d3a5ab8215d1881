"""The weights of the straight prediction: solved for a series, not trained.

Least absolute deviations by a few reweighted least squares on a sample of voxels: what counts is
the bits that errors take, about their logarithm, and squares would serve edges alone. One solution
for voxels with all of their slices, one for each number of slices that a slab's first ones lack.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.packing import choose_packing, histogram, pack
from medzip.codec.plain.adaptive import LINEAR_BITS
from medzip.codec.plain.features import FLAT_COUNT, REFERENCE_COUNT
from medzip.codec.plain.network import LINEAR_SUM
from medzip.cores import one_blas_thread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.codec.neighbourhood import Neighbourhood

__all__ = ["LINEAR_VOXELS", "Window", "pad", "solve_linear", "straight_bits"]

LINEAR_VOXELS = 60_000
"""From how many voxels of a series its straight prediction is solved in training."""
ROUNDS = 4
FLOOR = 0.5
"""Errors below half a voxel unit take no fewer bits."""
RIDGE = 1e-6
"""Share of the mean square that is added to the diagonal."""


@dataclass(frozen=True)
class Window:
    """Consecutive slices of a volume, packed.

    Attributes
    ----------
    values
        uint16 (depth, height, width).
    origin, count
        As in `medzip.codec.slab.SlabHeader`.
    """

    values: np.ndarray
    origin: int
    count: int

    @classmethod
    def of(cls, voxels: np.ndarray) -> Window:
        """Voxels (z, y, x) of a volume, packed as a slab of their own."""
        low, counts = histogram(voxels)
        packing = choose_packing(voxels.dtype.name, low, counts)
        values = pack(voxels, packing)
        return cls(values, int(values[0, 0, 0]), packing.count)


def pad(values: np.ndarray, origin: int, reach: int) -> np.ndarray:
    """A slab with the margins of `medzip.codec.fast.layout`, not skewed.

    Parameters
    ----------
    values
        uint16 (depth, height, width), packed.
    origin
        Stands for what lies outside of the first slice.
    reach
        Margin, voxels.

    Returns
    -------
    numpy.ndarray
        int32 (depth, height + 2 reach, width + 2 reach).
    """
    depth, height, width = values.shape
    out = np.empty((depth, height + 2 * reach, width + 2 * reach), dtype=np.int32)
    top, left = slice(0, reach), slice(0, reach)
    bottom, right = slice(height + reach, None), slice(width + reach, None)
    rows, columns = slice(reach, height + reach), slice(reach, width + reach)
    out[:, rows, columns] = values
    out[:, rows, right] = values[:, :, -1:]
    out[:, reach + 1 : height + reach, left] = values[:, :-1, :1]
    out[:, bottom, :] = np.pad(values[:, -1:, :], ((0, 0), (0, 0), (reach, reach)), mode="edge")
    above = np.full((depth, 1, width + 2 * reach), origin, dtype=np.int32)
    if depth > 1:
        above[1:] = np.pad(values[:-1, :1, :], ((0, 0), (0, 0), (reach, reach)), mode="edge")
    out[:, top, :] = above
    out[1:, reach, left] = values[:-1, 0, :1]
    out[0, reach, left] = origin
    return out


@one_blas_thread()
def solve_linear(
    windows: list[Window], neighbourhood: Neighbourhood, count: int, seed: int = 0
) -> np.ndarray:
    """Weights of the straight prediction for a volume, of which windows are given.

    Parameters
    ----------
    windows
        Of the volume.
    neighbourhood
        K offsets.
    count
        Voxels to solve from, for each number of missing slices.
    seed
        Of their choice.

    Returns
    -------
    numpy.ndarray
        int32 (depth + 1, K), 13 fractional bits; as `medzip.codec.plain.network.Network.linear`.
    """
    out = np.zeros((neighbourhood.depth + 1, len(neighbourhood)), dtype=np.int32)
    for kind in range(neighbourhood.depth + 1):
        usable = neighbourhood.usable(kind)
        sides, targets = _equations(windows, neighbourhood, kind, count, seed)
        if len(targets) < 8 * usable:
            continue
        out[kind, :usable] = _least_deviations(sides, targets)
    return out


@one_blas_thread()
def straight_bits(
    windows: list[Window],
    neighbourhood: Neighbourhood,
    candidates: Sequence[np.ndarray],
    count: int,
    seed: int,
) -> list[float]:
    """Mean log2 of each candidate's errors on one sample: bits a voxel, up to a constant."""
    kind = neighbourhood.depth
    sides, targets = _equations(windows, neighbourhood, kind, count, seed)
    if not len(targets):
        return [0.0 for _ in candidates]
    errors = (np.abs(targets - sides @ (each[kind] / 2.0**LINEAR_BITS)) for each in candidates)
    return [float(np.log2(error + FLOOR).mean()) for error in errors]


def _equations(
    windows: list[Window], neighbourhood: Neighbourhood, kind: int, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Neighbours and voxels relative to the local mean, voxel units; float64 (n, U), (n,)."""
    generator = np.random.default_rng(seed)
    usable = neighbourhood.usable(kind)
    reach = max(1, neighbourhood.reach)
    nearest = list(neighbourhood.nearest(REFERENCE_COUNT, kind))
    close = list(neighbourhood.nearest(FLAT_COUNT, kind))
    sides, targets = [], []
    for window in windows:
        depth, height, width = window.values.shape
        first = min(kind, depth - 1)
        if first < kind:
            continue
        padded = pad(window.values, window.origin, reach)
        row = width + 2 * reach
        strides = np.array([(height + 2 * reach) * row, row, 1])
        size = (depth - first) * height * width
        each = min(size, -(-count // len(windows)))
        z, y, x = np.unravel_index(
            np.sort(generator.integers(0, size, each)), (depth - first, height, width)
        )
        base = np.stack([z + first, y + reach, x + reach], axis=1) @ strides
        flat = padded.reshape(-1)
        u = flat[base[:, None] + (neighbourhood.array[:usable] @ strides)[None, :]]
        mean = u[:, nearest].mean(axis=1)
        d = u - mean[:, None]
        keep = (d[:, close] != 0).any(axis=1)
        sides.append(d[keep])
        targets.append((flat[base] - mean)[keep])
    if not sides:
        return np.zeros((0, usable)), np.zeros(0)
    return np.concatenate(sides), np.concatenate(targets)


def _least_deviations(sides: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Weights in 2^-13 whose errors' magnitudes sum to least; int32 (U,)."""
    unknowns = sides.shape[1]
    ridge = RIDGE
    while True:
        weight = np.ones(len(targets))
        for _ in range(ROUNDS):
            weighted = sides * weight[:, None]
            square = weighted.T @ sides
            square[np.diag_indices(unknowns)] += ridge * np.trace(square) / unknowns + 1e-9
            solution = np.linalg.solve(square, weighted.T @ targets)
            weight = 1 / (np.abs(targets - sides @ solution) + FLOOR)
        rounded = np.rint(solution * 2.0**LINEAR_BITS)
        if np.abs(rounded).sum() <= LINEAR_SUM:
            return rounded.astype(np.int32)
        ridge *= 10
