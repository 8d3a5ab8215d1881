"""Bytes of a file <-> voxels, exactly, whatever the tags say.

Voxels are the stored words themselves: all bits of each word, used by the image or not. So the
bytes come back even where high bits hold overlays, or signed values are not sign-extended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from medzip.dicom.jpeg_lossless import decode_segment, encode_segment, parse_header
from medzip.errors import UnsupportedVoxelsError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["CODINGS", "Coding", "bytes_of", "coding_of", "voxels_of"]


@dataclass(frozen=True)
class Coding:
    """A way in which frames lie in a file, and its inverse.

    Attributes
    ----------
    decode : callable
        (data, header, shape, dtype) -> voxels of that shape, C-contiguous, native byte order.
    encode : callable
        (voxels, header) -> the very bytes.
    per_frame : bool
        Whether a span holds one frame, so that it cannot be cut between slices.
    """

    decode: Callable[[bytes, bytes, tuple[int, int, int], str], NDArray[np.generic]]
    encode: Callable[[NDArray[np.generic], bytes], bytes]
    per_frame: bool


def _words(order: Literal["<", ">"]) -> Coding:
    """Words of 8 or 16 bits in a byte order ("<" or ">"; PS3.5 8.1.1 and annex A)."""

    def decode(
        data: bytes, header: bytes, shape: tuple[int, int, int], dtype: str
    ) -> NDArray[np.generic]:
        del header
        stored = np.dtype(dtype).newbyteorder(order)
        return np.frombuffer(data, stored).reshape(shape).astype(dtype, copy=False)

    def encode(voxels: NDArray[np.generic], header: bytes) -> bytes:
        del header
        stored = voxels.dtype.newbyteorder(order)
        return voxels.astype(stored, copy=False).tobytes()

    return Coding(decode, encode, per_frame=False)


def _jpeg_lossless(fill: int) -> Coding:
    """Entropy-coded segment of a lossless JPEG frame, behind its header (PS3.5 A.4.1)."""

    def decode(
        data: bytes, header: bytes, shape: tuple[int, int, int], dtype: str
    ) -> NDArray[np.generic]:
        scan = parse_header(header)
        samples = decode_segment(data, scan)
        # Signed words of fewer bits come without their sign's upper bits; give them back, it makes
        # neighbours alike.
        unused = 16 - scan.precision
        if dtype.startswith("int") and 0 < unused < 16:
            samples = ((samples << unused).view(np.int16) >> unused).view(np.uint16)
        return (
            samples.view(np.int16 if dtype == "int16" else np.uint16).astype(dtype).reshape(shape)
        )

    def encode(voxels: NDArray[np.generic], header: bytes) -> bytes:
        scan = parse_header(header)
        samples = voxels[0].astype(np.int32).astype(np.uint16)
        if voxels.dtype.kind == "i" and scan.precision < 16:
            samples &= np.uint16((1 << scan.precision) - 1)
        return encode_segment(samples, scan, fill)

    return Coding(decode, encode, per_frame=True)


CODINGS: dict[str, Coding] = {
    "little": _words("<"),
    "big": _words(">"),
    "jpeg-lossless-1": _jpeg_lossless(1),
    "jpeg-lossless-0": _jpeg_lossless(0),
}
"""How frames may lie in a file; the names are part of the archive format."""


def voxels_of(
    data: bytes, header: bytes, shape: tuple[int, int, int], dtype: str, coding: str
) -> NDArray[np.generic]:
    """Decode the bytes of a span.

    Parameters
    ----------
    data : bytes
        Bytes of the span.
    header : bytes
        Bytes in front of it, as many as the coding wants.
    shape : tuple of int
        (slices, rows, columns).
    dtype : str
        "uint8", "int8", "uint16" or "int16".
    coding : str
        A name of :data:`CODINGS`.

    Returns
    -------
    ndarray
        Stored words of that shape and dtype.

    Raises
    ------
    UnsupportedVoxelsError
        When the coding is unknown.
    """
    return coding_of(coding).decode(data, header, shape, dtype)


def bytes_of(voxels: NDArray[np.generic], header: bytes, coding: str) -> bytes:
    """Encode slices back into the bytes they came from: the inverse of :func:`voxels_of`."""
    return coding_of(coding).encode(voxels, header)


def coding_of(name: str) -> Coding:
    """Look a coding up by its name.

    Raises
    ------
    UnsupportedVoxelsError
        When there is none.
    """
    if name not in CODINGS:
        raise UnsupportedVoxelsError(
            f"expected a pixel coding of {sorted(CODINGS)}, got {name!r}; "
            "the archive was written by a newer version: update medzip"
        )
    return CODINGS[name]
