"""A frame compressed without loss -> the part of it that voxels give back, if they do.

Decoding and encoding again is tried on the very bytes, so what is found here holds for this frame
by proof, not by trust in whoever wrote it. What the frame is, its own bytes say: the transfer
syntax has the word only where they do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.dicom.codestream import LOSSLESS, LS, read_codestream
from medzip.dicom.pinned import encoder_fault
from medzip.dicom.volume import bytes_of, voxels_of
from medzip.errors import MedZipError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.dicom.codestream import Range

__all__ = ["Recoding", "reproduce"]

_CODINGS: dict[int, tuple[str, ...]] = {
    LOSSLESS: ("jpeg-lossless-1", "jpeg-lossless-0"),
    LS: ("jpeg-ls",),
}
_ARITHMETIC = {0xC7, 0xCB, 0xCF}  # and hierarchical: without loss, too


@dataclass(frozen=True)
class Recoding:
    """What gives the bytes of a frame back.

    Attributes
    ----------
    coding : str
        A name of ``medzip.dicom.volume.CODINGS``.
    header, body : tuple of Range
        Parts of the frame: what the coding needs to know, and what it makes of that and the voxels.
    """

    coding: str
    header: tuple[Range, ...]
    body: tuple[Range, ...]


def reproduce(frame: bytes, shape: tuple[int, int], dtype: str) -> Recoding | str:
    """Find the coding that gives a frame's very bytes back.

    Parameters
    ----------
    frame : bytes
        A JPEG or JPEG-LS codestream, and whatever follows it.
    shape : tuple of int
        (rows, columns) of the image, as the tags say.
    dtype : str
        How its stored words are read.

    Returns
    -------
    Recoding or str
        A reason (``medzip.dicom.reasons``) when nothing does: the file is kept whole.
    """
    failed = "lossless-not-reproduced"
    try:
        stream = read_codestream(frame)
        if stream.near or stream.process in _ARITHMETIC or stream.process not in _CODINGS:
            return "unsupported-compression" if stream.process in _ARITHMETIC else "lossy"
        header = b"".join(frame[start:end] for start, end in stream.header)
        data = b"".join(frame[start:end] for start, end in stream.segment)
        codings = _CODINGS[stream.process]
        voxels = voxels_of(data, header, (1, *shape), dtype, codings[0])  # all decode alike
        voxels = np.ascontiguousarray(voxels)
        if any(map(encoder_fault, codings)):
            return "encoder-changed"
        for coding in codings:
            again = bytes_of(voxels, header, coding)
            if again and data.startswith(again):
                return Recoding(coding, stream.header, _first(stream.segment, len(again)))
    except (MedZipError, ValueError):  # broken, or not of the shape that the tags say
        return failed
    return failed


def _first(ranges: Sequence[Range], count: int) -> tuple[Range, ...]:
    """The first ``count`` bytes of what the ranges make together."""
    found: list[Range] = []
    for start, end in ranges:
        if count > 0 and start < end:
            found.append((start, min(end, start + count)))
        count -= end - start
    return tuple(found)
