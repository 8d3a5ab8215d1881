"""Whatever a file says, reading it takes a bounded number of steps and bytes."""

from __future__ import annotations

import io
import random
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom.data
import pytest

from medzip.dicom import bounded, elements, pixels
from medzip.dicom.bounded import Bounded
from medzip.dicom.codestream import read_codestream
from medzip.dicom.header import read_header
from medzip.dicom.reasons import REASONS
from medzip.dicom.recode import reproduce
from medzip.errors import CorruptStreamError
from medzip.testing.codestreams import Options, jpeg_ls_stream, lossless_jpeg
from medzip.testing.dicoms import SYNTAXES, Recipe, build

from .test_dicom_fragments import IMAGE, OPTIONS
from .test_dicom_recipes import comes_back

if TYPE_CHECKING:
    from collections.abc import Iterator

MANY = 100_000
SMALL = 40_000


def reason_of(content: bytes, folder: Path) -> str:
    path = folder / "file"
    path.write_bytes(content)
    return read_header(path, len(content)).reason


def test_a_file_that_ends_where_it_would_take_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_READS", 3)
    monkeypatch.setattr(bounded, "MOST_BYTES", 10)
    file = Bounded(io.BytesIO(bytes(99)))
    assert [len(file.read(5)), len(file.read(5))] == [5, 5]
    with pytest.raises(ValueError, match="at most 3 reads and 10 bytes"):
        file.read(1)
    assert file.tell() == 11
    file = Bounded(io.BytesIO(bytes(99)))
    for _ in range(3):
        file.seek(0)
        assert file.read(1) == b"\0"
    with pytest.raises(ValueError, match="longer one"):
        file.read(1)
    with pytest.raises(ValueError, match="longer one"):
        Bounded(io.BytesIO(bytes(9))).read()


def test_sequences_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start = build(Recipe())[:-108]  # without pixels
    items = b"\x40\0\x10\0SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\0\0\0\0" * 5000
    items += b"\xfe\xff\xdd\xe0\0\0\0\0"
    assert reason_of(start + items, tmp_path) == "no-pixel-data"
    monkeypatch.setattr(elements, "_MOST_ITEMS", 1000)
    monkeypatch.setattr(bounded, "MOST_READS", 2000)
    assert reason_of(start + items, tmp_path) == "broken-header"
    deep = b"\x40\0\x10\0SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff" * 5000
    monkeypatch.setattr(bounded, "MOST_READS", 1 << 21)
    assert reason_of(start + deep, tmp_path) in ("broken-header", "no-pixel-data")


def test_long_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elements that are stepped over cost nothing; what is looked at is bounded."""
    begin = build(Recipe())
    at = begin.rindex(b"\xe0\x7f\x10\0")
    blob = b"\x41\0\x10\0UN\0\0" + (70_000).to_bytes(4, "little") + bytes(70_000)
    content = begin[:at] + blob * 40 + begin[at:]
    assert reason_of(content, tmp_path) == ""
    monkeypatch.setattr(elements, "_MOST_WALKED", 5 * elements.WINDOW)
    assert reason_of(content, tmp_path) == ""  # pydicom steps over them, too
    monkeypatch.setattr(bounded, "MOST_READS", 50)
    assert reason_of(content, tmp_path) == "broken-header"


def test_deflated_datasets_are_not_inflated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def inflated(*_: object) -> bytes:
        raise AssertionError("all of it was inflated")

    monkeypatch.setattr(zlib, "decompress", inflated)
    content = build(Recipe("deflated"))
    at = len(content) - len(content[content.index(b"1.99") + 4 :])
    packer = zlib.compressobj(wbits=-15)
    bomb = packer.compress(bytes(1 << 26)) + packer.flush()
    assert reason_of(content[:at] + bomb, tmp_path) == "deflated"
    hidden = content.replace(b"\2\0\x10\0UI\x16\0", b"\2\0\x10\0UN\0\0\x16\0\0\0")
    assert reason_of(hidden, tmp_path) in ("broken-header", "deflated")


@pytest.mark.parametrize("content", [b"\xff" * (1 << 20), b"\xff\xd0" * (1 << 19), bytes(1 << 20)])
def test_segments_of_one_byte(content: bytes) -> None:
    """Runs are looked at once: this would take hours if each byte began anew."""
    scan = b"\xff\xd8\xff\xc3\0\x0b\x0c\0\x08\0\x08\1\1\x11\0\xff\xda\0\x08\1\1\0\1\0\0"
    stream = read_codestream(scan + content)
    assert stream.header == ((0, len(scan)),)
    with pytest.raises(CorruptStreamError):
        read_codestream(scan[:2] + content + scan[2:])


def test_voxels_that_are_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = build(Recipe("jpeg-ls", rows=16, columns=16, frames=4))
    assert reason_of(content, tmp_path) == ""
    monkeypatch.setattr(pixels, "_MOST_TRIED", 1000)
    assert reason_of(content, tmp_path) == ""
    monkeypatch.setattr(pixels, "_TRIED_A_BYTE", 0)
    assert reason_of(content, tmp_path) == "out-of-proportion"
    monkeypatch.setattr(pixels, "_MOST_TRIED", 1024)
    assert reason_of(content, tmp_path) == ""


def _originals() -> Iterator[bytes]:
    for syntax in SYNTAXES:
        sides = (16, 17) if "jpeg-ls" in syntax else (5, 7)
        for more in (
            {},
            {"fragments": 3, "frames": 3, "table": "basic"},
            {"private": True, "nested": 2, "undefined": True, "group_lengths": True},
        ):
            yield build(Recipe(syntax, rows=sides[0], columns=sides[1], **more))
    for path in sorted(Path(pydicom.data.__file__).parent.rglob("*.dcm")):
        if path.stat().st_size < SMALL:
            yield path.read_bytes()


def _mutated(content: bytes, rng: random.Random) -> bytes:
    """Change, cut, double or swap a few bytes, mostly of the header; lengths with preference."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        at = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 1500))
        match rng.randrange(7):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[at : at + 4] = rng.choice((b"\xff" * 4, b"\0" * 4, b"\xff\xff\xff\x7f"))
            case 3:
                del data[at : at + rng.choice((1, 2, 8, 100))]
            case 4:
                data[at:at] = data[at : at + rng.choice((8, 100))]
            case 5:
                data[at:at] = rng.randbytes(rng.choice((1, 2, 8)))
            case _:
                del data[at:]
        data = data or bytearray(1)
    return bytes(data)


@pytest.mark.slow
def test_mutated_files(tmp_path: Path) -> None:
    rng = random.Random(11)
    originals = list(_originals())
    coded = 0
    for number in range(MANY):
        content = _mutated(originals[number % len(originals)], rng)
        path = tmp_path / "file"
        path.write_bytes(content)
        reason = comes_back(path, content)
        assert reason in {"", *REASONS}, (number, reason)
        coded += not reason
    assert MANY / 20 < coded < MANY


@pytest.mark.slow
def test_mutated_streams() -> None:
    """Codestreams alone, hit harder."""
    rng = random.Random(12)
    streams = [lossless_jpeg(IMAGE, 12, options) for options in OPTIONS.values()]
    streams = [stream for stream in streams if len(stream) < SMALL]
    streams += [jpeg_ls_stream(IMAGE, 12, Options(more=b"\0")), jpeg_ls_stream(IMAGE, 12)]
    came = 0
    for number in range(MANY):
        stream = _mutated(streams[number % len(streams)], rng)
        found = reproduce(stream, IMAGE.shape, "uint16")
        assert not isinstance(found, str) or found in REASONS
        came += not isinstance(found, str)
    assert 0 < came < MANY
