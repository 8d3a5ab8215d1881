"""Noise as reconstruction leaves it.

White noise would flatter no codec and teach it nothing: the noise of a scanner is correlated, and
how it is decides what prediction can gain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["KERNELS", "ct_noise", "ct_transfer"]

#: Apodisation of the ramp filter: cut-off as a share of Nyquist, and boost of high frequencies.
KERNELS = {"soft": (0.62, 0.0), "standard": (0.8, 0.15), "sharp": (1.0, 0.9)}


def _radial_frequency(rows: int, columns: int) -> NDArray[Any]:
    """Radial frequency of an rfft2, 1 at Nyquist."""
    fy, fx = np.fft.fftfreq(rows)[:, None], np.fft.rfftfreq(columns)[None, :]
    return np.asarray(2 * np.hypot(fy, fx))


def ct_transfer(rows: int, columns: int, kernel: str) -> NDArray[Any]:
    """Transfer function of a convolution kernel: a Hann window with a lift, 1 at frequency 0."""
    cut, lift = KERNELS[kernel]
    share = np.clip(_radial_frequency(rows, columns) / cut, 0, 1)
    return np.asarray((0.5 + 0.5 * np.cos(np.pi * share)) * (1 + lift * share * 2))


def ct_noise(
    shape: tuple[int, int, int], kernel: str, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Noise of filtered backprojection, of unit variance.

    Its power rises with frequency (the ramp) and falls with the kernel's window; neighbouring
    slices share rays, so they share a part of it.

    Parameters
    ----------
    shape
        (z, y, x).
    kernel
        One of :data:`KERNELS`.
    """
    depth, rows, columns = shape
    amplitude = np.sqrt(_radial_frequency(rows, columns)) * ct_transfer(rows, columns, kernel)
    white = rng.standard_normal((depth + 2, rows, columns), dtype=np.float32)
    shared = white[:-2] + 2 * white[1:-1] + white[2:]
    noise = np.empty(shape, dtype=np.float32)
    for z in range(depth):
        noise[z] = np.fft.irfft2(np.fft.rfft2(shared[z]) * amplitude, s=(rows, columns))
    spread = float(noise.std())
    return noise / (spread if spread > 0 else 1.0)
