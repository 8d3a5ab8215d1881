"""From predictions to intervals: the two entropy back-ends (plain definitions).

*order0*, as published: the residual of the rounded prediction, by counts that adapt.

*conditional*: a mixture of three logistics around the prediction (`medzip.codec.plain.mixture`), in
units of the errors that the predictor made at the nearest voxels that are known. Its parameters
stand in a small table, by the size of those errors.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.plain.features import Scale
from medzip.codec.plain.mixture import COMPONENTS, Mixture, mixture_of
from medzip.errors import ModelError

if TYPE_CHECKING:
    from medzip.papers.codec.shapes import SequenceShape

__all__ = [
    "BACKENDS",
    "CONDITIONAL",
    "CONTEXTS",
    "ERRORS",
    "FLOOR",
    "INCREMENT",
    "MOST_TOTAL",
    "ORDER0",
    "Counts",
    "check_table",
    "context_of",
    "default_table",
    "error_offsets",
    "mixture_at",
    "scale_at",
]

ORDER0, CONDITIONAL = "order0", "conditional"
CONTEXTS = 32
"""Half octaves of the mean error, from half a value on."""
BACKENDS: dict[str, tuple[int, ...]] = {ORDER0: (), CONDITIONAL: (CONTEXTS, 3 * COMPONENTS)}
"""Shape of each back-end's table."""
ERRORS = 12
"""The errors of so many nearest neighbours give the unit."""
FLOOR = 8
"""Least mean error, in 1/16 of a packed value."""
INCREMENT = 32
"""Of a residual's count when it occurs."""
MOST_TOTAL = 1 << 23
"""Counts are halved when their sum is larger, so that each keeps a part of 2^24."""
_LIMIT = (1 << 17) - 1


class Counts:
    """How often each residual -(N-1) .. N-1 occurred: the adaptive order-0 distribution.

    Parameters
    ----------
    count
        N.
    """

    def __init__(self, count: int) -> None:
        self._counts = np.ones(2 * count - 1, dtype=np.int64)

    def intervals(self) -> np.ndarray:
        """Width of each residual's interval of 2^24; int64 (2N - 1,).

        A residual below which there are c counts of T starts at c 2^24 / T, rounded down.
        """
        edges = np.concatenate([[0], np.cumsum(self._counts)])
        return np.diff((edges << 24) // edges[-1])

    def add(self, symbol: int) -> None:
        """One more of a residual, numbered from 0."""
        self._counts[symbol] += INCREMENT
        if self._counts.sum() > MOST_TOTAL:
            self._counts = (self._counts + 1) >> 1


def default_table() -> np.ndarray:
    """A table that fits Gaussian and Laplacian errors alike, before any is fitted; int32 (32, 9).

    Columns: three log2-weights (1/256), three means (units / 4096), three log2-scales (1/256). A
    logistic has mean magnitude 1.386 times its scale.
    """
    row = [0, -128, -768, 0, 0, 0, -160, 0, 256]
    return np.tile(np.array(row, dtype=np.int32), (CONTEXTS, 1))


def check_table(table: np.ndarray | None, backend: str) -> None:
    """Raise ModelError unless the table is one of this back-end."""
    shape = BACKENDS[backend]
    if not shape:
        if table is not None:
            raise ModelError(f"expected no table for {backend}, got one; leave it out")
        return
    if table is None or table.shape != shape or table.dtype.kind != "i":
        found = None if table is None else (table.dtype, table.shape)
        raise ModelError(f"expected a table of integers {shape}, got {found}; fit one")
    if int(np.abs(table.astype(np.int64)).max()) > _LIMIT:
        raise ModelError(f"expected a table within +-{_LIMIT}; fit it again")


def error_offsets(shape: SequenceShape) -> np.ndarray:
    """Offsets of the neighbours whose errors give the unit, int64 (n, 3): the nearest 12."""
    return shape.offsets[-ERRORS:]


def scale_at(errors: np.ndarray, voxels: np.ndarray, shape: SequenceShape, count: int) -> Scale:
    """Mean error around some voxels.

    Parameters
    ----------
    errors
        int64 (depth, height, width): 16 v - p of voxels that are known.
    voxels
        int64 (n, 3).
    shape, count
        The neighbourhood; N.

    Returns
    -------
    Scale
        T over n neighbours: (sum of |errors| that exist) n // n' + 8 n, where n' exist; without
        any, as if the mean error were (N-1) / 8.
    """
    offsets = error_offsets(shape)
    at = voxels[:, None, :] + offsets[None, :, :]
    size = np.array(errors.shape)
    inside = ((at >= 0) & (at < size)).all(axis=2)
    z, y, x = np.moveaxis(np.clip(at, 0, size - 1), 2, 0)
    total = np.where(inside, np.abs(errors[z, y, x]), 0).sum(axis=1)
    exist, n = inside.sum(axis=1), len(offsets)
    mean = np.where(exist > 0, total * n // np.maximum(exist, 1), 2 * (count - 1) * n)
    return Scale(mean + FLOOR * n, n)


def context_of(scale: Scale) -> np.ndarray:
    """Row of the table, 0 .. 31; int64 (n,)."""
    return np.asarray(np.clip((scale.log2 - 256 * 3) >> 7, 0, CONTEXTS - 1))


def mixture_at(scale: Scale, predicted: np.ndarray, table: np.ndarray) -> Mixture:
    """Distributions of some voxels from the errors around them and their predictions p."""
    return mixture_of(table[context_of(scale)].astype(np.int64), predicted, 4 * scale.reciprocal)
