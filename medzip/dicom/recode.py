"""A frame compressed without loss -> the part of it that voxels give back, if they do.

Decoding and encoding again is tried on the very bytes, so what is found here holds for this frame
by proof, not by trust in whoever wrote it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydicom.uid import JPEGLossless, JPEGLosslessSV1, JPEGLSLossless

from medzip.dicom.jpeg_lossless import find_segment
from medzip.dicom.volume import bytes_of, voxels_of
from medzip.errors import MedZipError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Recoding", "reproduce"]

Recoding = tuple[int, int, str, int]
"""Start and end of the span in the frame, coding, and bytes of header in front of the span."""

_CODINGS: dict[str, tuple[str, ...]] = {
    JPEGLossless: ("jpeg-lossless-1", "jpeg-lossless-0"),
    JPEGLosslessSV1: ("jpeg-lossless-1", "jpeg-lossless-0"),
    JPEGLSLossless: ("jpeg-ls",),
}


def reproduce(frame: bytes, syntax: str, shape: tuple[int, int], dtype: str) -> Recoding | None:
    """Find the coding that gives a frame's very bytes back.

    Parameters
    ----------
    frame : bytes
        The fragment that holds the frame, padding included.
    syntax : str
        Transfer syntax UID.
    shape : tuple of int
        (rows, columns) of the image, as the tags say.
    dtype : str
        How its stored words are read.

    Returns
    -------
    tuple or None
        None when nothing does: the file is kept whole.
    """
    for start, end, coding, header in _candidates(frame, syntax):
        data, head = frame[start:end], frame[start - header : start]
        try:
            voxels = voxels_of(data, head, (1, *shape), dtype, coding)
            if bytes_of(np.ascontiguousarray(voxels), head, coding) == data:
                return start, end, coding, header
        except (MedZipError, ValueError):  # broken, or not of the shape that the tags say
            continue
    return None


def _candidates(frame: bytes, syntax: str) -> Iterator[Recoding]:
    """Spans and codings to try for a transfer syntax."""
    codings = _CODINGS.get(syntax, ())
    if not codings:
        return
    try:
        start, end = find_segment(frame)
    except MedZipError:
        return
    for coding in codings:
        yield start, end, coding, start
