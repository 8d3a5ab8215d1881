"""Samples <-> the entropy-coded segment of a JPEG-LS codestream, byte for byte.

Lossless JPEG-LS (ISO/IEC 14495-1; PS3.5 A.4.3) leaves an encoder no choice but the parameters in
the codestream's header, and nearly all leave these at their defaults. So any encoder gives the
bytes of any other; here it is CharLS, through pyjpegls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jpeg_ls
import numpy as np

from medzip.dicom.jpeg_lossless import find_segment
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode_segment", "encode_segment", "precision_of"]

_SOF55 = b"\xff\xf7"
_EOI = b"\xff\xd9"


def precision_of(header: bytes) -> int:
    """Bits a sample, by the frame header that a codestream's header holds.

    Raises
    ------
    CorruptStreamError
        When there is none, or it is not of one component.
    """
    at = header.find(_SOF55)
    if at < 0 or len(header) < at + 10 or header[at + 9] != 1 or not 2 <= header[at + 4] <= 16:
        raise CorruptStreamError(
            "expected a JPEG-LS codestream of one component, got another one; keep the file whole"
        )
    return header[at + 4]


def decode_segment(data: bytes, header: bytes, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Decode the entropy-coded segment.

    Parameters
    ----------
    data : bytes
        From the end of SOS to the marker that ends the image, which is left out.
    header : bytes
        The codestream in front of it.
    shape : tuple of int
        (rows, columns).

    Returns
    -------
    ndarray
        uint16 of that shape.

    Raises
    ------
    CorruptStreamError
        When it cannot be decoded, or is of another shape.
    """
    precision = precision_of(header)
    at = header.find(_SOF55) + 5
    found = header[at] << 8 | header[at + 1], header[at + 2] << 8 | header[at + 3]
    if found != shape:
        raise CorruptStreamError(
            f"expected a frame of {shape[0]} x {shape[1]} voxels, got {found[0]} x {found[1]}; "
            "keep the file whole"
        )
    try:
        samples, _ = jpeg_ls.decode_pixel_data(header + data + _EOI)
    except (RuntimeError, ValueError, TypeError) as error:
        raise CorruptStreamError(
            f"expected a JPEG-LS codestream, got {error}; keep the file whole"
        ) from error
    words = np.frombuffer(samples, np.uint8 if precision <= 8 else np.uint16)
    return words.astype(np.uint16).reshape(shape)


def encode_segment(samples: NDArray[np.uint16], header: bytes) -> bytes:
    """Encode the entropy-coded segment: the inverse of :func:`decode_segment`.

    Raises
    ------
    CorruptStreamError
        When the samples do not fit the header.
    """
    precision = precision_of(header)
    words = samples.astype(np.uint8 if precision <= 8 else np.uint16)
    try:
        stream = bytes(
            jpeg_ls.encode_pixel_data(
                words.tobytes(),
                rows=words.shape[0],
                columns=words.shape[1],
                samples_per_pixel=1,
                bits_stored=precision,
            )
        )
    except (RuntimeError, ValueError, TypeError) as error:
        raise CorruptStreamError(
            f"expected samples of {precision} bits, got {error}; keep the file whole"
        ) from error
    start, end = find_segment(stream)
    return stream[start:end]
