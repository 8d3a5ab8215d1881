"""What a voxel's predictor sees: its neighbourhood, normalised, in integers (plain NumPy).

This module defines the features; `medzip.codec.kernels` computes the same integers fast, and tests
hold the two together. Training samples are drawn through this one.

With u_k the neighbours (packed values), K of them:

- reference  m4 = sum of the 4 nearest: four times a local mean, so its fraction is kept;
- spread     S  = sum |4 u_k - m4|, scaled to K where earlier slices are missing;
- scale      s  = S / 4K + 1 voxel units, used as the reciprocal r = 2^26 K // (S + 4K) = 2^24 / s;
- inputs     q_k = ((4 u_k - m4) clipped to 16 s) * r / 2^18: (u_k - m) / s in units of 1/256.

A mean absolute deviation makes the inputs independent of the range of intensities, so one model
serves CT and MR. Inputs of 13 bits are kept because 8 lose half of what fitting gains.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.tables import log2_table

if TYPE_CHECKING:
    from medzip.codec.neighbourhood import Neighbourhood

__all__ = ["EXTRAS", "FLAT_COUNT", "Features", "features_at", "log2_fixed", "neighbours_at"]

INPUT_BITS = 8
"""Fractional bits of an input."""
RECIPROCAL_BITS = 18
"""r / 2^18 times a difference in quarter voxel units is an input."""
INPUT_LIMIT = 16
"""Inputs are clipped to this many scales."""
REFERENCE_COUNT = 4
FLAT_COUNT = 12
"""A voxel is in a flat context when its 12 nearest neighbours are all equal."""
LOG_CENTRE = 4 << 8
"""log2 of the scale is given relative to 2^4."""
EXTRAS = ("log2 scale", "has slice before", "has two slices before", "x", "y", "radius")
"""Inputs beside the neighbours, in order."""


@dataclass(frozen=True)
class Features:
    """Features of n voxels.

    Attributes
    ----------
    q
        int64 (n, K + 6): inputs in 1/256, the neighbours' then `EXTRAS`.
    m4
        int64 (n,): four times the reference, packed units.
    spread
        int64 (n,): S.
    r
        int64 (n,): 2^24 / scale.
    flat
        bool (n,): whether the nearest neighbours are all equal.
    """

    q: np.ndarray
    m4: np.ndarray
    spread: np.ndarray
    r: np.ndarray
    flat: np.ndarray


def log2_fixed(n: np.ndarray) -> np.ndarray:
    """log2 of positive integers below 2^32 in 1/256, from the format's table; int64."""
    n = np.asarray(n, dtype=np.int64)
    exponent = np.zeros_like(n)
    rest = n.copy()
    for shift in (16, 8, 4, 2, 1):
        large = (rest >> shift) > 0
        exponent += large * shift
        rest = np.where(large, rest >> shift, rest)
    mantissa = ((n << 6) >> exponent) & 63
    return np.asarray((exponent << 8) + log2_table()[mantissa])


def neighbours_at(
    values: np.ndarray, origin: int, voxels: np.ndarray, neighbourhood: Neighbourhood
) -> np.ndarray:
    """Values of the neighbours of some voxels.

    Parameters
    ----------
    values
        uint16 (depth, height, width), packed.
    origin
        Stands for what lies outside of the first slice.
    voxels
        int64 (n, 3).
    neighbourhood
        K offsets.

    Returns
    -------
    numpy.ndarray
        int64 (n, K). Neighbours in slices before the slab are 0; they are not used.
    """
    depth, height, width = values.shape
    at = voxels[:, None, :] + neighbourhood.array[None, :, :]
    z, y, x = at[..., 0], at[..., 1], at[..., 2]
    above = (y < 0) | ((y == 0) & (x < 0))
    below = y >= height
    left = (x < 0) & ~above & ~below
    zz = np.where(above, z - 1, z)
    yy = np.where(above, 0, np.where(below, height - 1, np.where(left, y - 1, y)))
    xx = np.clip(x, 0, width - 1)
    found = values[np.clip(zz, 0, depth - 1), yy, xx].astype(np.int64)
    found = np.where(above & (zz < 0), origin, found)
    return np.where(z < 0, 0, found)


def features_at(
    values: np.ndarray, origin: int, voxels: np.ndarray, neighbourhood: Neighbourhood
) -> Features:
    """Features of some voxels of a slab; arguments as in `neighbours_at`."""
    n, total = len(voxels), len(neighbourhood)
    _, height, width = values.shape
    u = neighbours_at(values, origin, voxels, neighbourhood)
    q = np.zeros((n, total + len(EXTRAS)), dtype=np.int64)
    m4 = np.zeros(n, dtype=np.int64)
    spread = np.zeros(n, dtype=np.int64)
    flat = np.zeros(n, dtype=bool)
    for z in range(min(neighbourhood.depth, values.shape[0] - 1) + 1):
        deepest = z == neighbourhood.depth
        rows = np.flatnonzero(voxels[:, 0] >= z if deepest else voxels[:, 0] == z)
        usable = neighbourhood.usable(z)
        nearest = list(neighbourhood.nearest(REFERENCE_COUNT, z))
        m4[rows] = u[rows][:, nearest].sum(axis=1)
        d = 4 * u[rows, :usable] - m4[rows, None]
        spread[rows] = np.abs(d).sum(axis=1) * total // usable
        flat[rows] = (d[:, list(neighbourhood.nearest(FLAT_COUNT, z))] == 0).all(axis=1)
        r = _reciprocal(spread[rows], total)
        limit = (spread[rows] + 4 * total) * INPUT_LIMIT // total
        d = np.clip(d, -limit[:, None], limit[:, None])
        q[rows, :usable] = (d * r[:, None] + (1 << (RECIPROCAL_BITS - 1))) >> RECIPROCAL_BITS
    r = _reciprocal(spread, total)
    z, y, x = voxels.T
    px = position(width)[x]
    py = position(height)[y]
    q[:, total + 0] = _log_scale(spread, total)
    q[:, total + 1] = np.where(z >= 1, 256, 0)
    q[:, total + 2] = np.where(z >= 2, 256, 0)
    q[:, total + 3] = px
    q[:, total + 4] = py
    q[:, total + 5] = radius(px, py)
    return Features(q, m4, spread, r, flat)


def _log_scale(spread: np.ndarray, total: int) -> np.ndarray:
    """log2(s) - 4 in 1/256: log2(S + 4K) - log2(4K) - 4."""
    return log2_fixed(spread + 4 * total) - int(log2_fixed(np.array(4 * total))) - LOG_CENTRE


def position(size: int) -> np.ndarray:
    """Coordinate of each voxel of an axis, from -256 at one end to 256 at the other; int64."""
    index = np.arange(size, dtype=np.int64)
    return np.asarray((2 * index - (size - 1)) * 256 // max(1, size - 1))


def radius(px: np.ndarray, py: np.ndarray) -> np.ndarray:
    """Squared distance from the axis of the volume, (x² + y²) - 1, in 1/256."""
    return np.asarray(((px * px + py * py) >> 8) - 256)


def _reciprocal(spread: np.ndarray, total: int) -> np.ndarray:
    return np.asarray((total << (INPUT_BITS + RECIPROCAL_BITS)) // (spread + 4 * total))
