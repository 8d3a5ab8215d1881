"""Bytes of a file <-> voxels, exactly, whatever the tags say.

Voxels are the stored words themselves: all bits of each word, used by the image or not. So the
bytes come back even where high bits hold overlays, or signed values are not sign-extended.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from medzip.dicom import jpeg_lossless, jpeg_ls
from medzip.errors import CorruptStreamError, UnsupportedVoxelsError

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
        scan = jpeg_lossless.parse_header(header)
        if scan.columns != shape[2] or scan.rows not in (0, shape[1]):
            raise CorruptStreamError(
                f"expected a frame of {shape[1]} x {shape[2]} voxels, got {scan.rows} x "
                f"{scan.columns}; keep the file whole"
            )
        samples = jpeg_lossless.decode_segment(data, scan, shape[1])
        return _words_of(samples, scan.precision, dtype).reshape(shape)

    def encode(voxels: NDArray[np.generic], header: bytes) -> bytes:
        scan = jpeg_lossless.parse_header(header)
        return jpeg_lossless.encode_segment(_samples_of(voxels[0], scan.precision), scan, fill)

    return Coding(decode, encode, per_frame=True)


def _jpeg_ls() -> Coding:
    """Entropy-coded segment of a JPEG-LS frame, behind its header (PS3.5 A.4.3)."""

    def decode(
        data: bytes, header: bytes, shape: tuple[int, int, int], dtype: str
    ) -> NDArray[np.generic]:
        samples = jpeg_ls.decode_segment(data, header, shape[1:])
        return _words_of(samples, jpeg_ls.precision_of(header), dtype).reshape(shape)

    def encode(voxels: NDArray[np.generic], header: bytes) -> bytes:
        return jpeg_ls.encode_segment(_samples_of(voxels[0], jpeg_ls.precision_of(header)), header)

    return Coding(decode, encode, per_frame=True)


def _words_of(samples: NDArray[np.uint16], precision: int, dtype: str) -> NDArray[np.generic]:
    """Samples of a codestream as stored words.

    Signed words of fewer bits come without the upper bits of their sign; with them neighbours are
    alike.
    """
    words: NDArray[np.generic] = samples
    if dtype.startswith("int"):
        unused = max(0, 16 - precision)
        words = (samples << unused).view(np.int16) >> unused
    return words.astype(dtype)


def _samples_of(words: NDArray[np.generic], precision: int) -> NDArray[np.uint16]:
    """Stored words as samples of a codestream: the inverse of :func:`_words_of`."""
    samples = words.astype(np.int32).astype(np.uint16)
    if words.dtype.kind == "i" and precision < 16:
        samples &= np.uint16((1 << precision) - 1)
    return samples


CODINGS: dict[str, Coding] = {
    "little": _words("<"),
    "big": _words(">"),
    "jpeg-lossless-1": _jpeg_lossless(1),
    "jpeg-lossless-0": _jpeg_lossless(0),
    "jpeg-ls": _jpeg_ls(),
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
