"""Which voxels a predictor learns from: the papers' sampling schemes, as coordinates.

- *random*: every voxel of every volume is equally likely (sampling-strategies, section 3.4.4).
- *gaussian*: voxels near the middle of a volume are likelier: a normal distribution on each axis,
  a quarter of the axis wide, cut at the faces. The paper gives no width.
- *slice*: complete slices at a fixed stride along z. Where the share of a volume is no whole number
  of slices, the last one is thinned at random, so that all schemes have the same size.
- *spacing*: as random, but each pixel spacing gives the same number (medzip, MedZip3).

The same arguments give the same coordinates, on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from medzip.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Extent", "draw"]

_WIDTH = 0.25
_SPACING_DIGITS = 3


@dataclass(frozen=True)
class Extent:
    """What the schemes know of a volume: its shape, and its pixel spacing in mm where known."""

    shape: tuple[int, int, int]
    spacing: float | None = None


def draw(
    scheme: str,
    extents: Sequence[Extent],
    samples: int,
    seed: int,
    slices: int | None = None,
) -> list[np.ndarray]:
    """Coordinates of the voxels to learn from.

    Parameters
    ----------
    scheme
        One of `medzip.papers.training.configurations.SAMPLINGS`.
    extents
        Of the volumes.
    samples
        How many in all; fewer where the volumes have not so many.
    seed
        Of the random numbers.
    slices
        At most so many slices of each volume, evenly along z; None: all.

    Returns
    -------
    list of numpy.ndarray
        For each volume int64 (n, 3): z, y, x, no voxel twice, in raster order.

    Raises
    ------
    ModelError
        A volume's spacing is not known where the scheme asks for it, or there is no such scheme.
    """
    layers = [_layers(extent.shape[0], slices) for extent in extents]
    sizes = [
        len(z) * extent.shape[1] * extent.shape[2]
        for z, extent in zip(layers, extents, strict=True)
    ]
    groups = _by_spacing(extents) if scheme == "spacing" else [list(range(len(extents)))]
    shares = [0] * len(extents)
    for group, part in zip(groups, _split(samples, [1] * len(groups)), strict=True):
        inside = [sizes[index] for index in group]
        for index, share in zip(group, _split(part, inside), strict=True):
            shares[index] = min(share, sizes[index])
    out = []
    for number, (extent, z, share) in enumerate(zip(extents, layers, shares, strict=True)):
        generator = np.random.default_rng((seed, number))
        shape = (len(z), *extent.shape[1:])
        if scheme in ("random", "spacing"):
            flat = _uniform(generator, int(np.prod(shape)), share)
        elif scheme == "gaussian":
            flat = _gaussian(generator, shape, share)
        elif scheme == "slice":
            flat = _whole_slices(generator, shape, share)
        else:
            raise ModelError(
                f"expected a sampling among random, gaussian, slice, spacing, got {scheme!r}; "
                "check the name"
            )
        voxels = np.stack(np.unravel_index(np.sort(flat), shape), axis=1).astype(np.int64)
        voxels[:, 0] = z[voxels[:, 0]]
        out.append(voxels)
    return out


def _layers(depth: int, slices: int | None) -> np.ndarray:
    """The slices that may give samples, int64, ascending."""
    if slices is None or slices >= depth:
        return np.arange(depth, dtype=np.int64)
    return (np.arange(slices, dtype=np.int64) * 2 + 1) * depth // (2 * slices)


def _by_spacing(extents: Sequence[Extent]) -> list[list[int]]:
    """Indices of the volumes of each pixel spacing, spacings ascending."""
    groups: dict[float, list[int]] = {}
    for index, extent in enumerate(extents):
        if extent.spacing is None:
            raise ModelError(
                f"expected the pixel spacing of every volume, got none for volume {index}; "
                "use another sampling or give the spacing"
            )
        groups.setdefault(round(extent.spacing, _SPACING_DIGITS), []).append(index)
    return [groups[spacing] for spacing in sorted(groups)]


def _split(total: int, weights: Sequence[int]) -> list[int]:
    """Split a number in proportion to weights; the rounded parts sum to it exactly."""
    edges = [0]
    for weight in weights:
        edges.append(edges[-1] + weight)
    ends = [total * edge // max(1, edges[-1]) for edge in edges]
    return [high - low for low, high in pairwise(ends)]


def _uniform(generator: np.random.Generator, size: int, share: int) -> np.ndarray:
    return generator.choice(size, share, replace=False, shuffle=False)


def _gaussian(generator: np.random.Generator, shape: tuple[int, ...], share: int) -> np.ndarray:
    """Distinct voxels, likelier near the middle, as flat indices.

    Gumbel's trick: of all voxels, those with the largest log-probability plus Gumbel noise are a
    sample without replacement. It needs 8 bytes a voxel, which a volume that is held in memory
    anyway allows.
    """
    log_density = np.zeros(shape)
    for axis, size in enumerate(shape):
        at = (np.arange(size) + 0.5) / size - 0.5
        profile = -0.5 * (at / _WIDTH) ** 2
        log_density += profile.reshape([-1 if axis == a else 1 for a in range(len(shape))])
    keys = log_density.reshape(-1) + generator.gumbel(size=log_density.size)
    if share >= len(keys):
        return np.arange(len(keys))
    return np.argpartition(-keys, share)[:share]


def _whole_slices(generator: np.random.Generator, shape: tuple[int, ...], share: int) -> np.ndarray:
    """Complete slices at a fixed stride, the last thinned to the share; flat indices."""
    area = shape[1] * shape[2]
    count = min(shape[0], -(-share // area))
    chosen = _layers(shape[0], count) if count else np.zeros(0, dtype=np.int64)
    flat = [z * area + np.arange(area) for z in chosen[:-1]]
    if count:
        rest = share - area * (count - 1)
        flat.append(chosen[-1] * area + _uniform(generator, area, rest))
    return np.concatenate(flat) if flat else chosen
