"""The bytes of one slab, as a digest that other processes and processors must give as well.

python -m medzip.testing.probe
"""

from __future__ import annotations

import hashlib

import numpy as np

from medzip.codec.fast.engine import Engine
from medzip.testing.networks import random_network

__all__ = ["probe"]


def probe() -> str:
    """SHA-256 of a slab's words, after they were decoded."""
    generator = np.random.default_rng(0)
    values = (np.cumsum(generator.integers(-9, 10, (3, 40, 40)), axis=2) + 400).astype(np.uint16)
    values[:, :6] = 400
    engine = Engine(random_network("deep"), values.shape)
    data = engine.encode([values], [400], [800])[0]
    if not np.array_equal(engine.decode([data], [400], [800])[0], values):
        raise ValueError("expected the slab that was coded, got another; the engine is not exact")
    return hashlib.sha256(data).hexdigest()


if __name__ == "__main__":
    print(probe())
