"""Volumes that codecs find awkward, as a hypothesis strategy."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

DTYPES = ("uint8", "int8", "uint16", "int16")


@st.composite
def volumes(draw: st.DrawFn, largest: tuple[int, int, int] = (5, 14, 14)) -> np.ndarray:
    """Voxels (z, y, x): smooth, noisy, flat, sparse, extreme, or constant."""
    shape = tuple(draw(st.integers(1, n)) for n in largest)
    dtype = draw(st.sampled_from(DTYPES))
    info = np.iinfo(dtype)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    style = draw(st.sampled_from(["smooth", "noise", "flat", "sparse", "extreme", "constant"]))
    if style == "smooth":
        values = np.cumsum(generator.integers(-3, 4, shape), axis=2) + 40
    elif style == "noise":
        values = generator.integers(info.min, info.max + 1, shape)
    elif style == "flat":
        values = np.where(generator.random(shape) < 0.02, generator.integers(0, 100, shape), 7)
    elif style == "sparse":
        values = generator.integers(0, 12, shape) * 9
    elif style == "extreme":
        values = np.where(generator.random(shape) < 0.5, info.min, info.max)
    else:
        values = np.full(shape, draw(st.integers(info.min, info.max)))
    return np.clip(values, info.min, info.max).astype(dtype)
