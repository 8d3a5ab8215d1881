"""A volume through both back-ends of one predictor, predicted once.

Predictions are by far the largest part of the work and the same for both, so the engine of the
second back-end gets those of the first. Bytes are those of `medzip.codec.slab.encode_slab`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.parts import pack_slab, seal_slab
from medzip.papers.codec.engine import SequenceEngine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medzip.papers.codec.model import SequenceModel

__all__ = ["encode_all"]


class _Sharing(SequenceEngine):
    """An engine that keeps the last predictions it made, or takes those of another."""

    shared: np.ndarray | None = None

    def _predictions(self, values: np.ndarray, count: int) -> np.ndarray:
        if self.shared is None:
            self.shared = super()._predictions(values, count)
        return self.shared


def encode_all(
    models: Mapping[str, SequenceModel], voxels: np.ndarray
) -> tuple[dict[str, bytes], np.ndarray]:
    """A slab by several models that differ in their back-end alone.

    Parameters
    ----------
    models
        By name of the back-end; one predictor and shape.
    voxels
        (z, y, x).

    Returns
    -------
    tuple
        The slab's bytes by back-end; residuals, int32 of the packed slab's shape: packed value
        minus rounded prediction.
    """
    slab = pack_slab(voxels)
    values = slab.arranged
    made: np.ndarray | None = None
    out = {}
    for name, model in models.items():
        body = None
        if slab.is_coded(model):
            engine = _Sharing(model.predictor, model.shape, model.table, slab.shape_coded)
            engine.shared = made
            body = engine.encode([values], [slab.origin], [slab.packing.count])[0]
            made = engine.shared
        out[name] = seal_slab(slab, body, model)
    residual = np.zeros(slab.values.shape, dtype=np.int32)
    if made is not None:
        left = (values.astype(np.int64) - ((made + 8) >> 4)).astype(np.int32)
        residual = slab.arrangement.restore(left, slab.shape_packed)
    return out, residual
