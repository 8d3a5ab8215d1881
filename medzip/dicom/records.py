"""What is known of files before their bytes are moved: small frozen dataclasses.

A span need not lie in one place: a codestream may come in fragments, with item headers in between.
Then the span says where it is interrupted (:func:`pieces_of`, and its inverse :func:`gaps_of`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "MOST_HEADER",
    "FileEntry",
    "Frames",
    "Gap",
    "Piece",
    "SourceTree",
    "Span",
    "Stack",
    "gaps_of",
    "pieces_of",
]

MOST_HEADER = 64 << 10
"""Bytes in front of a span that a pixel coding may look at."""

Piece = tuple[int, int]
"""Offset in the file, and length."""

Gap = tuple[int, int]
"""A position in header and span, counted from the first byte of the header, and how many bytes of
the file lie in front of it that belong to neither."""


@dataclass(frozen=True)
class SourceTree:
    """One source given by the user, and the prefix its paths carry in the archive ("" if alone)."""

    root: str
    prefix: str


@dataclass(frozen=True)
class Frames:
    """Consecutive frames of a file, all of them or some.

    Attributes
    ----------
    offset, length, coding, header, gaps
        Of the span that they are (`Span`).
    count : int
        Their number.
    """

    offset: int
    length: int
    count: int
    coding: str
    header: int = 0
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class Span:
    """Bytes of a file that are voxels of a stack.

    Attributes
    ----------
    offset, length : int
        Where its first byte lies in the file, and how many bytes it has.
    stack : int
        Index of the stack in its plan.
    z, slices, step : int
        The span holds slices z, z + step, ..., ``slices`` of them (frames of repeated positions lie
        apart in the stack).
    coding : str
        How the bytes become voxels: a name of ``medzip.dicom.volume.CODINGS``.
    header : int
        Bytes in front of the span that the coding needs (a codestream's own header).
    gaps : tuple of Gap
        Where header and span are interrupted, in order; only a span of one slice is.
    """

    offset: int
    length: int
    stack: int
    z: int
    slices: int
    step: int
    coding: str
    header: int = 0
    gaps: tuple[Gap, ...] = ()

    @property
    def start(self) -> int:
        """Where the first byte of its header lies; of the span, if it has none."""
        return self.offset - self.header - sum(n for at, n in self.gaps if at <= self.header)

    @property
    def end(self) -> int:
        """Where the byte behind its last one lies."""
        return self.offset + self.length + sum(n for at, n in self.gaps if at > self.header)


def pieces_of(span: Span) -> tuple[list[Piece], list[Piece]]:
    """Where the header of a span and the span itself lie in the file, piece by piece."""
    header: list[Piece] = []
    body: list[Piece] = []
    position, offset = 0, span.start
    whole = span.header + span.length
    # The end of the header is no gap, but pieces end there.
    stops = sorted([*span.gaps, (span.header, 0), (whole, 0)])
    for at, skipped in stops:
        if at > position:
            (header if position < span.header else body).append((offset, at - position))
            offset += at - position
            position = at
        offset += skipped
    return header, body


def gaps_of(header: Sequence[Piece], body: Sequence[Piece]) -> tuple[Gap, ...]:
    """Where header and span are interrupted, by their pieces: the inverse of `pieces_of`."""
    gaps: list[Gap] = []
    position = 0
    last = -1
    for offset, length in (*header, *body):
        if last >= 0 and offset > last:
            gaps.append((position, offset - last))
        position += length
        last = offset + length
    return tuple(gaps)


@dataclass(frozen=True)
class FileEntry:
    """One regular file.

    Attributes
    ----------
    path : str
        Path in the archive: relative, "/" between names; bytes that are not UTF-8 as surrogates.
    source : str
        Path to read it from, in this run.
    size : int
        Bytes.
    sha256 : str
        Hex digest of the content at the time of the scan.
    mtime_ns, mode : int
        Modification time and permission bits (never set-uid, set-gid or sticky).
    series_uid : str
        SeriesInstanceUID, or "" where there is none.
    spans : tuple of Span
        Bytes that are voxels, by offset; empty for a file kept whole.
    reason : str
        Why the file is kept whole; "" for one that goes through the voxel codec.
    copy_of : int
        Index in the plan of an earlier file of the same content, or -1.
    """

    path: str
    source: str
    size: int
    sha256: str
    mtime_ns: int
    mode: int
    series_uid: str = ""
    spans: tuple[Span, ...] = ()
    reason: str = ""
    copy_of: int = -1


@dataclass(frozen=True)
class Stack:
    """Slices of one size and kind that become one volume.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x) in voxels.
    dtype : str
        "uint8", "int8", "uint16" or "int16".
    geometry : str
        "volume", "gaps", "repeated", "uneven", "unknown" or "single" (`medzip.dicom.discover`).
    """

    shape: tuple[int, int, int]
    dtype: str
    geometry: str
