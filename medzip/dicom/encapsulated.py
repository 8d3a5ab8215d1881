"""Encapsulated pixel data -> where the codestream of each frame lies (PS3.5 A.4)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["single_fragments"]

_ITEM = 0xFFFEE000
_END = 0xFFFEE0DD


def single_fragments(
    file: BinaryIO, offset: int, size: int, frames: int
) -> list[tuple[int, int]] | None:
    """Offset and length of the one fragment of each frame.

    Parameters
    ----------
    file : binary file
        Open for reading and seeking.
    offset, size : int
        Where the value of the pixel data element starts; length of the file.
    frames : int
        Number of frames.

    Returns
    -------
    list of (int, int) or None
        None when the sequence is broken, ends early, or has frames of several fragments: then a
        codestream has no single place in the file.
    """
    items = list(_items(file, offset, size, frames + 2))
    if len(items) != frames + 2 or items[-1] != (-1, 0):
        return None
    return items[1:-1]  # the first item is the basic offset table


def _items(file: BinaryIO, offset: int, size: int, limit: int) -> Iterator[tuple[int, int]]:
    """Offset and length of each item, then (-1, 0) for the end of the sequence."""
    for _ in range(limit):
        file.seek(offset)
        head = file.read(8)
        if len(head) < 8:
            return
        group, element, length = struct.unpack("<HHI", head)
        tag = group << 16 | element
        if tag == _END:
            yield -1, 0
            return
        if tag != _ITEM or length > size - offset - 8:
            return
        yield offset + 8, length
        offset += 8 + length
