"""Predictions of all voxels of a slab whose voxels are known: for training, tables and pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.fast.products import GRANULE
from medzip.papers.codec.gather import predicted, sequences_at
from medzip.papers.codec.passes import pass_of
from medzip.papers.codec.shapes import shape_named

if TYPE_CHECKING:
    from medzip.papers.codec.predictor import Predictor

__all__ = ["predict_slab"]

_BATCH = 4096


def predict_slab(predictor: Predictor, shape: str, values: np.ndarray, count: int) -> np.ndarray:
    """Predictions p of all voxels of a slab, int64 of its shape: packed values in 1/16.

    Parameters
    ----------
    predictor, shape
        The integers, and the name of the neighbourhood that they are for.
    values, count
        uint16 (depth, height, width), packed; N.
    """
    form, run = shape_named(shape), pass_of(predictor, _BATCH)
    voxels = np.indices(values.shape).reshape(3, -1).T.astype(np.int64)
    out = np.empty(values.size, dtype=np.int64)
    for start in range(0, len(voxels), _BATCH):
        part = voxels[start : start + _BATCH]
        width = -(-len(part) // GRANULE) * GRANULE
        columns = np.zeros((len(form), width), dtype=np.int16)
        columns[:, : len(part)] = sequences_at(values, part, form, count).T
        out[start : start + len(part)] = predicted(run(columns)[: len(part)], count)
    return out.reshape(values.shape)
