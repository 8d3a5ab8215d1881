"""A slab and its bytes: header, packing, words, checksums (docs/format.md, "Slab").

A slab is coded on its own: any slab of a volume can be read without the others.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.header import FORMAT_VERSION, SlabHeader, check_slab, read_header
from medzip.codec.parts import open_slab, pack_slab, seal_slab

if TYPE_CHECKING:
    from medzip.codec.model import Model, SlabEngine

__all__ = [
    "FORMAT_VERSION",
    "SlabHeader",
    "decode_slab",
    "encode_slab",
    "read_header",
    "residual_slab",
]

_ENGINES_KEPT = 2
_local = threading.local()


def encode_slab(voxels: np.ndarray, model: Model) -> bytes:
    """One slab to bytes.

    Parameters
    ----------
    voxels
        (z, y, x) of uint8, int8, uint16 or int16.
    model
        The predictor; the same is needed to decode.

    Raises
    ------
    UnsupportedVoxelsError
        Another dtype, not three non-empty dimensions, or more than 2^27 voxels.
    """
    slab = pack_slab(voxels)
    body = None
    if slab.is_coded(model):
        engine = _engine(model, slab.shape_coded)
        body = engine.encode([slab.arranged], [slab.origin], [slab.packing.count])[0]
    return seal_slab(slab, body, model)


def decode_slab(
    data: bytes, model: Model, shape: tuple[int, ...] | None = None, dtype: str | None = None
) -> np.ndarray:
    """Bytes back to the slab: the inverse of `encode_slab`.

    Parameters
    ----------
    data, model
        The slab and the model that it was coded with.
    shape, dtype
        What the slab must be, where the caller knows: compared before anything is decoded.

    Raises
    ------
    CorruptStreamError
        The bytes are damaged, or the decoded values do not match their checksum.
    ModelError
        The slab was coded with another model.
    """
    data = bytes(data)
    header = check_slab(data, shape, dtype)
    slab = open_slab(data, model)
    values = slab.plain()
    if values is None:
        engine = _engine(model, slab.shape)
        values = engine.decode([slab.body], [header.origin], [header.count])[0]
    return slab.voxels(values)


def residual_slab(voxels: np.ndarray, model: Model) -> np.ndarray:
    """Voxel minus the mean of its predicted distribution, int32, for pictures."""
    slab = pack_slab(voxels)
    residual = np.zeros(slab.shape, dtype=np.int32)
    coded = len(slab.values)
    if coded:  # the slices after these are all alike
        values = slab.arranged
        left = values.astype(np.int32) - _engine(model, values.shape).predict(values, slab.origin)
        residual[:coded] = slab.arrangement.restore(left, slab.shape_packed)
    return residual


def _engine(model: Model, shape: tuple[int, ...]) -> SlabEngine:
    """An engine of this thread: engines hold buffers, so threads do not share them."""
    kept: OrderedDict[tuple[str, tuple[int, ...]], SlabEngine] | None = getattr(
        _local, "kept", None
    )
    if kept is None:
        kept = _local.kept = OrderedDict()
    key = (model.digest, shape)
    if key not in kept:
        kept[key] = model.engine(_triple(shape))
        while len(kept) > _ENGINES_KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


def _triple(shape: tuple[int, ...]) -> tuple[int, int, int]:
    depth, height, width = shape
    return int(depth), int(height), int(width)
