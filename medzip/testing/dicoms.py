"""DICOM files byte by byte, with everything that makers, PACS and converters do to them.

No writer makes all of these, so they are put together here. What becomes of each is known:
:attr:`Recipe.reason`.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from medzip.testing.codestreams import Options, jpeg_ls_stream, lossless_jpeg, lossy_jpeg

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["SYNTAXES", "Recipe", "build"]

_ROOT = "1.2.840.10008.1.2"
SYNTAXES = {
    "implicit": _ROOT,
    "explicit": f"{_ROOT}.1",
    "big": f"{_ROOT}.2",
    "deflated": f"{_ROOT}.1.99",
    "encapsulated": f"{_ROOT}.1.98",
    "jpeg": f"{_ROOT}.4.50",
    "jpeg-lossless": f"{_ROOT}.4.57",
    "jpeg-lossless-1": f"{_ROOT}.4.70",
    "jpeg-ls": f"{_ROOT}.4.80",
    "jpeg-ls-near": f"{_ROOT}.4.81",
    "jpeg-2000": f"{_ROOT}.4.90",
    "htj2k": f"{_ROOT}.4.201",
    "jpeg-xl": f"{_ROOT}.4.110",
    "mpeg": f"{_ROOT}.4.102",
    "rle": f"{_ROOT}.5",
    "deflated-frames": f"{_ROOT}.8.1",
    "unknown": "1.2.3.4.5",
}
"""Transfer syntaxes by a short name."""

_PLAIN = ("implicit", "explicit", "big", "deflated")
_NOT_JPEG = {
    "jpeg-2000": b"\xff\x4f\xff\x51",
    "htj2k": b"\xff\x4f\xff\x51",
    "jpeg-xl": b"\xff\x0a",
    "mpeg": b"\0\0\1\xb3",
    "rle": b"\1\0\0\0\x40\0\0\0",
    "deflated-frames": b"",
    "unknown": b"\1\2",
}
_LONG = {b"OB", b"OW", b"OF", b"OD", b"OV", b"SQ", b"UN"}
_UNDEFINED = 0xFFFFFFFF

Tag = tuple[int, int]
Element = tuple[Tag, bytes, "bytes | list[list[Element]]"]
"""Tag, VR, and value or items."""


@dataclass(frozen=True)
class Recipe:
    """What a file is made of.

    Attributes
    ----------
    syntax : str
        A name of :data:`SYNTAXES`.
    rows, columns, frames, samples, planar : int
        Size of a slice, number of slices, samples a pixel and how they lie.
    allocated, stored, high : int
        Bits of a word, bits of an image in it, and which one is the highest.
    signed : bool
        Pixel representation.
    near : int
        How much a sample of JPEG-LS may be off.
    options : Options
        Of codestreams.
    fragments : int
        Of each frame, at most.
    table : str
        Offset table: "missing" (not even an empty item), "empty", "basic", "extended", "wrong".
    delimiters : int
        How many follow the last fragment.
    padding : bytes
        What stands in fragments behind a frame.
    group_lengths, private, undefined, preamble : bool
        Elements of group length; private blocks, with sequences; sequences of undefined length;
        preamble and meta information.
    nested : int
        Sequences within sequences; the innermost has pixel data of its own, as icons do.
    after : bool
        Whether another element follows the pixels (trailing padding).
    seed : int
        Of voxels.
    """

    syntax: str = "explicit"
    rows: int = 8
    columns: int = 6
    frames: int = 1
    samples: int = 1
    planar: int = 0
    allocated: int = 16
    stored: int = 12
    high: int = 11
    signed: bool = False
    near: int = 0
    options: Options = field(default_factory=Options)
    fragments: int = 1
    table: Literal["missing", "empty", "basic", "extended", "wrong"] = "empty"
    delimiters: int = 1
    padding: bytes = b""
    group_lengths: bool = False
    private: bool = False
    undefined: bool = False
    preamble: bool = True
    nested: int = 0
    after: bool = False
    seed: int = 0

    @property
    def reason(self) -> str:
        """Why the file is kept whole (``medzip.dicom.reasons``); "" where it is coded."""
        if self.syntax == "deflated":
            return "deflated"
        if self.samples > 1:
            return "colour"
        if self.allocated not in (8, 16):
            return "unsupported-bits"
        if self.syntax in ("jpeg", "mpeg") or (self.near and "jpeg-ls" in self.syntax):
            return "lossy"
        if self.syntax == "unknown":
            return "unknown-syntax"
        return "unsupported-compression" if self.syntax in _NOT_JPEG else ""


def build(recipe: Recipe) -> bytes:
    """Put the file together."""
    writer = _Writer(recipe.syntax == "implicit", recipe.syntax == "big", recipe.undefined)
    elements = sorted([*_elements(recipe), *(_private(recipe) if recipe.private else [])])
    if recipe.nested:
        elements = sorted([*elements, _nest(recipe.nested)])
    if recipe.group_lengths:
        elements = list(_with_lengths(elements, writer))
    body = writer.dataset(elements)
    if recipe.syntax in _PLAIN:
        body += writer.element((0x7FE0, 0x10), b"OW", _words(recipe))
    else:
        body += _encapsulated(recipe, writer)
    if recipe.after:
        body += writer.element((0xFFFC, 0xFFFC), b"OB", bytes(10))
    if recipe.syntax == "deflated":
        packer = zlib.compressobj(wbits=-15)
        body = packer.compress(body) + packer.flush()
    return (_preamble(SYNTAXES[recipe.syntax]) if recipe.preamble else b"") + body


class _Writer:
    """Elements as a transfer syntax has them."""

    def __init__(self, implicit: bool, big: bool, undefined: bool) -> None:
        self.implicit = implicit
        self.order: Literal["big", "little"] = "big" if big else "little"
        self.undefined = undefined

    def number(self, value: int, size: int) -> bytes:
        return value.to_bytes(size, self.order)

    def tag(self, tag: Tag) -> bytes:
        return self.number(tag[0], 2) + self.number(tag[1], 2)

    def head(self, tag: Tag, vr: bytes, length: int) -> bytes:
        if self.implicit:
            return self.tag(tag) + self.number(length, 4)
        if vr in _LONG:
            return self.tag(tag) + vr + b"\0\0" + self.number(length, 4)
        return self.tag(tag) + vr + self.number(length, 2)

    def item(self, data: bytes, end: int = 0xE000) -> bytes:
        return self.tag((0xFFFE, end)) + self.number(len(data), 4) + data

    def element(self, tag: Tag, vr: bytes, value: bytes | list[list[Element]]) -> bytes:
        if isinstance(value, bytes):
            value += b"\0" * (len(value) % 2)
            return self.head(tag, vr, len(value)) + value
        items = [self.dataset(item) for item in value]
        if self.undefined:
            data = b"".join(
                self.tag((0xFFFE, 0xE000)) + b"\xff" * 4 + item + self.item(b"", 0xE00D)
                for item in items
            )
            return self.head(tag, vr, _UNDEFINED) + data + self.item(b"", 0xE0DD)
        data = b"".join(map(self.item, items))
        return self.head(tag, vr, len(data)) + data

    def dataset(self, elements: Sequence[Element]) -> bytes:
        return b"".join(self.element(*element) for element in elements)


def _preamble(syntax: str) -> bytes:
    writer = _Writer(implicit=False, big=False, undefined=False)
    body = writer.element((2, 1), b"OB", b"\0\1")
    body += writer.element((2, 0x10), b"UI", syntax.encode())
    return bytes(128) + b"DICM" + writer.element((2, 0), b"UL", writer.number(len(body), 4)) + body


def _elements(recipe: Recipe) -> Iterator[Element]:
    order: Literal["big", "little"] = "big" if recipe.syntax == "big" else "little"
    yield (8, 0x60), b"CS", b"OT"
    yield (0x10, 0x10), b"PN", b"Nobody"
    yield (0x20, 0xE), b"UI", b"1.2.3"
    yield (0x20, 0x13), b"IS", b"1 "
    for element, value in (
        (2, recipe.samples),
        (0x10, recipe.rows),
        (0x11, recipe.columns),
        (0x100, recipe.allocated),
        (0x101, recipe.stored),
        (0x102, recipe.high),
        (0x103, int(recipe.signed)),
    ):
        yield (0x28, element), b"US", value.to_bytes(2, order)
    if recipe.samples > 1:
        yield (0x28, 6), b"US", recipe.planar.to_bytes(2, order)
    if recipe.frames > 1:
        yield (0x28, 8), b"IS", str(recipe.frames).encode()


def _private(recipe: Recipe) -> list[Element]:
    inner: list[Element] = [((0x29, 0x1001), b"UN", b"private!"), ((0x29, 0x1002), b"LO", b"text")]
    return [
        ((9, 0x10), b"LO", b"SOMEBODY"),
        ((9, 0x1010), b"UN", bytes(range(64))),
        ((0x29, 0x10), b"LO", b"SOMEBODY ELSE"),
        ((0x29, 0x1020), b"SQ", [inner, [], inner] if recipe.undefined else [inner]),
    ]


def _nest(depth: int) -> Element:
    """Sequences within a sequence, with an icon at the bottom."""
    items: list[Element] = [((0x28, 0x10), b"US", b"\1\0"), ((0x7FE0, 0x10), b"OW", bytes(4))]
    for _ in range(depth):
        items = [((0x88, 0x200), b"SQ", [items])]
    return items[0]


def _with_lengths(elements: Sequence[Element], writer: _Writer) -> Iterator[Element]:
    """Put in front of each group how long it is."""
    for group in dict.fromkeys(tag[0] for tag, _, _ in elements):
        within = [element for element in elements if element[0][0] == group]
        yield (group, 0), b"UL", writer.number(len(writer.dataset(within)), 4)
        yield from within


def _samples(recipe: Recipe) -> np.ndarray:
    """Stored words, with other things in the bits that the image does not use."""
    rng = np.random.default_rng(recipe.seed)
    shape = (recipe.frames, recipe.rows, recipe.columns)
    smooth = rng.integers(-4, 5, shape).cumsum(2) + (1 << recipe.stored - 1)
    return (smooth % (1 << recipe.stored)).astype(np.uint32)


def _words(recipe: Recipe) -> bytes:
    voxels = _samples(recipe) << max(0, recipe.high + 1 - recipe.stored)
    words = np.repeat(voxels[..., None], recipe.samples, 3)
    if recipe.samples > 1 and recipe.planar:
        words = np.moveaxis(words, 3, 1)
    order = ">" if recipe.syntax == "big" else "<"
    if recipe.allocated == 1:
        return np.packbits(words.astype(np.uint8) & 1, axis=None).tobytes()
    return words.astype(f"{order}u{recipe.allocated // 8}").tobytes()


def _frame(recipe: Recipe, number: int) -> bytes:
    """One frame, compressed as the syntax says."""
    if recipe.syntax == "encapsulated":
        whole = _words(recipe)
        size = len(whole) // recipe.frames
        return whole[number * size : (number + 1) * size]
    if recipe.syntax == "jpeg":
        return lossy_jpeg(recipe.rows, recipe.columns)
    samples = _samples(recipe)[number].astype(np.uint16)
    if recipe.syntax.startswith("jpeg-lossless"):
        return lossless_jpeg(samples, recipe.stored, recipe.options)
    if recipe.syntax.startswith("jpeg-ls"):
        return jpeg_ls_stream(samples, recipe.stored, recipe.options, recipe.near)
    return _NOT_JPEG[recipe.syntax] + zlib.compress(samples.tobytes())


def _encapsulated(recipe: Recipe, writer: _Writer) -> bytes:
    """Pixel data element with offset table, fragments and delimiters."""
    frames = []
    for number in range(recipe.frames):
        frame = _frame(recipe, number) + recipe.padding
        frame += b"\0" * (len(frame) % 2)
        step = max(2, -(-len(frame) // recipe.fragments))
        step += step % 2
        frames.append([frame[at : at + step] for at in range(0, len(frame), step)])
    offsets = [0]
    for cut in frames:
        offsets.append(offsets[-1] + sum(len(fragment) + 8 for fragment in cut))
    if recipe.table == "wrong":
        offsets = [offset * 3 + 1 for offset in offsets]
    front = table = b""
    if recipe.table == "extended":
        lengths = [sum(map(len, cut)) for cut in frames]
        front = writer.element((0x7FE0, 1), b"OV", np.array(offsets[:-1], "<u8").tobytes())
        front += writer.element((0x7FE0, 2), b"OV", np.array(lengths, "<u8").tobytes())
    elif recipe.table in ("basic", "wrong"):
        table = np.array(offsets[:-1], "<u4").tobytes()
    data = b"" if recipe.table == "missing" else writer.item(table)
    data += b"".join(writer.item(fragment) for cut in frames for fragment in cut)
    end = writer.item(b"", 0xE0DD) * recipe.delimiters
    return front + writer.head((0x7FE0, 0x10), b"OB", _UNDEFINED) + data + end
