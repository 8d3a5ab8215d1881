"""Samples <-> the entropy-coded segment of a JPEG-LS codestream, byte for byte.

Lossless JPEG-LS (ISO/IEC 14495-1; PS3.5 A.4.3) leaves an encoder no choice but the parameters in
the codestream's header, and nearly all leave these at their defaults. So any encoder gives the
bytes of any other; here it is CharLS, through pyjpegls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import jpeg_ls
import numpy as np

from medzip.dicom.codestream import LS, find_segment, segments
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["decode_segment", "encode_segment", "precision_of"]

_EOI = b"\xff\xd9"
_LEFT = ("still contains encoded data", "leading start byte (0xFF)")  # in words of CharLS


def precision_of(header: bytes) -> int:
    """Bits a sample, by the frame header that a codestream's header holds.

    Raises
    ------
    CorruptStreamError
        When there is none, or it is not of one component.
    """
    return header[_frame(header)]


def _frame(header: bytes) -> int:
    """Where the frame header begins: precision, rows, columns, number of components."""
    for marker, at, end in segments(header):
        if marker == LS and end >= at + 6 and header[at + 5] == 1 and 2 <= header[at] <= 16:
            return at
    raise CorruptStreamError(
        "expected a JPEG-LS codestream of one component, got another one; keep the file whole"
    )


def decode_segment(data: bytes, header: bytes, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """Decode the entropy-coded segment.

    Parameters
    ----------
    data : bytes
        From the end of SOS to the marker that ends the image, which is left out; other
        bytes may stand in front of it.
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
    at = _frame(header)
    precision, at = header[at], at + 1
    found = header[at] << 8 | header[at + 1], header[at + 2] << 8 | header[at + 3]
    if found == (0, shape[1]):  # the number of rows follows the scan (DNL)
        header = header[:at] + shape[0].to_bytes(2, "big") + header[at + 2 :]
    elif found != shape:
        raise CorruptStreamError(
            f"expected a frame of {shape[0]} x {shape[1]} voxels, got {found[0]} x {found[1]}; "
            "keep the file whole"
        )
    words = np.frombuffer(_decode(data, header), np.uint8 if precision <= 8 else np.uint16)
    return words.astype(np.uint16).reshape(shape)


def _decode(data: bytes, header: bytes) -> bytearray:
    """Decode a segment, behind which other bytes may stand.

    CharLS wants the end of image right behind the last byte of the scan. Where it stands is found
    by halving: with less of the data than that it lacks some (but, now and then, for the last
    byte), with more it says that some are left.
    """
    found: bytearray | None = None
    least, most, end = -1, len(data) + 1, len(data)
    while most - least > 1:
        try:
            found = bytearray(jpeg_ls.decode_pixel_data(header + data[:end] + _EOI)[0])
            least = end
        except (RuntimeError, ValueError, TypeError) as error:
            failure = error
            if any(words in str(error) for words in _LEFT):
                most = end
            else:
                least = end
        end = (least + most) // 2
    if found is None:
        raise CorruptStreamError(
            f"expected a JPEG-LS codestream, got {failure}; keep the file whole"
        ) from failure
    return found


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
