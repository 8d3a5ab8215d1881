"""The few values of a DICOM header that decide, read from plain headers in one pass.

pydicom makes an object of each element on the way, which costs most of what discovery costs. Here
elements are stepped over. Only what is common is understood: files with preamble, of little-endian
transfer syntaxes, whose elements, items and values are as the standard says. Anything else raises
:class:`Unusual`, and pydicom judges it (:mod:`medzip.dicom.header`); a test holds both equal.
"""

from __future__ import annotations

import re
import sys
import zlib
from dataclasses import dataclass
from functools import lru_cache
from struct import Struct, error
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from typing import BinaryIO

__all__ = ["WINDOW", "Elements", "Parsed", "Unusual", "Values", "read_deflated", "read_elements"]

WINDOW = 64 << 10
"""Bytes of a file that are looked at at once: nearly all headers end before."""

_WIDEST = 64 << 20  # of one element, to be walked: groups of ten thousands of frames
_MOST_WALKED = 64 << 20  # bytes that are looked at, however long the header
_MOST_ITEMS = 1 << 20  # of a sequence: each becomes an object
_INFLATED = 1 << 20  # bytes of a deflated dataset that are looked at: they say whose it is
_DEEPEST = 16  # sequences within sequences
_NEVER = sys.maxsize
_UNDEFINED = 0xFFFFFFFF
# Tags are read as one number, little-endian: the element in the upper half.
_GROUP_LENGTH, _SYNTAX, _CHARACTER_SET = 0x00000002, 0x00100002, 0x00050008
_ITEM, _ITEM_END, _SEQUENCE_END = 0xE000FFFE, 0xE00DFFFE, 0xE0DDFFFE
_PIXELS = {0x00087FE0, 0x00097FE0, 0x00107FE0}
_NAMES = {
    0x000E0020: ("SeriesInstanceUID", b"UI"),
    0x00130020: ("InstanceNumber", b"IS"),
    0x00320020: ("ImagePositionPatient", b"DS"),
    0x00370020: ("ImageOrientationPatient", b"DS"),
    0x91130020: ("PlanePositionSequence", b"SQ"),
    0x91160020: ("PlaneOrientationSequence", b"SQ"),
    0x00020028: ("SamplesPerPixel", b"US"),
    0x00080028: ("NumberOfFrames", b"IS"),
    0x00100028: ("Rows", b"US"),
    0x00110028: ("Columns", b"US"),
    0x01000028: ("BitsAllocated", b"US"),
    0x01030028: ("PixelRepresentation", b"US"),
    0x92295200: ("SharedFunctionalGroupsSequence", b"SQ"),
    0x92305200: ("PerFrameFunctionalGroupsSequence", b"SQ"),
}
_SEQUENCES = {tag for tag, (_, vr) in _NAMES.items() if vr == b"SQ"}
_SPECIAL = {*_NAMES, *_PIXELS, _ITEM_END, _CHARACTER_SET}
_SHORT = set(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
_LONG = set(b"OB OD OF OL OW OV SQ SV UC UN UR UT UV".split())
_IMPLICIT = b"1.2.840.10008.1.2"
_DEFLATED = b"1.2.840.10008.1.2.1.99"
_EXPLICIT = re.compile(rb"1\.2\.840\.10008\.1\.2\.(1|5|4\.[0-9.]+)")
_UID = re.compile(rb"[0-9.]*[\0 ]*")
_INTEGER = re.compile(rb" *[+-]?[0-9]{1,10}[\0 ]*")
_CHARACTER_SETS = re.compile(rb"[A-Z0-9_ \\]*\0?")

_explicit_head = Struct("<I2sH").unpack_from
_head = Struct("<II").unpack_from
_length = Struct("<I").unpack_from


class Values(Protocol):
    """Values by keyword: :class:`Elements`, and pydicom's ``Dataset``."""

    def __contains__(self, name: str) -> bool: ...

    def get(self, name: str) -> Any:
        """Value of an attribute; None where it is missing."""


@dataclass(frozen=True)
class Parsed:
    """What stands in front of the pixel data.

    Attributes
    ----------
    values : Values
        Its elements, as far as they decide.
    syntax : str
        Transfer syntax UID, or "".
    implicit, little : bool
        Whether elements come without their VR, and little-endian.
    end : int
        Where the pixel data element begins; the length of a file without one.
    head : bytes
        The first 12 bytes there.
    """

    values: Values
    syntax: str
    implicit: bool
    little: bool
    end: int
    head: bytes


class Unusual(Exception):  # noqa: N818 - no error: another reader has the say
    """Not what this module understands."""


class Elements:
    """Values of a dataset by keyword, converted when asked for, as pydicom's ``Dataset.get``."""

    __slots__ = ("_found",)

    def __init__(self) -> None:
        self._found: dict[str, Any] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._found

    def get(self, name: str) -> Any:
        """Value of an attribute; None where it is missing."""
        found = self._found.get(name)
        return _convert(*found) if isinstance(found, tuple) else found

    def set(self, tag: int, vr: bytes, value: bytes | list[Elements]) -> None:
        """Keep the raw value, or the items, of an element."""
        name, expected = _NAMES[tag]
        if vr and vr != expected:
            raise Unusual
        self._found[name] = value if isinstance(value, list) else (expected, value)


def _convert(vr: bytes, value: bytes) -> Any:
    """Value of an element as pydicom has it."""
    if vr == b"US" and len(value) == 2:
        return int.from_bytes(value, "little")
    if vr == b"UI" and _UID.fullmatch(value):
        return value.rstrip(b"\0 ").decode()
    if vr == b"IS" and _INTEGER.fullmatch(value):
        return int(value.rstrip(b"\0 "))
    if vr == b"IS" and not value:
        return None
    if vr == b"DS" and b"\\" in value:
        try:
            return [float(x) for x in value.decode("latin-1").strip().rstrip(" \0").split("\\")]
        except ValueError:
            pass
    raise Unusual


def read_elements(start: bytes, file: BinaryIO, size: int) -> Parsed:
    """Read the elements in front of the pixel data.

    Parameters
    ----------
    start : bytes
        The first :data:`WINDOW` bytes of the file.
    file : binary file
        Where the rest is read from, if the header is longer.
    size : int
        Length of the file.

    Raises
    ------
    Unusual
        This header is for pydicom.
    """
    found = Elements()
    data, base, window = start, 0, len(start)
    try:
        syntax, at = _meta(data)
        if syntax == _DEFLATED:
            raise Unusual
        # Group 0, and a form other than the syntax says, are read in ways of their own.
        if data[at : at + 2] == b"\0\0" or (syntax == _IMPLICIT and _like_a_vr(data, at)):
            raise Unusual
    except error as short:
        raise Unusual from short
    implicit = syntax == _IMPLICIT
    walked = 0
    while len(data) == min(window, size - base):
        begun = at
        at = _walk(data, at, _NEVER, implicit, found, 0)
        head = data[at : at + 12]
        if len(head) == 12 and _head(head)[0] in _PIXELS:
            return Parsed(found, syntax.decode(), implicit, True, base + at, head)
        if base + at == size:
            return Parsed(found, syntax.decode(), implicit, True, size, b"")
        # The element here reaches beyond the window: it begins the next one, a wider one if it
        # began this one.
        window = max(WINDOW, len(data) * 8) if at == begun else WINDOW
        walked += len(data)
        if base + at > size or base + len(data) == size or window > _WIDEST:
            break
        if walked > _MOST_WALKED:
            break
        base += at
        file.seek(base)
        data, at = file.read(window), 0
    raise Unusual


def _meta(data: bytes) -> tuple[bytes, int]:
    """Transfer syntax, and where the dataset begins, by the file meta information (PS3.10 7.1)."""
    syntax, at = b"", 132
    if data[128:140] != b"DICM\2\0\0\0UL\4\0":
        raise Unusual
    while True:
        tag, vr, length = _explicit_head(data, at)
        if tag & 0xFFFF != 2:
            break
        value = at + 8
        if vr in _LONG:
            (length,) = _length(data, value)
            value += 4
        elif vr not in _SHORT:
            raise Unusual
        if tag == _SYNTAX and vr == b"UI":
            syntax = data[value : value + length].rstrip(b"\0")
        elif tag == _SYNTAX or (tag == _GROUP_LENGTH and at != 132):
            raise Unusual
        at = value + length
    if syntax not in (_IMPLICIT, _DEFLATED) and not _EXPLICIT.fullmatch(syntax):
        raise Unusual
    return syntax, at


def read_deflated(start: bytes) -> Elements:
    """Read the first elements of a file whose dataset is deflated (PS3.5 A.5).

    Whatever follows is not inflated: a few bytes may stand for gigabytes.

    Raises
    ------
    Unusual
        It is not that, or broken.
    """
    found = Elements()
    try:
        syntax, at = _meta(start)
        if syntax != _DEFLATED:
            raise Unusual
        dataset = zlib.decompressobj(-zlib.MAX_WBITS).decompress(start[at:], _INFLATED)
        _walk(dataset, 0, _NEVER, False, found, 0)
    except (zlib.error, error) as broken:
        raise Unusual from broken
    return found


def _walk(data: bytes, at: int, end: int, implicit: bool, found: Elements, depth: int) -> int:
    """Step over the elements of a dataset; return where it ends.

    A dataset of an item ends at ``end``, or with its delimiter. That of the file (``depth`` 0)
    ends at its pixel data, or where the window does not hold the whole next element.
    """
    try:
        while at < end:
            if implicit:
                tag, length = _head(data, at)
                vr, value = b"", at + 8
            else:
                tag, vr, length = _explicit_head(data, at)
                value = at + 8
                if vr in _LONG:
                    (length,) = _length(data, value)
                    value += 4
                elif vr not in _SHORT and tag != _ITEM_END:
                    raise Unusual
            after = value + length
            if tag in _SPECIAL or length == _UNDEFINED:
                if tag == _ITEM_END:
                    if not depth or end != _NEVER or data[at + 4 : value] != b"\0\0\0\0":
                        raise Unusual
                    return value
                if tag in _PIXELS and not depth:
                    return at
                if length == _UNDEFINED:
                    if not _is_sequence(tag, vr, data, value):
                        raise Unusual
                    items, after = _items(data, value, _NEVER, implicit, depth)
                    if tag in _NAMES:
                        found.set(tag, vr, items)
                elif after > len(data):
                    raise error  # the window does not hold it
                elif tag == _CHARACTER_SET:
                    if vr not in (b"", b"CS") or not _CHARACTER_SETS.fullmatch(data, value, after):
                        raise Unusual
                elif tag in _SEQUENCES:
                    found.set(tag, vr, _items(data, value, after, implicit, depth)[0])
                elif tag in _NAMES:
                    found.set(tag, vr, data[value:after])
            at = after
    except error:
        if depth:
            raise
    return at


def _items(
    data: bytes, at: int, end: int, implicit: bool, depth: int
) -> tuple[list[Elements], int]:
    """Datasets of the items of a sequence, and where it ends (PS3.5 7.5)."""
    if depth == _DEEPEST:
        raise Unusual
    items: list[Elements] = []
    while at < end:
        tag, length = _head(data, at)
        at += 8
        if tag == _SEQUENCE_END and end == _NEVER and length == 0:
            return items, at
        if tag != _ITEM or len(items) == _MOST_ITEMS:
            raise Unusual
        item = Elements()
        stop = _NEVER if length == _UNDEFINED else at + length
        # Items of a sequence of unknown VR are implicit, whatever the file is (PS3.5 6.2.2).
        at = _walk(data, at, stop, implicit or not _like_a_vr(data, at), item, depth + 1)
        if at != stop and stop != _NEVER:
            raise Unusual
        items.append(item)
    if at != end:
        raise Unusual
    return items, at


def _is_sequence(tag: int, vr: bytes, data: bytes, value: int) -> bool:
    """Whether an element of undefined length consists of datasets."""
    if tag == _CHARACTER_SET or vr:
        return tag != _CHARACTER_SET and vr in (b"SQ", b"UN")
    known = _vr_of(tag)
    return known == "SQ" or (known == "" and _head(data, value)[0] == _ITEM)


@lru_cache(1 << 12)
def _vr_of(tag: int) -> str:
    """VR of a tag by the dictionary, "" where it is not there."""
    from pydicom.datadict import dictionary_VR

    try:
        return dictionary_VR((tag & 0xFFFF) << 16 | tag >> 16)
    except KeyError:
        return ""


def _like_a_vr(data: bytes, at: int) -> bool:
    """Whether an element has two capital letters behind its tag."""
    vr = data[at + 4 : at + 6]
    return vr.isalpha() and vr.isupper()
