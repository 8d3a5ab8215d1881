"""Variance of the best one-step prediction, from the logarithm of a spectrum (Kolmogorov)."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["error_variance", "quartile_of_sampling"]

_SAMPLED = 512  # patches of white noise that calibrate the quartile


@cache
def _window(patch: tuple[int, ...]) -> NDArray[np.float64]:
    """Return half a sine along each axis, of unit energy."""
    window = np.ones(())
    for side in patch:
        sine = np.sin(np.pi * (np.arange(side) + 0.5) / side)
        window = np.multiply.outer(window, sine)
    return np.asarray(window / np.sqrt(np.sum(window**2)))


@cache
def _log_bias(patch: tuple[int, ...]) -> tuple[NDArray[np.bool_], float]:
    """Return which coefficients count, and the mean of log(periodogram / spectrum) over them.

    A complex coefficient's power is exponential: -gamma. That of a real one, which is its own
    mirror image, is chi-square with one degree of freedom: psi(1/2) + log 2. The mean is unknown,
    so the coefficients at and beside 0 are left out.
    """
    near, real = [], []
    for side in patch:
        index = np.arange(side)
        near.append(np.minimum(index, side - index) <= 1)
        real.append((2 * index) % side == 0)
    all_near = np.ones((), dtype=bool)
    all_real = np.ones((), dtype=bool)
    for one, other in zip(near, real, strict=True):
        all_near = np.logical_and.outer(all_near, one)
        all_real = np.logical_and.outer(all_real, other)
    counts = ~all_near
    real_bias = -np.euler_gamma - math.log(2)
    bias = np.where(all_real, real_bias, -np.euler_gamma)[counts].mean()
    return counts.ravel(), float(bias)


def error_variance(
    filtered: NDArray[Any], patch: tuple[int, ...], gain: float
) -> NDArray[np.float64]:
    """Return the variance of the best one-step prediction in each patch of (…, voxels)."""
    counts, bias = _log_bias(patch)
    shape = filtered.shape[:-1]
    values = (filtered - filtered.mean(axis=-1, keepdims=True)).reshape(-1, *patch)
    spectrum = np.fft.fftn(values * _window(patch), axes=(1, 2, 3)).reshape(len(values), -1)
    power = spectrum.real**2 + spectrum.imag**2
    mean_log = np.log(power[:, counts] + 1e-12).mean(axis=1) - bias - gain
    return np.asarray(np.exp(mean_log).reshape(shape))


@cache
def quartile_of_sampling(patch: tuple[int, ...]) -> float:
    """Return how far the lower quartile of white noise of one level lies below it, in bits."""
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((_SAMPLED, math.prod(patch)))
    bits = 0.5 * np.log2(error_variance(noise, patch, 0.0))
    return -float(np.quantile(bits, 0.25))
