"""Encoders of other packages that restoring needs, held by streams that they gave once.

A file whose pixels were compressed comes back if its frames can be encoded to the very bytes. Our
own encoders are held by tests. Another package's may change with an upgrade: what was written
before would not come back, and what is written now would not come back elsewhere. So such a coding
is used to *write* only where the encoder that is installed gives the bytes of a golden stream.
Reading asks nothing: files whose bytes come out all the same are restored, and the SHA-256 of each
tells of the others.
"""

from __future__ import annotations

import base64
import json
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.dicom.volume import coding_of
from medzip.errors import MedZipError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from medzip.dicom.records import FileEntry

__all__ = ["PINNED", "encoder_fault", "fault_of", "golden", "golden_voxels"]

PINNED = {"jpeg-ls": "pyjpegls"}
"""Codings whose encoder is of another package, and that package."""


def golden(coding: str) -> dict[str, Any]:
    """The golden streams of a coding: frames with their shape, bits, header and segment."""
    text = files("medzip.dicom").joinpath("golden", f"{coding}.json").read_text(encoding="ascii")
    read: dict[str, Any] = json.loads(text)
    return read


def golden_voxels(bits: int, dtype: str, shape: tuple[int, int, int]) -> NDArray[np.generic]:
    """Voxels of a golden frame: slopes, noise of every size, flat parts, and jumps.

    They are computed, not decoded: a decoder may change together with its encoder.
    """
    _, y, x = np.indices(shape, np.int64)
    most = (1 << bits) - 1
    noise = (x * 1103515245 + y * 1234567891 + x * y * 40503 + 12345) >> 7
    values = (x + 2 * y) * most // 131 + noise % (2 + (most * x >> 7))
    values[:, 9:16] = most // 3  # runs, one of them interrupted
    values[:, 12, 5:7] = most
    values[:, 30:34] = ((x + y) % 2 * most)[:, 30:34]  # the longest codes
    values &= most
    if dtype.startswith("int"):
        values -= values >> (bits - 1) << bits
    voxels: NDArray[np.generic] = values.astype(dtype)
    return voxels


def fault_of(file: FileEntry) -> str:
    """What is wrong with an encoder that gives bytes of a file back; "" if nothing."""
    faults = map(encoder_fault, sorted({span.coding for span in file.spans}))
    return next(filter(None, faults), "")


@cache
def encoder_fault(coding: str) -> str:
    """What is wrong with the installed encoder of a coding; "" where it may be used to write.

    Looked at once a process, when the first file of that coding is met.
    """
    package = PINNED.get(coding)
    if package is None:
        return ""
    held = golden(coding)
    try:
        got = version(package)
    except PackageNotFoundError:
        got = "of no known version"
    for frame in held["frames"]:
        shape, header = tuple(frame["shape"]), base64.b64decode(frame["header"])
        segment = base64.b64decode(frame["segment"])
        voxels = golden_voxels(frame["bits"], frame["dtype"], shape)
        made = coding_of(coding)
        try:
            same = made.encode(voxels, header) == segment and np.array_equal(
                made.decode(segment, header, shape, frame["dtype"]), voxels
            )
        except (MedZipError, ValueError):
            same = False
        if not same:
            return (
                f"expected the {coding} encoder that archives are written with, which gives the "
                f"bytes of {package} {held['version']}, got {package} {got}, which gives others; "
                f"pip install {package}=={held['version']}"
            )
    return ""
