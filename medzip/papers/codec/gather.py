"""What a sequence predictor sees of a slab, and what it says about it (plain NumPy).

Voxels outside of the slab have its minimum, as the papers pad. The papers normalise a volume; here
a slab is normalised by its own number of values, so that slabs stay independent of each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.papers.codec.gates import INPUT_BITS, OUTPUT_BITS

if TYPE_CHECKING:
    from medzip.papers.codec.shapes import SequenceShape

__all__ = ["normalised", "predicted", "sequences_at"]


def normalised(values: np.ndarray, count: int) -> np.ndarray:
    """Packed values 0 .. N-1 as -1 .. 1 in 14 fractional bits; int16 of the same shape.

    Parameters
    ----------
    values
        Integers, any shape.
    count
        N, 1 .. 65536.
    """
    wide = 2 * values.astype(np.int64) - (count - 1)
    return ((wide << INPUT_BITS) // max(1, count - 1)).astype(np.int16)


def predicted(output: np.ndarray, count: int) -> np.ndarray:
    """A predictor's output (20 fractional bits) as p: packed values in 1/16, 0 .. 16 (N-1); int64.

    The inverse of `normalised`, as far as rounding goes.
    """
    scaled = ((output + (1 << OUTPUT_BITS)) * (count - 1) + (1 << 16)) >> (OUTPUT_BITS - 3)
    return np.asarray(np.clip(scaled, 0, 16 * (count - 1)))


def sequences_at(
    values: np.ndarray, voxels: np.ndarray, shape: SequenceShape, count: int
) -> np.ndarray:
    """Sequences of some voxels.

    Parameters
    ----------
    values
        (depth, height, width), packed.
    voxels
        int64 (n, 3): z, y, x.
    shape
        The neighbourhood, length L.
    count
        N.

    Returns
    -------
    numpy.ndarray
        int16 (n, L), normalised; places outside of the slab as packed value 0.
    """
    at = voxels[:, None, :] + shape.offsets[None, :, :]
    size = np.array(values.shape)
    inside = ((at >= 0) & (at < size)).all(axis=2)
    z, y, x = np.moveaxis(np.clip(at, 0, size - 1), 2, 0)
    return normalised(np.where(inside, values[z, y, x], 0), count)
