"""Thin and incompressible series in archives: few bytes more than their voxels, and back again."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr
from zarr.storage import ZipStore

from medzip import archive as steps
from medzip.testing.archives import archive_here, same
from medzip.testing.series import write_slice

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("profile", ["fast", "default"])
@pytest.mark.parametrize("plane", [(1, 700), (700, 1), (3, 9), (30, 40)])
def test_slabs_take_little_more_than_their_voxels(
    tmp_path: Path, plane: tuple[int, int], profile: str
) -> None:
    noise = np.random.default_rng(0).integers(-(1 << 15), 1 << 15, (40, *plane)).astype(np.int16)
    for z, pixels in enumerate(noise):
        write_slice(
            tmp_path / "in" / f"{z:02d}.dcm",
            pixels,
            series="1.2.3",
            position=(0, 0, 2.0 * z),
            instance=z + 1,
        )
    archive_here([tmp_path / "in"], tmp_path / "archive", profile)
    (path,) = (tmp_path / "archive" / "objects").glob("*.zip")
    with zipfile.ZipFile(path) as file:
        slabs = [i.compress_size for i in file.infolist() if i.filename.startswith("volumes/0/c/")]
    assert len(slabs) == (2 if plane == (30, 40) else 1)
    assert sum(slabs) <= noise.nbytes + 72 * len(slabs)
    with ZipStore(path, mode="r") as store:
        array = zarr.open_group(store, mode="r")["volumes/0"]
        assert isinstance(array, zarr.Array)
        assert np.array_equal(np.asarray(array[:]), noise)
        assert len(array.serializer.loaded.to_bytes()) == 41
    steps.restore(tmp_path / "archive", tmp_path / "out")
    same(tmp_path / "in", tmp_path / "out")
