"""The pixel data element -> where each frame lies, or why its file is kept whole.

What compressed frames are, their bytes say; the transfer syntax is asked where bytes do not tell.
The work is bounded: by the voxels of a slice, the number of frames and fragments, and by the voxels
of all frames where few bytes stand for many.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

from medzip.dicom.encapsulated import ITEM, by_size, by_start, cut, fragments, joined
from medzip.dicom.records import Frames, gaps_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.dicom.codestream import Range
    from medzip.dicom.elements import Parsed
    from medzip.dicom.records import Piece

__all__ = ["Image", "find_frames"]

# Transfer syntaxes (PS3.6 table A-1)
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_ENCAPSULATED = "1.2.840.10008.1.2.1.98"  # and uncompressed
_GE_SWAPPED = "1.2.840.113619.5.2"  # header little-endian, pixels big-endian
_WORDS = {
    "",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    _ENCAPSULATED,
    _BIG_ENDIAN,
    _GE_SWAPPED,
}
_JPEG = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.([5-8][0-9])")  # and JPEG-LS
_LOSSLESS_JPEG = {"57", "58", "65", "66", "70", "80"}
_VIDEO = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.10[0-8](\.1)?")
_OTHERS = re.compile(
    r"1\.2\.840\.10008\.1\.2\.(4\.(9[0-5]|11[0-2]|20[1-5])|5|8\.1)"  # JPEG 2000, XL, HTJ2K, RLE
)

_UNDEFINED = 0xFFFFFFFF
_MOST_VOXELS = 1 << 26
# The codec skews a slice so that voxels which may be coded at once form a column: its store of one
# slice takes about (columns + 4 rows) * (rows + 8) words of 2 bytes, which grows with the square of
# the rows (4096 x 4096 take 160 MiB, a strip of 20000 rows by 100 columns 3 GiB).
_MOST_STORE = 512 << 20
# Each frame and each fragment becomes a record in memory, whatever few bytes it has.
_MOST_FRAMES = 1 << 20
# A blank image takes a bit a row. Decoding is tried on this many voxels, and on some a byte.
_MOST_TRIED = 1 << 29
_TRIED_A_BYTE = 64
_BYTES_A_VOXEL = 8  # no codestream that comes back has more; the rest of it may be as long
_BYTES_MORE = 1 << 20


@dataclass(frozen=True)
class Image:
    """What the header says of the pixels: size of a slice, how words are read, frames."""

    rows: int
    columns: int
    dtype: str
    count: int

    @property
    def frame_bytes(self) -> int:
        """Bytes of the words of a frame."""
        return self.rows * self.columns * (1 if self.dtype.endswith("8") else 2)


def find_frames(
    parsed: Parsed, file: BinaryIO, size: int
) -> tuple[Image | None, tuple[Frames, ...], str]:
    """Find the frames of a file.

    Parameters
    ----------
    parsed : Parsed
        Its header.
    file : binary file
        The file, open for reading and seeking.
    size : int
        Its length.

    Returns
    -------
    image : Image or None
        What the header says; None where a reason came first.
    frames : tuple of Frames
        All frames in file order; none where there is a reason.
    reason : str
        Why the file is kept whole (``medzip.dicom.reasons``), or "".
    """
    element = _pixel_element(parsed) if parsed.end < size else None
    if element is None:
        return None, (), "no-pixel-data"
    tag, offset, length = element
    if tag != 0x7FE00010:
        return None, (), "float-pixels"
    image, reason = _image(parsed)
    if image is None:
        return None, (), reason
    syntax = parsed.syntax
    end = size if length == _UNDEFINED else min(size, offset + length)
    start = b""
    if syntax not in _WORDS:
        file.seek(offset)
        start = file.read(4)
    if length == _UNDEFINED or start == ITEM:
        frames, reason = _encapsulated(syntax, image, file, (offset, end))
    elif _is_words(syntax, image, length):
        whole = image.count * image.frame_bytes
        coding = _coding(syntax if parsed.little else _BIG_ENDIAN, image)
        frames = [Frames(offset, whole, image.count, coding)]
        reason = "truncated" if end - offset < whole else ""
    elif start[:2] == b"\xff\xd8":
        frames, reason = _codestreams([[(offset, end - offset)]], image, file)
    else:
        frames, reason = [], _of_syntax(syntax)
    return image, () if reason else tuple(frames), reason


def _pixel_element(parsed: Parsed) -> tuple[int, int, int] | None:
    """Tag of the pixel data element, offset and length of its value (PS3.5 7.1)."""
    head, start = parsed.head, parsed.end
    order: Literal["little", "big"] = "little" if parsed.little else "big"
    if len(head) < 8:
        return None
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)
    if tag not in (0x7FE00008, 0x7FE00009, 0x7FE00010):
        return None
    if parsed.implicit:
        return tag, start + 8, int.from_bytes(head[4:8], order)
    if head[4:6] in (b"OB", b"OW", b"OF", b"OD", b"OV", b"UN"):
        return tag, start + 12, int.from_bytes(head[8:12], order)
    return tag, start + 8, int.from_bytes(head[6:8], order)


def _image(parsed: Parsed) -> tuple[Image | None, str]:
    """What the header says of the pixels, or why the codec does not take them."""
    data = parsed.values
    if int(data.get("SamplesPerPixel") or 1) != 1:
        return None, "colour"
    allocated = int(data.get("BitsAllocated") or 0)
    if allocated not in (8, 16):
        return None, "unsupported-bits"
    signed = int(data.get("PixelRepresentation") or 0) == 1
    rows, columns = int(data.get("Rows") or 0), int(data.get("Columns") or 0)
    count = max(1, int(data.get("NumberOfFrames") or 1))
    if rows <= 0 or columns <= 0:
        return None, "broken-header"
    store = (columns + 4 * rows) * (rows + 8) * 2
    if rows * columns > _MOST_VOXELS or store > _MOST_STORE:
        return None, "oversized"
    if count > _MOST_FRAMES:
        return None, "too-many-frames"
    return Image(rows, columns, f"{'int' if signed else 'uint'}{allocated}", count), ""


def _is_words(syntax: str, image: Image, length: int) -> bool:
    """Whether pixel data that are no sequence are plain words, as their syntax or length says."""
    over = length - image.count * image.frame_bytes
    return syntax in _WORDS or over == 0 or (over == 1 and length % 2 == 0)


def _encapsulated(
    syntax: str, image: Image, file: BinaryIO, place: Range
) -> tuple[list[Frames], str]:
    """Frames of a sequence of fragments, which begins and ends at most at ``place``."""
    items, whole = fragments(file, *place, _MOST_FRAMES)
    if len(items) > _MOST_FRAMES:
        return [], "too-many-frames"
    if syntax in _WORDS:
        frames = by_size(items, image.count, image.frame_bytes)
        if len(frames) == image.count:
            return [_frame((), frame, _coding(syntax, image)) for frame in frames], ""
    streams = by_start(items)
    if streams and not _VIDEO.fullmatch(syntax):
        coded, reason = _codestreams(streams, image, file)
        return coded, reason if whole or reason != "lossless-not-reproduced" else "truncated"
    return [], "truncated" if syntax == _ENCAPSULATED else _of_syntax(syntax)


def _coding(syntax: str, image: Image) -> str:
    """Coding of plain words."""
    swapped = syntax in (_BIG_ENDIAN, _GE_SWAPPED) and image.dtype.endswith("16")
    return "big" if swapped else "little"


def _codestreams(
    streams: Sequence[Sequence[Piece]], image: Image, file: BinaryIO
) -> tuple[list[Frames], str]:
    """Frames of JPEG or JPEG-LS whose bytes come back from their voxels."""
    if len(streams) < image.count:
        return [], "truncated"
    voxels = image.rows * image.columns
    size = sum(length for stream in streams for _, length in stream)
    if voxels * len(streams) > max(_MOST_TRIED, size * _TRIED_A_BYTE):
        return [], "out-of-proportion"
    from medzip.dicom.recode import reproduce  # only here: decoders, and numba for their loops

    frames: list[Frames] = []
    for stream in streams:
        data = joined(file, stream, voxels * _BYTES_A_VOXEL + _BYTES_MORE)
        found = reproduce(data, (image.rows, image.columns), image.dtype)
        if isinstance(found, str):
            return [], found
        header, body = (
            [piece for start, end in ranges for piece in cut(stream, start, end)]
            for ranges in (found.header, found.body)
        )
        frames.append(_frame(header, body, found.coding))
    return frames, ""


def _frame(header: Sequence[Piece], body: Sequence[Piece], coding: str) -> Frames:
    """One frame by the pieces of its header and of what is coded."""
    return Frames(
        offset=body[0][0],
        length=sum(length for _, length in body),
        count=1,
        coding=coding,
        header=sum(length for _, length in header),
        gaps=gaps_of(header, body),
    )


def _of_syntax(syntax: str) -> str:
    """Why pixel data are kept whole that are neither words nor begin with a start of image."""
    jpeg = _JPEG.fullmatch(syntax)
    if jpeg:
        return "lossless-not-reproduced" if jpeg[1] in _LOSSLESS_JPEG else "lossy"
    if _VIDEO.fullmatch(syntax):
        return "lossy"
    return "unsupported-compression" if _OTHERS.fullmatch(syntax) else "unknown-syntax"
