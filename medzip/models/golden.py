"""Golden vectors of a model: a small slab and the stream that the model makes of it.

A stream that decodes to the same voxels here says that this machine computes the model exactly.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from medzip.canonical import canonical_json
from medzip.codec.stream import decode_stream, encode_stream
from medzip.errors import MedZipError, ModelError
from medzip.models.files import read_limited

if TYPE_CHECKING:
    import os

    from medzip.codec.model import Model

    StrPath = str | os.PathLike[str]

__all__ = ["check_golden", "golden_volume", "write_golden"]

FOLDER = "golden"
_MOST = 8 << 20
_MOST_VOXELS = 1 << 22


def golden_volume() -> np.ndarray:
    """A slab (6, 40, 44) int16 of smooth shapes, noise, and padding of one value."""
    generator = np.random.default_rng(20261120)
    z, y, x = np.indices((6, 40, 44))
    inside = (y - 20) ** 2 + (x - 22) ** 2 < 350
    body = 40 + 300 * np.sin(x / 9) * np.cos(y / 7 + z / 5) + generator.normal(0, 15, z.shape)
    return np.where(inside, body, -1024).astype(np.int16)


def write_golden(model: Model, volume: np.ndarray | None = None) -> dict[str, bytes]:
    """Files of the folder ``golden``: stream, and the digest of its voxels.

    Parameters
    ----------
    model
        An unchanged network or a model that carries its own.
    volume
        (z, y, x) voxels, `golden_volume` by default.
    """
    voxels = golden_volume() if volume is None else volume
    stream = encode_stream(voxels, model, max(1, len(voxels) // 2))
    index = {"slab.mz": {"sha256": voxel_digest(voxels), "stream": _sha256(stream)}}
    return {f"{FOLDER}/slab.mz": stream, f"{FOLDER}/index.json": canonical_json(index) + b"\n"}


def check_golden(folder: StrPath) -> int:
    """Decode the golden streams of a model directory; how many there are.

    The model must be found by its digest (`medzip.models.folders`): the streams refer to it.

    Raises
    ------
    ModelError
        A stream does not give its voxels here.
    """
    golden = Path(folder) / FOLDER
    if not golden.is_dir():
        return 0
    try:
        index = json.loads(read_limited(golden / "index.json", 1 << 16))
        for name, expected in sorted(index.items()):
            stream = read_limited(golden / Path(name).name, _MOST)
            found = voxel_digest(decode_stream(stream))
            if found != expected["sha256"]:
                raise ModelError(
                    f"expected voxels {expected['sha256'][:16]} from {name} of {folder}, got "
                    f"{found[:16]}; do not use this model here, and report it"
                )
    except ModelError:
        raise
    except (MedZipError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"expected golden streams in {folder}, got {type(error).__name__}: {error}; copy the "
            "model anew"
        ) from error
    return len(index)


def voxel_digest(voxels: np.ndarray) -> str:
    """SHA-256 of dtype, shape and voxels (little-endian), hexadecimal."""
    text = f"{voxels.dtype.name} {'x'.join(map(str, voxels.shape))}\n".encode()
    return _sha256(text + voxels.astype(voxels.dtype.newbyteorder("<")).tobytes())


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
