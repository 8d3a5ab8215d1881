"""A head in MR: skull, grey and white matter, ventricles; coil shading and Rician noise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.phantom.shapes import Ellipsoid, Grid, coverage, paint, smooth_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["mr_volume"]


def _anatomy(rng: np.random.Generator) -> tuple[list[Ellipsoid], Ellipsoid]:
    """Draw a head; return what is painted, and the ellipsoid that holds the brain."""
    wide, tall = rng.uniform(0.62, 0.68), rng.uniform(0.80, 0.86)
    head = [
        Ellipsoid((0, 0, -0.1), (wide, tall, 1.0), 880),  # scalp: fat is bright
        Ellipsoid((0, 0, -0.1), (wide - 0.05, tall - 0.05, 0.95), 60),  # bone is dark
        Ellipsoid((0, 0, -0.1), (wide - 0.1, tall - 0.1, 0.9), 150),  # fluid
    ]
    return head, Ellipsoid((0, 0, -0.1), (wide - 0.115, tall - 0.115, 0.88), 470)


def _signal(shape: tuple[int, int, int], step: float, rng: np.random.Generator) -> NDArray[Any]:
    """Signal without noise, (z, y, x) float64, 0 to about 900, and shading by the coils."""
    grid = Grid(shape, step)
    head, brain = _anatomy(rng)
    size = max(shape[1:])
    folds = smooth_field(shape, (0.02 / step, size * 0.012, size * 0.012), rng)
    tissue = smooth_field(shape, (1.0, 2.0, 2.0), rng)
    x, y = grid.plane()
    centres = [(np.cos(a) * 1.3, np.sin(a) * 1.3) for a in np.linspace(0.3, 6.0, 6)]
    shading = sum(np.exp(-((x - a) ** 2 + (y - b) ** 2) / 2.2) for a, b in centres)
    shading = shading / shading.mean()
    ventricles = [
        Ellipsoid((side * 0.09, -0.05, -0.05), (0.06, 0.22, 0.2), 130, turn=-side * 0.25)
        for side in (-1, 1)
    ]
    edge = 1.0 / size
    signal = np.empty(shape)
    for z in range(shape[0]):
        picture = paint(np.zeros(shape[1:]), head, grid, z, edge)
        inside = coverage(brain, grid, z, edge)
        depth = np.hypot(x / brain.axes[0], y / brain.axes[1])
        white = 1 / (1 + np.exp(np.clip((depth - 0.72 + 0.16 * folds[z]) * 40, -40, 40)))
        sulcus = 1 / (1 + np.exp(np.clip((1.02 - depth + 0.1 * folds[z]) * 40, -40, 40)))
        matter = 470 + 170 * white + 9 * tissue[z] - 330 * sulcus
        picture = picture * (1 - inside) + matter * inside
        signal[z] = paint(picture, ventricles, grid, z, edge) * shading
    return signal


def _interpolate(plane: NDArray[Any], rows: int, columns: int) -> NDArray[Any]:
    """Fill k-space with zeros to a larger matrix, under a mild window, as scanners interpolate."""
    small_rows, small_columns = plane.shape
    spectrum = np.fft.fftshift(np.fft.fft2(plane))
    window = np.sqrt(np.hanning(small_rows + 2)[1:-1, None] * np.hanning(small_columns + 2)[1:-1])
    spectrum *= np.minimum(1, 2.2 * window)
    large = np.zeros((rows, columns), dtype=complex)
    top, left = rows // 2 - small_rows // 2, columns // 2 - small_columns // 2
    large[top : top + small_rows, left : left + small_columns] = spectrum
    scale = rows * columns / (small_rows * small_columns)
    return np.asarray(np.fft.ifft2(np.fft.ifftshift(large)) * scale)


def mr_volume(
    shape: tuple[int, int, int],
    *,
    seed: int,
    noise: float = 16.0,
    interpolation: int = 1,
    masked: bool = False,
    slice_step: float = 0.025,
) -> NDArray[np.uint16]:
    """Generate the stored values of an MR series.

    Parameters
    ----------
    shape
        (z, y, x).
    seed
        The same seed and arguments give the same voxels.
    noise
        Standard deviation of each of the two channels, in stored values; magnitude makes it Rician.
    interpolation
        Matrix over acquired matrix; 2 means that k-space is filled with zeros to twice its size.
    masked
        Whether the background is set to zero, as some reconstructions do.
    slice_step
        Distance of slices in halves of the field of view.

    Returns
    -------
    ndarray
        (z, y, x) uint16 of 12 bits.
    """
    rng = np.random.default_rng([seed, 2])
    depth, rows, columns = shape
    acquired = (depth, rows // interpolation, columns // interpolation)
    signal = _signal(acquired, slice_step, rng)
    stored = np.empty(shape, dtype=np.uint16)
    for z in range(depth):
        real, imaginary = rng.standard_normal((2, *acquired[1:])) * noise
        plane = signal[z] + real + 1j * imaginary
        outside = signal[z] < 20
        if interpolation > 1:
            plane = _interpolate(plane, rows, columns)
            outside = outside.repeat(interpolation, 0).repeat(interpolation, 1)
            outside = np.pad(
                outside,
                ((0, rows - outside.shape[0]), (0, columns - outside.shape[1])),
                constant_values=True,
            )
        words = np.clip(np.rint(np.abs(plane)), 0, 4095)
        stored[z] = np.where(outside & masked, 0, words)
    return stored
