"""The middle of a volume: what is measured of it where the whole is too much."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["middle"]


def middle(
    voxels: NDArray[Any],
    slices: int | None = None,
    rows: int | None = None,
    columns: int | None = None,
) -> NDArray[Any]:
    """At most so many slices, rows and columns out of the middle, contiguous; None takes all.

    Examples
    --------
    >>> middle(np.arange(5).reshape(5, 1, 1), 2).ravel()
    array([1, 2])
    """
    cut = []
    for size, most in zip(voxels.shape, (slices, rows, columns), strict=True):
        first = 0 if most is None else max(0, (size - most) // 2)
        cut.append(slice(first, None if most is None else first + most))
    return np.ascontiguousarray(voxels[tuple(cut)])
