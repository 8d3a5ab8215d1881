"""Encapsulated pixel data -> the pieces that each frame consists of (PS3.5 A.4).

A frame may lie in several fragments. Which ones is told by their content alone: a codestream begins
with a start of image, which cannot stand within another one, and frames of words have one size.
Offset tables are not asked: they may be missing, empty or wrong.
"""

from __future__ import annotations

import struct
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from medzip.dicom.records import Piece

__all__ = ["Fragment", "by_size", "by_start", "cut", "fragments", "joined"]

Fragment = tuple[int, int, bytes]
"""Offset in the file, length, and the first bytes."""

ITEM = b"\xfe\xff\x00\xe0"
_START = b"\xff\xd8"  # of an image (JPEG, JPEG-LS)


def fragments(file: BinaryIO, offset: int, size: int, limit: int) -> tuple[list[Fragment], bool]:
    """Items of the sequence that begins at ``offset``; that of the offset table is among them.

    Where no further item begins it ends, with or without a delimiter; an item that is longer than
    the file ends with the file.

    Parameters
    ----------
    file : binary file
        Open for reading and seeking.
    offset, size : int
        Where the value of the pixel data element starts; length of the file.
    limit : int
        The most items; one more is enough to see that there are more.

    Returns
    -------
    items : list of Fragment
        In their order.
    whole : bool
        Whether the last one is there to its end.
    """
    found: list[Fragment] = []
    whole = True
    while len(found) <= limit:
        file.seek(offset)
        head = file.read(10)
        if len(head) < 8 or head[:4] != ITEM or offset + 8 > size:
            break
        (length,) = struct.unpack_from("<I", head, 4)
        whole = length <= size - offset - 8
        length = min(length, size - offset - 8)
        found.append((offset + 8, length, head[8:][:length]))
        offset += 8 + length
    return found, whole


def by_start(items: Sequence[Fragment]) -> list[list[Piece]]:
    """Pieces of each frame, which begins with a start of image; none if the first one does not."""
    frames: list[list[Piece]] = []
    for number, (offset, length, first) in enumerate(items):
        if first == _START:
            frames.append([])
        elif number and length and not frames:
            break
        if frames and length:
            frames[-1].append((offset, length))
    return frames


def by_size(items: Sequence[Fragment], frames: int, frame_bytes: int) -> list[list[Piece]]:
    """Pieces of each frame of words, of which there are ``frame_bytes``.

    Frames follow one another without regard to fragments if that leaves nothing over but padding.
    Otherwise each begins with a fragment, and what its last fragment has more is padding.
    """
    pieces = [item[:2] for item in items]
    found: list[list[Piece]] = []
    for some in (pieces[1:], pieces):  # without an offset table the first item is of a frame
        over = sum(length for _, length in some) - frames * frame_bytes
        found = list(islice(_words(some, frame_bytes, aligned=over not in (0, 1)), frames))
        if len(found) == frames:
            break
    return found


def _words(pieces: Iterable[Piece], frame_bytes: int, *, aligned: bool) -> Iterator[list[Piece]]:
    """Cut pieces into frames; ``aligned``: what follows a frame in its last piece is padding."""
    begun: list[Piece] = []
    held = 0
    for offset, length in pieces:
        while length:
            part = min(length, frame_bytes - held)
            begun.append((offset, part))
            held += part
            offset, length = offset + part, length - part
            if held == frame_bytes:
                yield begun
                begun, held = [], 0
                if aligned:
                    break


def cut(pieces: Sequence[Piece], start: int, stop: int) -> list[Piece]:
    """Bytes [start, stop) of what the pieces make together, as pieces."""
    found: list[Piece] = []
    position = 0
    for offset, length in pieces:
        low, high = max(start, position), min(stop, position + length)
        if low < high:
            begin = offset + low - position
            if found and sum(found[-1]) == begin:
                found[-1] = found[-1][0], found[-1][1] + high - low
            else:
                found.append((begin, high - low))
        position += length
        if position >= stop:
            break
    return found


def joined(file: BinaryIO, pieces: Sequence[Piece], limit: int) -> bytes:
    """What the pieces make together, up to ``limit`` bytes."""
    return b"".join(_read(file, cut(pieces, 0, limit)))


def _read(file: BinaryIO, pieces: Sequence[Piece]) -> Iterator[bytes]:
    for offset, length in pieces:
        file.seek(offset)
        yield file.read(length)
