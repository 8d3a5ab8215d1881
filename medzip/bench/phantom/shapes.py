"""Ellipsoids with soft edges, and smooth random fields: the matter of which phantoms are made.

Coordinates run from -1 to 1 along x and y; along z they are in the same unit, so that voxels may be
thicker than wide.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Ellipsoid", "Grid", "coverage", "paint", "smooth_field"]


@dataclass(frozen=True)
class Ellipsoid:
    """Centre, half-axes (x, y, z), rotation about z in radians, and the value inside."""

    centre: tuple[float, float, float]
    axes: tuple[float, float, float]
    value: float
    turn: float = 0.0


@dataclass(frozen=True)
class Grid:
    """Sampling of a volume: shape (z, y, x) and slice distance in units of the field's half."""

    shape: tuple[int, int, int]
    step_z: float

    def plane(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return x (1, X) and y (Y, 1); the longer side spans -1 to 1."""
        _, rows, columns = self.shape
        scale = max(rows, columns) / 2
        x = (np.arange(columns) - (columns - 1) / 2) / scale
        y = (np.arange(rows) - (rows - 1) / 2) / scale
        return x[None, :], y[:, None]

    def z(self, index: int) -> float:
        """Position of a slice; the middle of the volume is 0."""
        return (index - (self.shape[0] - 1) / 2) * self.step_z


def coverage(body: Ellipsoid, grid: Grid, index: int, edge: float) -> NDArray[Any]:
    """Share of each pixel of a slice that an ellipsoid fills.

    Parameters
    ----------
    edge
        Width of the soft edge; of a pixel's order, so that edges are as sharp as a scanner's.

    Returns
    -------
    ndarray
        (y, x) float64 from 0 to 1.
    """
    x, y = grid.plane()
    dx, dy = x - body.centre[0], y - body.centre[1]
    cosine, sine = np.cos(body.turn), np.sin(body.turn)
    u = (dx * cosine + dy * sine) / body.axes[0]
    v = (dy * cosine - dx * sine) / body.axes[1]
    w = (grid.z(index) - body.centre[2]) / body.axes[2]
    distance = (np.sqrt(u * u + v * v + w * w) - 1) * min(body.axes[:2])
    return np.asarray(1 / (1 + np.exp(np.clip(distance / edge, -40, 40))))


def paint(
    picture: NDArray[Any], bodies: list[Ellipsoid], grid: Grid, index: int, edge: float
) -> NDArray[Any]:
    """Lay ellipsoids over a slice, the later over the earlier."""
    for body in bodies:
        if abs(grid.z(index) - body.centre[2]) > body.axes[2] * 1.2:
            continue
        share = coverage(body, grid, index, edge)
        picture = picture * (1 - share) + body.value * share
    return picture


def smooth_field(
    shape: tuple[int, int, int], lengths: tuple[float, float, float], rng: np.random.Generator
) -> NDArray[np.float32]:
    """Gaussian random field of unit variance.

    Parameters
    ----------
    lengths
        Correlation length along z, y, x in voxels.
    """
    spectrum = np.fft.rfftn(rng.standard_normal(shape, dtype=np.float32))
    for axis, length in enumerate(lengths):
        size = shape[axis]
        frequency = np.fft.rfftfreq(size) if axis == 2 else np.fft.fftfreq(size)
        damp = np.exp(-2 * (np.pi * length * frequency) ** 2).astype(np.float32)
        spectrum *= damp.reshape([-1 if i == axis else 1 for i in range(3)])
    field = np.fft.irfftn(spectrum, s=shape, axes=(0, 1, 2)).astype(np.float32)
    field -= field.mean()
    field /= field.std() or 1.0
    return field
