"""Every neighbourhood with every kind of predictor, on a piece of a real series."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

import medzip
from medzip.papers.codec import SHAPES
from medzip.testing.sequences import KINDS, random_model

SHARED = Path(os.environ.get("MEDZIP_SHARED", Path(__file__).parents[3] / "shared"))


def piece() -> np.ndarray:
    """Four slices of 96 x 96 voxels from the middle of a chest CT."""
    folder = SHARED / "data" / "corpus"
    if not (folder / "index.json").is_file():
        pytest.skip(f"no data at {folder}; set MEDZIP_SHARED to the folder that holds data/corpus")
    entry = next(iter(json.loads((folder / "index.json").read_text()).values()))
    stored = tifffile.imread(folder / entry["file"]).reshape(entry["shape"])
    voxels = (stored.astype(np.int32) + entry["offset"]).astype(entry["dtype"])
    z, y, x = (n // 2 for n in voxels.shape)
    return np.ascontiguousarray(voxels[z - 2 : z + 2, y - 48 : y + 48, x - 48 : x + 48])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_all_neighbourhoods_on_a_real_piece(kind: str) -> None:
    torch.set_num_threads(1)
    voxels = piece()
    assert voxels.shape == (4, 96, 96)
    for name in SHAPES:
        for backend in ("order0", "conditional"):
            data = medzip.encode(voxels, model=random_model(kind, name, backend))
            assert np.array_equal(medzip.decode(data), voxels), (kind, name, backend)
