"""Codestreams with every option that encoders use, whether or not they should."""

from __future__ import annotations

import re
from dataclasses import dataclass

import jpeg_ls
import numpy as np

from medzip.dicom.jpeg_lossless import ScanHeader, encode_segment

__all__ = ["Options", "jpeg_ls_stream", "lossless_jpeg", "lossy_jpeg"]

# A Huffman table with a code for every category: 2 of 2 bits, 15 of 6 bits.
_LENGTHS = bytes([0, 2, 0, 0, 0, 15, *([0] * 10)])
_SYMBOLS = bytes([3, 4, 0, 1, 2, *range(5, 17)])
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")


@dataclass(frozen=True)
class Options:
    """How a codestream is written.

    Attributes
    ----------
    predictor, transform : int
        Of lossless JPEG: predictor, and bits that the point transform drops.
    restart_rows : int
        Rows between restart markers; 0 for none.
    bit : int
        What fills the last byte before a marker.
    fills : int
        Bytes of all ones in front of each marker.
    lines_later : bool
        Whether the number of rows follows the scan (DNL).
    notes : int
        Length of application data in front of the tables; 0 for none.
    more : bytes
        What stands between the last byte of the scan and the end of the image.
    end : bool
        Whether there is an end of image.
    """

    predictor: int = 1
    transform: int = 0
    restart_rows: int = 0
    bit: int = 1
    fills: int = 0
    lines_later: bool = False
    notes: int = 0
    more: bytes = b""
    end: bool = True


def lossless_jpeg(samples: np.ndarray, precision: int, options: Options = Options()) -> bytes:
    """Encode samples (rows, columns) as lossless JPEG."""
    rows, columns = samples.shape
    bits = precision - options.transform
    header = ScanHeader(
        rows, columns, bits, options.predictor, options.restart_rows, _LENGTHS, _SYMBOLS
    )
    scan = encode_segment((samples >> options.transform).astype(np.uint16), header, options.bit)
    scan = _RESTART.sub(lambda found: b"\xff" * options.fills + found[0], scan)
    parts = [_segment(0xDD, _short(options.restart_rows * columns))] if options.restart_rows else []
    parts += [
        _frame(0xC3, samples, precision, options),
        _segment(0xC4, b"\0" + _LENGTHS + _SYMBOLS),
        _segment(0xDA, bytes([1, 1, 0, options.predictor, 0, options.transform])),
    ]
    return _stream(parts, scan, rows, options)


def jpeg_ls_stream(
    samples: np.ndarray,
    bits: int,
    options: Options = Options(),
    near: int = 0,
) -> bytes:
    """Encode samples (rows, columns) as JPEG-LS; restarts and predictors are not its options."""
    rows, columns = samples.shape
    words = samples.astype(np.uint8 if bits <= 8 else np.uint16)
    stream = bytes(
        jpeg_ls.encode_pixel_data(
            words.tobytes(),
            rows=rows,
            columns=columns,
            samples_per_pixel=1,
            bits_stored=bits,
            lossy_error=near,
        )
    )
    sos = stream.index(b"\xff\xda")
    start = sos + 2 + int.from_bytes(stream[sos + 2 : sos + 4], "big")
    parts = [_frame(0xF7, samples, bits, options), stream[sos:start]]
    return _stream(parts, stream[start:-2], rows, options)


def lossy_jpeg(rows: int, columns: int) -> bytes:
    """Make something like a JPEG baseline codestream; it has no voxels."""
    samples = np.zeros((rows, columns), np.uint8)
    scan = _segment(0xDA, bytes([1, 1, 0, 0, 63, 0]))
    return _stream([_frame(0xC0, samples, 8, Options()), scan], b"\x12\x34", rows, Options())


def _frame(marker: int, samples: np.ndarray, precision: int, options: Options) -> bytes:
    rows, columns = samples.shape
    lines = _short(0 if options.lines_later else rows)
    return _segment(marker, bytes([precision]) + lines + _short(columns) + bytes([1, 1, 0x11, 0]))


def _stream(parts: list[bytes], scan: bytes, rows: int, options: Options) -> bytes:
    fills = b"\xff" * options.fills
    notes = [_segment(0xE1, bytes(min(options.notes, 60000)))] * (1 + options.notes // 60000)
    later = [_segment(0xDC, _short(rows))] if options.lines_later else []
    front = [*(notes if options.notes else []), *parts]
    head = b"\xff\xd8" + b"".join(fills + part for part in front)
    tail = b"".join(fills + part for part in [*later, *([b"\xff\xd9"] if options.end else [])])
    return head + scan + options.more + tail


def _segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + _short(len(body) + 2) + body


def _short(value: int) -> bytes:
    return value.to_bytes(2, "big")
