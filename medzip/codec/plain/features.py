r"""What a voxel's predictor sees, in integers (plain NumPy).

    voxels -> straight prediction p0 -> its errors e0 -> adaptive correction -> p -> its errors e
           \-> differences d                       \-> inputs x                       \-> inputs

Three views of the neighbourhood, each divided by its own local scale, so that one model serves CT
and MR at any range of intensities:

- d: the nearest neighbours relative to a local mean, in units of their mean deviation;
- x: the errors that the series' linear filter made at the nearest neighbours;
- e: the errors that remained there after the filter adapted to the place.

The errors are nearly white, so eight bits an input suffice where raw neighbours need thirteen, and
their size tells how noisy the place is. p is the centre and the size of e the unit of the voxel's
distribution (`medzip.codec.plain.mixture`).

This module and `medzip.codec.plain.adaptive` define the integers; `medzip.codec.fast.kernels`
computes the same ones fast, and tests hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.tables import log2_table

if TYPE_CHECKING:
    from medzip.codec.neighbourhood import Neighbourhood

__all__ = [
    "EXTRAS",
    "FLAT_COUNT",
    "INPUT_LIMIT",
    "REFERENCE_COUNT",
    "Scale",
    "differences_at",
    "log2_fixed",
    "neighbours_at",
    "position",
    "radius",
    "scaled",
]

INPUT_LIMIT = 127
"""Inputs are int8; neighbours' in 1/16 of their scale."""
SCALED_BITS = 22
"""reciprocal / 2^22 times a value is an input."""
ERROR_BITS = 4
"""Fractional bits of predictions and errors, voxel units."""
REFERENCE_COUNT = 4
FLAT_COUNT = 12
"""A voxel is in a flat context when its 12 nearest neighbours are all equal."""
EXTRAS = (
    "log2 scale of d",
    "log2 scale of e to that of d",
    "log2 scale of x to that of e",
    "has slice before",
    "has two slices before",
    "prediction from the mean",
    "correction",
    "x",
    "y",
    "radius",
)
"""Inputs beside the neighbours', in order."""


@dataclass(frozen=True)
class Scale:
    """A local scale: T / count, the mean magnitude of a list of values plus a floor.

    Attributes
    ----------
    total
        int64 (n,): T, the sum of magnitudes plus `count` times the floor.
    count
        Values of the full list.
    """

    total: np.ndarray
    count: int

    @property
    def reciprocal(self) -> np.ndarray:
        """2^26 / (T / count), rounded down; int64 (n,)."""
        return np.asarray((self.count << (SCALED_BITS + 4)) // self.total)

    @property
    def limit(self) -> np.ndarray:
        """8 to 16 scales: values are clipped to it before they are scaled; int64 (n,)."""
        return np.asarray((self.total << 3) >> (self.count.bit_length() - 1))

    @property
    def log2(self) -> np.ndarray:
        """log2 of T / count in 1/256; int64 (n,)."""
        return np.asarray(log2_fixed(self.total) - int(log2_fixed(np.array(self.count))))


def scaled(values: np.ndarray, scale: Scale) -> np.ndarray:
    """Values (n,) or (n, k) in 1/16 of their scale, within +-127; int64."""
    limit, reciprocal = scale.limit, scale.reciprocal
    if values.ndim == 2:
        limit, reciprocal = limit[:, None], reciprocal[:, None]
    q = (np.clip(values, -limit, limit) * reciprocal + (1 << (SCALED_BITS - 1))) >> SCALED_BITS
    return np.asarray(np.clip(q, -INPUT_LIMIT, INPUT_LIMIT))


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


def differences_at(
    values: np.ndarray, origin: int, voxels: np.ndarray, neighbourhood: Neighbourhood
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbours of some voxels relative to a local mean; arguments as in `neighbours_at`.

    Returns
    -------
    tuple of numpy.ndarray
        m4, int64 (n,): four times the mean of the 4 nearest, so its fraction is kept.
        d, int64 (n, K): 4 u - m4, 0 for neighbours in slices before the slab.
        flat, bool (n,): whether the 12 nearest are all equal.
    """
    u = neighbours_at(values, origin, voxels, neighbourhood)
    m4 = np.zeros(len(voxels), dtype=np.int64)
    d = np.zeros(u.shape, dtype=np.int64)
    flat = np.zeros(len(voxels), dtype=bool)
    for kind in range(neighbourhood.depth + 1):
        rows = np.flatnonzero(np.minimum(voxels[:, 0], neighbourhood.depth) == kind)
        usable = neighbourhood.usable(kind)
        m4[rows] = u[rows][:, list(neighbourhood.nearest(REFERENCE_COUNT, kind))].sum(axis=1)
        d[rows, :usable] = 4 * u[rows, :usable] - m4[rows, None]
        flat[rows] = (d[rows][:, list(neighbourhood.nearest(FLAT_COUNT, kind))] == 0).all(axis=1)
    return m4, d, flat


def position(size: int) -> np.ndarray:
    """Coordinate of each voxel of an axis, from -64 at one end to 64 at the other; int64."""
    index = np.arange(size, dtype=np.int64)
    return np.asarray((2 * index - (size - 1)) * 64 // max(1, size - 1))


def radius(px: np.ndarray, py: np.ndarray) -> np.ndarray:
    """Squared distance from the axis of the volume, (x² + y²) - 1, in 1/64."""
    return np.asarray(((px * px + py * py) >> 6) - 64)
