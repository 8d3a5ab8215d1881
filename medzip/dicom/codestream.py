"""A JPEG or JPEG-LS codestream -> its header and its entropy-coded segment, by their markers.

Both have the same markers (ISO/IEC 10918-1 annex B, 14495-1 annex C). In an entropy-coded segment a
byte of all ones is followed by one that no marker has, so that the next marker ends it: what stands
between the last byte of a scan and the end of the image does not matter, and neither does whether
there is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medzip.dicom.records import MOST_HEADER
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LOSSLESS", "LS", "Codestream", "Range", "find_segment", "read_codestream", "segments"]

Range = tuple[int, int]
"""Start and end."""

LOSSLESS, LS = 0xC3, 0xF7
"""Markers of the frame: lossless JPEG (Huffman), JPEG-LS."""
_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = {*range(0xC0, 0xD0), LS} - {0xC4, 0xC8, 0xCC}  # but DHT, JPG and DAC
_NOTES = {*range(0xE0, 0xF0), 0xFE}  # application data, comments
# Runs of ones are looked at once, from their begin: a segment may be nothing else.
_END = re.compile(rb"(?<!\xff)\xff++[\x80-\xcf\xd8-\xfe]")  # any marker but a restart
_FILL = re.compile(rb"(?<!\xff)(\xff+)\xff[\xd0-\xd7]")  # fill bytes in front of a restart
_ONES = re.compile(rb"\xff*")


@dataclass(frozen=True)
class Codestream:
    """Where the parts of a codestream lie.

    Attributes
    ----------
    process : int
        Marker of the frame: :data:`LOSSLESS`, :data:`LS`, or another one.
    near : int
        Of its first scan: how much a sample of a JPEG-LS image may be off.
    header : tuple of Range
        From the start of image to the end of the scan's header; without application data and
        comments where they make it too long.
    segment : tuple of Range
        The entropy-coded segment, without fill bytes.
    """

    process: int
    near: int
    header: tuple[Range, ...]
    segment: tuple[Range, ...]


def segments(codestream: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, start and end of the body of each segment, to the scan's header.

    Raises
    ------
    CorruptStreamError
        When there is none, or something else where a marker belongs.
    """
    if codestream[:2] != bytes((0xFF, _SOI)):
        raise CorruptStreamError("expected a JPEG codestream, got none; keep the file whole")
    at = 2
    while at + 4 <= len(codestream) and codestream[at] == 0xFF:
        ones = _ONES.match(codestream, at)
        at = ones.end() - 1 if ones else at  # fill bytes
        if at + 4 > len(codestream):
            break
        marker = codestream[at + 1]
        end = at + 2 + (codestream[at + 2] << 8 | codestream[at + 3])
        if marker == _EOI or end < at + 4 or end > len(codestream):
            break
        yield marker, at + 4, end
        if marker == _SOS:
            return
        at = end
    raise CorruptStreamError(
        "expected a JPEG codestream with a scan, got none; keep the file whole"
    )


def read_codestream(codestream: bytes) -> Codestream:
    """Find the parts of a codestream.

    Raises
    ------
    CorruptStreamError
        When it does not have them.
    """
    process = near = start = 0
    position = 2  # behind the start of image
    header: list[Range] = []
    for marker, body, end in segments(codestream):
        if marker in _FRAMES:
            process = process or marker
        elif marker in _NOTES:
            header.append((start, position))
            start = end
        elif marker == _SOS:
            at = body + 1 + 2 * codestream[body] if body < end else end
            near = codestream[at] if process == LS and at < end else 0
        position = end
    header = [part for part in (*header, (start, position)) if part[0] < part[1]]
    if position <= MOST_HEADER:
        header = [(0, position)]
    if not process or sum(end - start for start, end in header) > MOST_HEADER:
        raise CorruptStreamError(
            f"expected a JPEG codestream with a frame and a header of at most {MOST_HEADER} bytes, "
            "got another one; keep the file whole"
        )
    return Codestream(process, near, tuple(header), tuple(_segment(codestream, position)))


def find_segment(codestream: bytes) -> Range:
    """Start and end of the entropy-coded segment, fill bytes and all.

    Raises
    ------
    CorruptStreamError
        When there is no scan.
    """
    *_, (_, _, start) = segments(codestream)
    found = _END.search(codestream, start)
    return start, found.start() if found else len(codestream)


def _segment(codestream: bytes, start: int) -> Iterator[Range]:
    found = _END.search(codestream, start)
    end = found.start() if found else len(codestream)
    for fill in _FILL.finditer(codestream, start, end):
        yield start, fill.start(1)
        start = fill.end(1)
    yield start, end
