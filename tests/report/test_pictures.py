"""Residual pictures: zero is white, below is blue, above is red."""

from __future__ import annotations

import imagecodecs
import numpy as np
import pytest

from medzip.report import residual_picture
from medzip.report.pictures import LARGEST_SIDE


def test_colours_stand_for_signs() -> None:
    voxels = np.arange(3 * 4 * 6, dtype=np.uint16).reshape(3, 4, 6)
    residual = np.zeros((3, 4, 6), np.int32)
    residual[1, 0], residual[1, 1] = -50, 50
    record = residual_picture("s", voxels, residual, volume=2, first_slice=30)
    picture = imagecodecs.png_decode(record.residual_png)
    assert (record.volume, record.slice, record.residual_limit) == (2, 31, 50)
    assert (picture[2:] == 255).all()
    assert (picture[0] == [33, 102, 172]).all()
    assert (picture[1] == [178, 24, 43]).all()
    assert imagecodecs.png_decode(record.slice_png).shape == (4, 6)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
@pytest.mark.parametrize("fill", ["min", "max"])
def test_extreme_values(dtype: str, fill: str) -> None:
    value = getattr(np.iinfo(dtype), fill)
    record = residual_picture("s", np.full((1, 5, 5), value, dtype), np.full((1, 5, 5), -65535))
    assert record.residual_limit == 65535
    assert record.window_low < record.window_high


def test_large_slices_are_thinned() -> None:
    voxels = np.zeros((1, 2 * LARGEST_SIDE, 100), np.uint8)
    record = residual_picture("s", voxels, voxels.astype(np.int32))
    assert imagecodecs.png_decode(record.slice_png).shape == (LARGEST_SIDE, 50)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match="same slab"):
        residual_picture("s", np.zeros((1, 2, 2), np.uint8), np.zeros((1, 2, 3), np.int32))
