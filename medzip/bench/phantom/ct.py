"""A chest in CT: body, lungs with vessels, heart, spine, ribs, couch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.phantom.noise import ct_noise, ct_transfer
from medzip.bench.phantom.shapes import Ellipsoid, Grid, paint, smooth_field

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PADDING", "ct_volume"]

PADDING = -2000
"""Stored value outside the reconstruction circle of signed series, as one vendor pads."""

_AIR = -1000.0
_INTERCEPT = -1024


def _anatomy(rng: np.random.Generator) -> list[Ellipsoid]:
    """Draw a body; the order is that of painting, values in HU."""
    wide = rng.uniform(0.78, 0.86)
    tall = rng.uniform(0.56, 0.64)
    bodies = [
        Ellipsoid((0, tall + 0.16, 0), (0.7, 0.05, 9), -700),  # couch
        Ellipsoid((0, tall + 0.16, 0), (0.66, 0.025, 9), -930),
        Ellipsoid((0, 0, 0), (wide, tall, 9), -95),  # fat under the skin
        Ellipsoid((0, 0.01, 0), (wide - 0.05, tall - 0.05, 9), 48),  # muscle
    ]
    bodies += [
        Ellipsoid((side * 0.38, -0.02, 0.05), (0.29, 0.40, 0.7), -860, turn=side * 0.12)
        for side in (-1, 1)  # lungs
    ]
    bodies.append(Ellipsoid((0.08, -0.12, -0.05), (0.24, 0.22, 0.42), 60, turn=0.5))  # heart
    bodies.append(Ellipsoid((0.07, -0.13, -0.05), (0.11, 0.10, 0.2), 170, turn=0.5))  # contrast
    bodies.append(Ellipsoid((-0.03, 0.18, 0), (0.055, 0.055, 9), 185))  # aorta
    bodies.append(Ellipsoid((0, 0.36, 0), (0.11, 0.10, 9), 240))  # vertebra
    bodies.append(Ellipsoid((0, 0.36, 0), (0.085, 0.075, 9), 150))
    bodies.append(Ellipsoid((0, 0.47, 0), (0.045, 0.04, 9), 25))  # canal
    bodies.append(Ellipsoid((0, -tall + 0.1, 0), (0.07, 0.035, 9), 260))  # sternum
    for side in (-1, 1):
        for i, angle in enumerate(np.linspace(0.35, 2.75, 7)):
            at = (side * (wide - 0.11) * np.sin(angle), -(tall - 0.1) * np.cos(angle))
            z = ((i * 0.37 + rng.uniform(0, 0.1)) % 0.8) - 0.4
            bodies.append(Ellipsoid((*at, z), (0.045, 0.03, 0.11), 420, turn=side * angle))
    for _ in range(90):  # vessels of the lungs
        side = rng.choice((-1, 1))
        radius, angle = 0.24 * np.sqrt(rng.uniform()), rng.uniform(0, 2 * np.pi)
        at = (side * 0.38 + radius * np.cos(angle), 1.35 * radius * np.sin(angle))
        size = rng.uniform(0.005, 0.02)
        longer = size * rng.uniform(1, 3)
        bodies.append(
            Ellipsoid(
                (*at, rng.uniform(-0.4, 0.4)),
                (longer, size, size * rng.uniform(1, 6)),
                rng.uniform(-250, 40),
                turn=rng.uniform(0, np.pi),
            )
        )
    return bodies


def ct_volume(
    shape: tuple[int, int, int],
    *,
    seed: int,
    kernel: str = "standard",
    noise_hu: float = 14.0,
    signed: bool = False,
    slice_step: float = 0.014,
) -> NDArray[Any]:
    """Generate the stored values of a CT series.

    Parameters
    ----------
    shape
        (z, y, x).
    seed
        The same seed and arguments give the same voxels.
    kernel
        Convolution kernel, one of :data:`medzip.bench.phantom.noise.KERNELS`.
    noise_hu
        Standard deviation of the noise in the centre, in HU; it halves towards the skin, where
        rays pass through less tissue.
    signed
        True: int16 with :data:`PADDING` outside the reconstruction circle. False: uint16 of
        12 bits with 0 there. Both have a rescale intercept of -1024.
    slice_step
        Distance of slices in halves of the field of view.

    Returns
    -------
    ndarray
        (z, y, x) int16 or uint16; HU = stored value - 1024.
    """
    rng = np.random.default_rng([seed, 1])
    grid = Grid(shape, slice_step)
    bodies = _anatomy(rng)
    texture = smooth_field(shape, (1.2, 2.5, 2.5), rng)
    noise = ct_noise(shape, kernel, rng)
    transfer = ct_transfer(*shape[1:], kernel)
    x, y = grid.plane()
    radius = np.hypot(x, y)
    spread = noise_hu * (0.45 + 0.55 * np.exp(-((radius / 0.6) ** 2)))
    edge = 1.0 / max(shape[1:])
    stored = np.empty(shape, dtype=np.int16)
    for z in range(shape[0]):
        picture = paint(np.full(shape[1:], _AIR), bodies, grid, z, edge)
        picture += texture[z] * 6 * (picture > -900)
        picture = np.fft.irfft2(np.fft.rfft2(picture) * transfer, s=shape[1:])
        picture += noise[z] * spread
        words = np.clip(np.rint(picture) - _INTERCEPT, 0, 4095)
        stored[z] = np.where(radius <= 1, words, PADDING if signed else 0)
    return stored if signed else stored.astype(np.uint16)
