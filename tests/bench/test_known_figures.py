"""The peers are run as they should be: their sizes are those that were published with the data."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from medzip.bench.peers import PEERS
from medzip.volumes import find_volumes

from ..doc_text import ROOT

# Bits per voxel of 32 slices, all bytes counted: the table in the README of the data.
KNOWN = {
    "head-mr-192": {
        "jpeg-ls": 6.885,
        "jpeg-2000": 6.899,
        "jpeg-xl-7": 6.591,
        "htj2k": 7.159,
        "tomoz": 6.148,
        "ppmd": 7.181,
        "hevc": 6.710,
        "jp3d": 6.434,
    },
}
SHARED = Path(
    os.environ.get("MEDZIP_SHARED", Path(__file__).resolve().parents[3] / "shared")
) / Path("data/eval")


def test_digests_of_the_data_page_are_those_of_the_slabs() -> None:
    if not (SHARED / "index.json").is_file():
        pytest.skip(f"no data at {SHARED}; set MEDZIP_SHARED to the folder that holds data/eval")
    page = (ROOT / "docs" / "data.md").read_text()
    for volume in find_volumes(SHARED):
        voxels = volume.load()
        words = voxels.astype(voxels.dtype.newbyteorder("<")).tobytes()
        assert f"| {volume.title} | `{hashlib.sha256(words).hexdigest()[:16]}` |" in page


@pytest.mark.parametrize(
    ("slab", "codec"), [(slab, codec) for slab, figures in KNOWN.items() for codec in figures]
)
def test_size_is_the_known_one(slab: str, codec: str) -> None:
    if not (SHARED / "index.json").is_file():
        pytest.skip(f"no data at {SHARED}; set MEDZIP_SHARED to the folder that holds data/eval")
    peer = PEERS[codec]
    if not peer.available().ok:
        pytest.skip(peer.available().reason)
    voxels = next(volume for volume in find_volumes(SHARED) if volume.title == slab).load()
    data = peer.encode(voxels)
    assert 8 * len(data) / voxels.size == pytest.approx(KNOWN[slab][codec], abs=0.01)
