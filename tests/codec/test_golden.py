"""Streams of every format version, decoded for ever.

tests/golden/<version>/*.mz hold streams, index.json the SHA-256 of the voxels of each. They were
written once by `write` below (python tests/codec/test_golden.py); encoder bytes are not compared,
since an encoder may improve. A missing file fails.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import medzip
from medzip.codec import FORMAT_VERSION
from medzip.codec.header import read_header
from medzip.codec.plain.reference import decode_reference, restore_reference
from medzip.codec.stream import read_stream
from medzip.models import NetworkModel, base_model, shipped_model

if TYPE_CHECKING:
    from medzip.codec.model import Model

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = sorted(
    (index.parent.name, name)
    for index in GOLDEN.glob("*/index.json")
    for name in json.loads(index.read_text())
)


def digest(voxels: np.ndarray) -> str:
    head = f"{voxels.dtype.str} {voxels.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(voxels).tobytes()).hexdigest()


def test_there_are_golden_streams_of_this_version() -> None:
    assert sum(version == str(FORMAT_VERSION) for version, _ in CASES) == len(inputs())


@pytest.mark.parametrize(("version", "name"), CASES)
def test_golden_stream(version: str, name: str) -> None:
    folder = GOLDEN / version
    expected = json.loads((folder / "index.json").read_text())[name]
    assert digest(medzip.decode((folder / f"{name}.mz").read_bytes())) == expected["sha256"]


@pytest.mark.parametrize("name", ["smooth", "background", "long", "upright", "tall", "ribbon"])
def test_golden_stream_by_the_reference(name: str) -> None:
    """The plain decoder reads them too: nothing in the stream hangs on the fast path."""
    data = (GOLDEN / str(FORMAT_VERSION) / f"{name}.mz").read_bytes()
    *_, model, slabs = read_stream(data)
    volume = medzip.decode(data)
    z = 0
    for slab in slabs:
        header = read_header(slab)
        body = slab[68 + header.gaps : 68 + header.gaps + header.body]
        shape, arranged = header.shape_packed, header.arrangement
        coded = arranged.shape_of(shape)
        values = decode_reference(body, coded, header.origin, header.count, model.network)
        values = restore_reference(values, shape, arranged.field)
        voxels = values.astype(np.int64) + header.minimum
        assert np.array_equal(voxels, volume[z : z + header.coded])
        z += header.shape[0]


def inputs() -> dict[str, tuple[np.ndarray, Model | None, str]]:
    """What the golden streams hold: voxels, model (None: as the profile says), profile."""
    generator = np.random.default_rng(20261120)
    z, y, x = np.indices((5, 24, 24))
    smooth = 300 + 40 * np.sin(x / 5) + 30 * np.cos(y / 6) + 5 * z + generator.normal(0, 3, z.shape)
    background = np.where((x - 12) ** 2 + (y - 12) ** 2 < 60, smooth, 0)
    z, y, x = np.indices((20, 48, 48))
    steps = generator.choice([-30, 0, 0, 30], z.shape)  # no scanner's noise: fitting pays
    large = 900 + 200 * np.sin(x / 9) * np.cos(y / 8) + steps + generator.normal(0, 2, z.shape)
    thin = large.reshape(-1).astype(np.int16)
    later = np.random.default_rng(20261125)  # what came first stays as it was
    tiled = np.tile(smooth[:4, :16, :16] / 3, (8, 1, 1))
    mixed = np.concatenate([later.integers(0, 256, tiled.shape), tiled])
    return {
        # arranged: folded rows, axes of length 1 first, axes by length, both
        "long": (thin[:6204].reshape(6204, 1, 1), None, "fast"),
        "upright": (thin[:6000].reshape(60, 100, 1), None, "fast"),
        "tall": (thin[:4800].reshape(1, 600, 8), None, "fast"),
        "ribbon": (thin[:10_000].reshape(2500, 1, 4)[:, :, ::-1], None, "fast"),
        # stored as they are: a slab of one byte a voxel beside a coded one, a whole stream
        "mixed-bytes": (mixed.astype(np.uint8), None, "fast"),
        "stored": (later.integers(-128, 128, (3, 9, 9)).astype(np.int8), None, "fast"),
        "smooth": (smooth.astype(np.int16), None, "fast"),
        "background": (background.astype(np.uint16), None, "default"),
        "longest-fit": (large.astype(np.int16), None, "max"),
        "fitted": (large.astype(np.int16), None, "default"),
        "ranks": ((generator.integers(0, 60, (8, 48, 48)) * 9).astype(np.uint16), None, "fast"),
        "bytes": ((smooth / 3).astype(np.uint8), None, "fast"),
        "signed-bytes": ((smooth / 4 - 90).astype(np.int8), None, "fast"),
        "noise": (generator.integers(0, 65536, (2, 9, 9)).astype(np.uint16), None, "fast"),
        "constant": (np.full((3, 7, 5), -1000, np.int16), None, "fast"),
        "one-voxel": (np.full((1, 1, 1), 5, np.uint8), None, "fast"),
        "line": (np.arange(40, dtype=np.int16).reshape(1, 1, 40) ** 2, None, "fast"),
        "wide": (large.astype(np.int16), shipped_model("wide"), "max"),
        "whole-model": (
            smooth.astype(np.int16),
            NetworkModel(base_model("fast").network, None),
            "fast",
        ),
    }


def write() -> None:
    """Write golden streams of this format version that are not there yet; replaces none."""
    folder = GOLDEN / str(FORMAT_VERSION)
    folder.mkdir(parents=True, exist_ok=True)
    known = folder / "index.json"
    index = json.loads(known.read_text()) if known.exists() else {}
    for name, (voxels, model, profile) in inputs().items():
        if name not in index:
            (folder / f"{name}.mz").write_bytes(medzip.encode(voxels, profile=profile, model=model))
            index[name] = {"sha256": digest(voxels), "profile": profile}
    known.write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    write()
