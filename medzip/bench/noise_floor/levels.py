"""From figures of patches to the level of noise around each, with edges and anatomy left out."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["local_levels"]

_AROUND = (1, 2, 2)  # patches on each side whose quartile counts
_FEW = 5  # patches below which the quartile is taken over the whole class


def _otsu(values: NDArray[Any]) -> float:
    """Return the threshold that splits values into the two classes that differ most."""
    if len(values) < 2:
        return math.inf
    ordered = np.sort(values)
    count = np.arange(1, len(ordered))
    below = np.cumsum(ordered)[:-1]
    above = ordered.sum() - below
    between = (below / count - above / count[::-1]) ** 2 * count * count[::-1]
    return float(ordered[np.argmax(between)])


def local_levels(
    entropy: NDArray[Any], mean: NDArray[Any], usable: NDArray[Any], sampling: float
) -> NDArray[np.float64]:
    """Return the lower quartile of the entropies around each patch, among those of its class.

    Parameters
    ----------
    entropy, mean, usable
        (layers, rows, columns) of patches: bits per voxel, mean value, and whether it was measured.
    sampling
        What is added to the quartile, as sampling alone makes it smaller than the level.

    Returns
    -------
    ndarray
        Bits per voxel of each patch; 0 where nothing was measured at all.
    """
    levels = np.zeros(entropy.shape)
    if not usable.any():
        return levels
    tissue = mean > _otsu(mean[usable])
    for member in (tissue, ~tissue):
        known = member & usable
        if not known.any():
            known = usable
        whole = float(np.quantile(entropy[known], 0.25))
        for place in zip(*np.nonzero(member), strict=True):
            box = tuple(
                slice(max(0, i - reach), i + reach + 1)
                for i, reach in zip(place, _AROUND, strict=True)
            )
            near = entropy[box][known[box]]
            quartile = float(np.quantile(near, 0.25)) if len(near) >= _FEW else whole
            levels[place] = quartile + sampling if quartile > 0 else 0
    return levels
