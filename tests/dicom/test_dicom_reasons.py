"""Every reason has an input that it is true of, a sentence in the docs, and a remedy."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medzip.dicom.header import read_header
from medzip.dicom.reasons import REASONS
from medzip.testing.codestreams import Options
from medzip.testing.dicoms import Recipe, build

if TYPE_CHECKING:
    from collections.abc import Callable

DOCS = (Path(__file__).parents[2] / "docs/archive.md").read_text()
ROWS = b"\x28\0\x10\0US\2\0\x08\0"
LOSSLESS = Recipe("jpeg-lossless-1")


def without_pixels(recipe: Recipe) -> bytes:
    content = build(recipe)
    return content[: content.rindex(b"\xe0\x7f\x10\0")]


def many_fragments() -> bytes:
    content = build(replace(LOSSLESS, delimiters=0))
    return content + b"\xfe\xff\0\xe0\2\0\0\0ab" * (1 << 20)


def arithmetic() -> bytes:
    return build(LOSSLESS).replace(b"\xff\xc3\0\x0b", b"\xff\xcb\0\x0b")


def wrong_code() -> bytes:
    """Begin a scan with more ones than any code of its Huffman table."""
    content = build(LOSSLESS)
    scan = content.index(b"\xff\xda") + 10
    return content[:scan] + b"\xfe\xfe" + content[scan + 2 :]


def few_bytes() -> bytes:
    """Make frames of blank lines, as if each byte stood for thousands of voxels."""
    content = build(Recipe("jpeg-ls", rows=16, columns=16, frames=3))
    for tag, side in ((b"\x10", b"\0\x10"), (b"\x11", b"\0\x40")):
        head = b"\x28\0" + tag + b"\0US\2\0"
        content = content.replace(head + b"\x10\0", head + side)
    item = content[content.index(b"\xfe\xff\0\xe0", content.index(b"OB\0\0\xff\xff") + 14) :]
    frame = item[: 8 + int.from_bytes(item[4:8], "little")]
    return content[: -len(item)] + frame * 40


CASES: dict[str, list[bytes]] = {
    "": [
        build(Recipe()),
        build(Recipe("encapsulated", fragments=3)),
        build(Recipe("jpeg-ls-near", rows=16, columns=16)),
        build(replace(LOSSLESS, fragments=5, options=Options(predictor=7, transform=3))),
        # The syntax is not that of the pixels, which are lossless JPEG, or plain words.
        build(replace(LOSSLESS)).replace(b"1.2.4.70", b"1.2.4.90"),
        build(Recipe()).replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.9.9.9\0"),
    ],
    "empty": [b""],
    "not-dicom": [b"text" * 100, build(Recipe())[128:]],
    "broken-header": [
        build(Recipe(rows=0)),
        build(Recipe()).replace(ROWS, b"\x28\0\x10\0IS\2\0xy"),
    ],
    "no-pixel-data": [without_pixels(Recipe()), without_pixels(LOSSLESS)],
    "deflated": [build(Recipe("deflated"))],
    "float-pixels": [build(Recipe()).replace(b"\xe0\x7f\x10\0OW", b"\xe0\x7f\x08\0OF")],
    "colour": [build(Recipe(samples=3)), build(Recipe("rle", samples=3))],
    "unsupported-bits": [build(Recipe(allocated=32)), build(Recipe(allocated=1, stored=1, high=0))],
    "oversized": [build(Recipe()).replace(ROWS, ROWS[:-2] + b"\xff\xff")],
    "too-many-frames": [many_fragments()],
    "out-of-proportion": [few_bytes()],
    "truncated": [
        build(Recipe())[:-1],
        build(Recipe("encapsulated", frames=2, delimiters=0))[:-50],
        build(replace(LOSSLESS, delimiters=0))[:-20],
        build(replace(LOSSLESS, frames=3)).replace(b"IS\2\x003\0", b"IS\2\x0099"),
    ],
    "unknown-syntax": [build(Recipe("unknown"))],
    "lossy": [
        build(Recipe("jpeg")),
        build(Recipe("mpeg")),
        build(Recipe("jpeg-ls-near", near=1, rows=16, columns=16)),
        build(Recipe("jpeg")).replace(b"1.2.4.50", b"1.2.4.70"),
    ],
    "unsupported-compression": [
        *(build(Recipe(name)) for name in ("jpeg-2000", "htj2k", "jpeg-xl", "rle")),
        build(Recipe("deflated-frames", fragments=2)),
        arithmetic(),
    ],
    "lossless-not-reproduced": [wrong_code()],
}


@pytest.mark.parametrize(
    ("reason", "content"),
    [(reason, content) for reason, contents in CASES.items() for content in contents],
)
def test_inputs(reason: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    header = read_header(path, len(content))
    assert header.reason == reason
    assert bool(header.frames) == (reason == "")


def test_every_reason_has_an_input_and_a_row_in_the_docs() -> None:
    # how the one that is left comes about: test_pinned.py
    assert set(CASES) - {""} == set(REASONS) - {"encoder-changed"}
    assert all(CASES.values())
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| (.+) \| (.+) \|$", DOCS, re.MULTILINE)
    assert {name: f"{what}; {remedy}" for name, what, remedy in rows if name in REASONS} == REASONS


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("encapsulated-uncompressed", ""),
        ("fragments-jpeg-lossless", ""),
        ("fragments-jpeg-ls-4", ""),
        ("frames-1x1-x20000", ""),
        ("htj2k-lossless", "unsupported-compression"),
        ("jpeg-2000-lossless", "unsupported-compression"),
        ("jpeg-ls-zero-before-eoi", ""),
        ("jpeg-xl-lossless", "unsupported-compression"),
        ("rows-but-no-pixel-data", "no-pixel-data"),
        ("rtdose-32-bit", "unsupported-bits"),
        ("synthetic-mr", ""),
        ("us-palette-rle-cine", "unsupported-compression"),
        ("us-rgb", "colour"),
    ],
)
def test_files_of_the_field(name: str, reason: str, shared: Callable[[str], Path]) -> None:
    path = shared("field") / f"{name}.dcm"
    assert read_header(path, path.stat().st_size).reason == reason
