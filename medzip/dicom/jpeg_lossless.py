"""Samples <-> the entropy-coded segment of a lossless JPEG codestream, byte for byte.

Lossless JPEG (ISO/IEC 10918-1 annex H, process 14; PS3.5 A.4.1) leaves an encoder few choices, and
all but two of them stand in the codestream's own header: predictor, point transform, precision,
Huffman table, restart interval. So the very bytes come back from the samples and that header. What
does not stand there is how the last byte before a marker is filled up: with ones (as the standard
says) or zeros, which is tried.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medzip.compiled import kernel
from medzip.dicom.codestream import LOSSLESS, segments
from medzip.errors import CorruptStreamError

__all__ = ["ScanHeader", "decode_segment", "encode_segment", "parse_header"]

Samples = NDArray[np.uint16]
Bytes = NDArray[np.uint8]
Wide = NDArray[np.int64]  # in the loops, so that every sum is one of 64 bits with a sign

_DHT, _SOS, _DRI = 0xC4, 0xDA, 0xDD
_SOF = {*range(0xC0, 0xD0)} - {_DHT}
_CATEGORIES = 17
_MAX_BYTES_A_SAMPLE = 8  # 16 bits of code, 16 more, every byte stuffed


@dataclass(frozen=True)
class ScanHeader:
    """What the header of a codestream says of its one scan.

    Attributes
    ----------
    rows, columns : int
        Of the image; no rows where their number follows the scan (DNL).
    precision : int
        Bits a sample, less the point transform.
    predictor : int
        1 to 7 (10918-1 table H.1).
    restart_rows : int
        Rows between restart markers; 0 for none.
    lengths, symbols : bytes
        The Huffman table as it stands: number of codes of 1 to 16 bits, and their categories.
    """

    rows: int
    columns: int
    precision: int
    predictor: int
    restart_rows: int
    lengths: bytes
    symbols: bytes


@lru_cache(maxsize=64)
def parse_header(header: bytes) -> ScanHeader:
    """Parse a codestream from SOI to the end of SOS.

    Raises
    ------
    CorruptStreamError
        When it is not the header of a lossless scan of one component.
    """
    try:
        return _parse(header)
    except (IndexError, KeyError) as error:
        raise _not_ours(f"a header that ends early ({error})") from error


def _parse(header: bytes) -> ScanHeader:
    tables: dict[int, tuple[bytes, bytes]] = {}
    frame = b""
    restart = 0
    for marker, start, end in segments(header):
        body = header[start:end]
        if marker == _DHT:
            while body:
                lengths = body[1:17]
                count = sum(lengths)
                if len(body) < 17 + count:
                    raise _not_ours("a table that ends early")
                tables[body[0]] = lengths, body[17 : 17 + count]
                body = body[17 + count :]
        elif marker == _DRI:
            restart = body[0] << 8 | body[1]
        elif marker == LOSSLESS:
            frame = body
        elif marker in _SOF:
            raise _not_ours("another process")
        elif marker == _SOS:
            if end != len(header) or body[0] != 1 or frame[5] != 1:
                raise _not_ours("more than one component or scan")
            columns = frame[3] << 8 | frame[4]
            if columns == 0 or restart % columns:
                raise _not_ours("restarts within a row")
            precision = frame[0] - (body[5] & 15)
            if not 1 <= precision <= 16 or not 1 <= body[3] <= 7:
                raise _not_ours("a precision or predictor that there is not")
            lengths, symbols = tables[body[2] >> 4]
            return ScanHeader(
                rows=frame[1] << 8 | frame[2],
                columns=columns,
                precision=precision,
                predictor=body[3],
                restart_rows=restart // columns,
                lengths=lengths,
                symbols=symbols,
            )
    raise _not_ours("no start of scan")


def _not_ours(what: str) -> CorruptStreamError:
    return CorruptStreamError(
        f"expected a lossless JPEG codestream of one component, got {what}; keep the file whole"
    )


def decode_segment(data: bytes, header: ScanHeader, rows: int) -> Samples:
    """Decode the entropy-coded segment.

    Parameters
    ----------
    data : bytes
        From the end of SOS to the marker that ends the image, or beyond: what is not needed is not
        looked at.
    header : ScanHeader
        From :func:`parse_header`.
    rows : int
        Of the image.

    Returns
    -------
    ndarray
        uint16, (rows, columns): samples modulo 2**16, before the point transform is undone.

    Raises
    ------
    CorruptStreamError
        When the segment ends early or holds a code that the table does not.
    """
    codes, sizes = _codes(header)
    look = np.zeros((1 << 16, 2), np.int64)  # category and size by the next 16 bits
    for category in range(_CATEGORIES):
        size = int(sizes[category])
        if size:
            first = int(codes[category]) << (16 - size)
            look[first : first + (1 << (16 - size))] = category, size
    out = np.zeros((rows, header.columns), np.uint16)
    if not _decode(
        np.frombuffer(data, np.uint8),
        look,
        header.predictor,
        header.precision,
        header.restart_rows,
        out,
    ):
        raise _not_ours("a broken segment")
    return out


def encode_segment(samples: Samples, header: ScanHeader, fill: int) -> bytes:
    """Encode the entropy-coded segment: the inverse of :func:`decode_segment`.

    Parameters
    ----------
    samples : ndarray
        uint16, (rows, columns).
    header : ScanHeader
        From :func:`parse_header`.
    fill : int
        Bit (0 or 1) that fills the last byte before a marker.

    Raises
    ------
    CorruptStreamError
        When the table has no code for a difference.
    """
    codes, sizes = _codes(header)
    out = np.empty(samples.size * _MAX_BYTES_A_SAMPLE + 4 * samples.shape[0] + 16, np.uint8)
    length = _encode(
        np.ascontiguousarray(samples, np.uint16),
        codes,
        sizes,
        header.predictor,
        header.precision,
        header.restart_rows,
        fill,
        out,
    )
    if length < 0:
        raise _not_ours("differences that its table has no code for")
    return out[:length].tobytes()


def _codes(header: ScanHeader) -> tuple[Wide, Wide]:
    """Code and size of each category (10918-1 annex C)."""
    codes = np.zeros(_CATEGORIES, np.int64)
    sizes = np.zeros(_CATEGORIES, np.int64)
    code = index = 0
    for size in range(1, 17):
        for _ in range(header.lengths[size - 1]):
            category = header.symbols[index]
            if category >= _CATEGORIES or code >= 1 << size:
                raise _not_ours("a broken Huffman table")
            codes[category], sizes[category] = code, size
            code += 1
            index += 1
        code <<= 1
    return codes, sizes


@kernel(__file__)
def _predict(image: Samples, y: int, x: int, first: bool, predictor: int, start: int) -> Any:
    """Prediction of a sample (10918-1 H.1.2.1); ``first``: no row above in this interval."""
    if x == 0:
        return start if first else np.int64(image[y - 1, 0])
    left = np.int64(image[y, x - 1])
    if first or predictor == 1:
        return left
    above = np.int64(image[y - 1, x])
    corner = np.int64(image[y - 1, x - 1])
    if predictor == 2:
        return above
    if predictor == 3:
        return corner
    if predictor == 4:
        return left + above - corner
    if predictor == 5:
        return left + ((above - corner) >> 1)
    if predictor == 6:
        return above + ((left - corner) >> 1)
    return (left + above) >> 1


@kernel(__file__)
def _decode(
    data: Bytes,
    look: Wide,
    predictor: int,
    precision: int,
    restart_rows: int,
    out: Samples,
) -> bool:
    rows, columns = out.shape
    start = 1 << (precision - 1)
    size = len(data)
    position = 0
    held = 0
    count = 0
    for y in range(rows):
        first = y == 0
        if restart_rows and y and y % restart_rows == 0:
            # A marker of two bytes stands here; the bits that are left are filling.
            if position + 2 > size or data[position] != 0xFF:
                return False
            position += 2
            held = 0
            count = 0
            first = True
        for x in range(columns):
            while count <= 48:
                if position >= size:
                    break
                byte = int(data[position])
                if byte == 0xFF:
                    if position + 1 >= size or data[position + 1] != 0:
                        break  # a marker: the interval ends here
                    position += 1
                position += 1
                held = held << 8 | byte
                count += 8
            index = held >> (count - 16) if count >= 16 else held << (16 - count)
            category = look[index, 0]
            length = look[index, 1]
            extra = category if category < 16 else 0
            if length == 0 or length + extra > count:
                return False
            count -= length + extra
            difference = 32768 if category == 16 else 0
            if extra:
                bits = (held >> count) & ((1 << extra) - 1)
                difference = bits if bits >> (extra - 1) else bits - (1 << extra) + 1
            held &= (1 << count) - 1
            value = _predict(out, y, x, first, predictor, start) + difference
            out[y, x] = value & 0xFFFF
    return True


@kernel(__file__)
def _encode(
    image: Samples,
    codes: Wide,
    sizes: Wide,
    predictor: int,
    precision: int,
    restart_rows: int,
    fill: int,
    out: Bytes,
) -> int:
    rows, columns = image.shape
    start = 1 << (precision - 1)
    position = 0
    held = 0
    count = 0
    restart = 0
    for y in range(rows + 1):
        last = y == rows
        first = y == 0
        if last or (restart_rows and y and y % restart_rows == 0):
            if count:
                gap = 8 - count
                byte = (held << gap) | ((1 << gap) - 1 if fill else 0)
                byte &= 0xFF
                out[position] = byte
                position += 1
                if byte == 0xFF:
                    out[position] = 0
                    position += 1
                held = 0
                count = 0
            if last:
                break
            out[position] = 0xFF
            out[position + 1] = 0xD0 + restart
            position += 2
            restart = (restart + 1) % 8
            first = True
        for x in range(columns):
            predicted = _predict(image, y, x, first, predictor, start)
            difference = (np.int64(image[y, x]) - predicted) & 0xFFFF
            if difference > 32768:
                difference -= 65536
            magnitude = abs(difference)
            category = 0
            while magnitude >> category:
                category += 1
            length = sizes[category]
            if length == 0:
                return -1
            held = held << length | codes[category]
            count += length
            if 0 < category < 16:
                bits = difference if difference > 0 else difference + (1 << category) - 1
                held = held << category | bits
                count += category
            while count >= 8:
                count -= 8
                byte = held >> count & 0xFF
                out[position] = byte
                position += 1
                if byte == 0xFF:
                    out[position] = 0
                    position += 1
            held &= (1 << count) - 1
    return position
