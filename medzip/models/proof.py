"""A new network proves itself before it gets a name: the fast coder and the plain one agree on it.

That no sum leaves 32 bits is proven when its integers are put together
(`medzip.codec.plain.network.Network`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.parts import pack_slab
from medzip.codec.slab import decode_slab, encode_slab
from medzip.errors import ModelError

if TYPE_CHECKING:
    from medzip.codec.model import Model

__all__ = ["probe_slab", "prove_model"]

_SHAPE = (2, 24, 32)


def probe_slab() -> np.ndarray:
    """A small slab with background, an edge, a gradient and noise in it, int16; by integers."""
    z, y, x = np.indices(_SHAPE)
    state = z * 7919 + y * 104_729 + x * 1_299_709 + 12_345
    for _ in range(3):
        state = (state * 1_103_515_245 + 12_345) % (1 << 31)
    noise = (state >> 16) % 15 - 7
    inside = (y - 12) ** 2 + (x - 16) ** 2 < 100 + 20 * z
    return np.where(inside, 40 + 2 * x - y + noise, -100).astype(np.int16)


def prove_model(model: Model) -> None:
    """Code the probe with the fast path and with the plain definitions, and decode it.

    Raises
    ------
    ModelError
        They make different words, or the voxels do not come back.
    """
    voxels = probe_slab()
    data = encode_slab(voxels, model)
    slab = pack_slab(voxels)
    words = model.encode_plainly(slab.arranged, slab.origin, slab.packing.count)
    if words not in data or not np.array_equal(decode_slab(data, model), voxels):
        raise ModelError(
            "expected the plain coder to make the words of the fast one, and the voxels to come "
            "back, got others; the model is refused"
        )
