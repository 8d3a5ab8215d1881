"""The quick way through a header: it says what pydicom says, or nothing."""

from __future__ import annotations

import hashlib
import io
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from medzip.dicom import elements
from medzip.dicom import header as headers
from medzip.dicom.elements import WINDOW, Parsed, Unusual, read_elements
from medzip.dicom.header import Header, read_hashed, read_header

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(pydicom.data.__file__).parent
CALLS = pytest.MonkeyPatch


def by_pydicom(path: Path, size: int) -> Header:
    """What read_header says when the quick way understands nothing."""

    def refuse(start: bytes, file: object, size: int) -> Parsed:
        raise Unusual

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(headers, "read_elements", refuse)
        return read_header(path, size)


def assert_same(path: Path) -> None:
    size = path.stat().st_size
    # repr, so that a position of NaN equals itself
    assert repr(read_header(path, size)) == repr(by_pydicom(path, size)), path


def test_every_file_that_pydicom_ships() -> None:
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            assert_same(path)


def test_real_files_of_many_makers(shared: Callable[[str], Path]) -> None:
    for kind, of_each in (("series", 8), ("studies", 8), ("odd", 999), ("field", 99)):
        for folder in sorted(shared(kind).iterdir()):
            for path in sorted(folder.rglob("*") if folder.is_dir() else [folder])[:of_each]:
                if path.is_file():
                    assert_same(path)


@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",
        "MR_small.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jp2klossless.dcm",
        "JPEG2000.dcm",
        "SC_rgb_rle.dcm",
        "rtplan.dcm",
        "test-SR.dcm",
        "DICOMDIR",
    ],
)
def test_common_files_are_not_left_to_pydicom(name: str, monkeypatch: CALLS) -> None:
    path = Path(str(get_testdata_file(name, download=False)))
    expected = by_pydicom(path, path.stat().st_size)

    def refuse(*_: object) -> Header:
        raise AssertionError("expected no need of pydicom")

    monkeypatch.setattr(headers, "_by_pydicom", refuse)
    assert read_header(path, path.stat().st_size) == expected


def test_representations_are_those_of_pydicom() -> None:
    assert {vr.encode() for vr in EXPLICIT_VR_LENGTH_16} == elements._SHORT
    assert {vr.encode() for vr in EXPLICIT_VR_LENGTH_32} == elements._LONG
    for tag, (name, vr) in elements._NAMES.items():
        number = (tag & 0xFFFF) << 16 | tag >> 16
        assert pydicom.datadict.keyword_for_tag(number) == name
        assert pydicom.datadict.dictionary_VR(number).encode() == vr
    assert {name for name, _ in elements._NAMES.values()} >= set(headers._TAGS)


# -- what a header costs -----------------------------------------------------------------------


class Counted(io.FileIO):
    """A file that notes what is read of it."""

    reads: list[int]

    def readinto(self, buffer: Any) -> int:
        count = super().readinto(buffer) or 0
        self.reads.append(count)
        return count


def counting(monkeypatch: CALLS) -> tuple[list[Path], list[int]]:
    """Note what is opened, and how many bytes each reading of it takes."""
    opened: list[Path] = []
    reads: list[int] = []

    def counted(path: Path, mode: str = "rb") -> io.BufferedReader:
        opened.append(path)
        file = Counted(path, mode)
        file.reads = reads
        return io.BufferedReader(file)

    monkeypatch.setattr(headers, "open", counted, raising=False)
    monkeypatch.setattr(headers, "open_file", counted)
    return opened, reads


def test_a_common_header_is_one_opening_and_one_window(monkeypatch: CALLS, tmp_path: Path) -> None:
    path = write(tmp_path / "file", image())
    with path.open("ab") as file:
        file.write(bytes(10 * WINDOW))  # much behind the header
    opened, reads = counting(monkeypatch)
    header = read_header(path, path.stat().st_size)
    assert header.frames
    assert len(opened) == 1
    assert sum(reads) <= WINDOW + io.DEFAULT_BUFFER_SIZE
    assert len(reads) <= 2


def test_a_small_file_is_hashed_with_the_same_reading(monkeypatch: CALLS, tmp_path: Path) -> None:
    path = write(tmp_path / "file", image())
    opened, reads = counting(monkeypatch)
    size = path.stat().st_size
    header, sha256 = read_hashed(path, size)
    assert sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(opened) == 1
    assert sum(reads) == size
    assert header == read_header(path, size)


@pytest.mark.parametrize(
    "size", [0, 1, headers._AT_ONCE - 1, headers._AT_ONCE, 3 * headers._AT_ONCE + 5]
)
def test_hashes_of_any_size(size: int, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(size))
    header, sha256 = read_hashed(path, size)
    assert sha256 == hashlib.sha256(bytes(size)).hexdigest()
    assert header == read_header(path, size)


def test_long_values_are_not_read(monkeypatch: CALLS, tmp_path: Path) -> None:
    data = image()
    data.add_new(0x00091010, "OB", bytes(20 * WINDOW))
    path = write(tmp_path / "file", data)
    opened, reads = counting(monkeypatch)
    assert read_header(path, path.stat().st_size).frames
    assert len(opened) == 1
    assert sum(reads) <= 2 * (WINDOW + io.DEFAULT_BUFFER_SIZE)


# -- made headers --------------------------------------------------------------------------------


def image() -> Dataset:
    """One slice of 4 x 4."""
    data = Dataset()
    data.SpecificCharacterSet = "ISO_IR 100"
    data.SOPClassUID = pydicom.uid.MRImageStorage
    data.SOPInstanceUID = "1.2.3.4"
    data.PatientName = "A^B"
    data.SeriesInstanceUID = "1.2.3"
    data.InstanceNumber = 7
    data.ImagePositionPatient = [1.5, -2, 3]
    data.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows = data.Columns = 4
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit = 15
    data.PixelRepresentation = 1
    data.PixelData = np.arange(16, dtype="<i2").tobytes()
    return data


def write(path: Path, data: Dataset, implicit: bool = False) -> Path:
    """Write a file with meta information."""
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = (
        ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    )
    data.save_as(path, enforce_file_format=True)
    return path


def sequence(items: list[Dataset], undefined: bool, undefined_items: bool) -> Sequence:
    made = Sequence(items)
    made.is_undefined_length = undefined
    for item in items:
        item.is_undefined_length_sequence_item = undefined_items
    return made


def frames(count: int, undefined: bool, undefined_items: bool) -> Dataset:
    """An enhanced multi-frame image."""

    def several(*items: Dataset) -> Sequence:
        return sequence(list(items), undefined, undefined_items)

    data = image()
    del data.ImagePositionPatient, data.ImageOrientationPatient
    plane = Dataset()
    plane.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    shared = Dataset()
    shared.PlaneOrientationSequence = several(plane)
    data.SharedFunctionalGroupsSequence = several(shared)
    groups = []
    for number in range(count):
        position = Dataset()
        position.ImagePositionPatient = [0, 0, number * 2.5]
        group = Dataset()
        group.PlanePositionSequence = several(position)
        group.add_new(0x20051000, "SQ", several(image()))  # private, with images in it
        groups.append(group)
    data.PerFrameFunctionalGroupsSequence = several(*groups)
    data.NumberOfFrames = count
    data.PixelData = bytes(32 * count)
    return data


@pytest.mark.parametrize("implicit", [False, True])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("undefined_items", [False, True])
def test_groups_of_frames(
    implicit: bool, undefined: bool, undefined_items: bool, tmp_path: Path, monkeypatch: CALLS
) -> None:
    # 300 frames: the groups do not fit in a window
    path = write(tmp_path / "file", frames(300, undefined, undefined_items), implicit)
    expected = by_pydicom(path, path.stat().st_size)
    monkeypatch.delattr(headers, "_by_pydicom")
    header = read_header(path, path.stat().st_size)
    assert header == expected
    assert header.positions[299] == (0.0, 0.0, 747.5)
    assert header.orientation == (1, 0, 0, 0, 1, 0)


@cache
def originals() -> dict[str, bytes]:
    """Headers to break, with few bytes behind them."""
    names = ["MR_small.dcm", "MR_small_implicit.dcm", "CT_small.dcm", "nested_priv_SQ.dcm"]
    found = {
        name: Path(str(get_testdata_file(name, download=False))).read_bytes() for name in names
    }
    for implicit in (False, True):
        for undefined in (False, True):
            file = io.BytesIO()
            data = frames(2, undefined, undefined)
            data.file_meta = FileMetaDataset()
            data.file_meta.TransferSyntaxUID = (
                ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
            )
            data.save_as(file, enforce_file_format=True)
            found[f"frames {implicit} {undefined}"] = file.getvalue()
    return found


VALUES = [b"", b"\1\0", b"1\\2\\3", b"12 ", b"1.2\0", b"ISO_IR 100", bytes(12)]
ODD_TAGS = [elements._ITEM, elements._SEQUENCE_END, 0x00010002, 0]  # meta information, a command
TAGS = [*sorted(elements._SPECIAL), 0x10100009, 0x00100010, 0x11400008, *ODD_TAGS]
REPRESENTATIONS = [b"\0\0", b"ZZ", *sorted(elements._SHORT | elements._LONG)]


def packed(tag: int, vr: bytes, length: int, value: bytes, implicit: bool) -> bytes:
    head = tag.to_bytes(4, "little")
    if implicit:
        return head + length.to_bytes(4, "little") + value
    if vr in elements._LONG:
        return head + vr + b"\0\0" + length.to_bytes(4, "little") + value
    return head + vr + (length & 0xFFFF).to_bytes(2, "little") + value


def element(draw: Callable[[st.SearchStrategy[Any]], Any], implicit: bool, depth: int = 0) -> bytes:
    """An element as it should be, with sequences; or bytes like one."""
    kind = draw(
        st.sampled_from(["plain", "known", "sequence", "private", "odd"][: 4 + (depth == 0)])
    )
    if kind == "plain":
        value = draw(st.sampled_from(VALUES))
        return packed(0x00100010, b"PN", len(value), value, implicit)
    if kind == "known":
        tag = draw(st.sampled_from(sorted(elements._NAMES)))
        value = draw(st.sampled_from(VALUES))
        return packed(tag, elements._NAMES[tag][1], len(value), value, implicit)
    if kind == "odd":
        value = draw(st.sampled_from(VALUES))
        length = draw(st.sampled_from([len(value), 0, 5, 0xFFFFFFFF]))
        tag, vr = draw(st.sampled_from(TAGS)), draw(st.sampled_from(REPRESENTATIONS))
        return packed(tag, vr, length, value, implicit)
    tag = draw(st.sampled_from(sorted(elements._SEQUENCES))) if kind == "sequence" else 0x10100009
    tag = draw(st.sampled_from([tag, 0x11400008]))
    vr = draw(st.sampled_from([b"SQ", b"SQ", b"UN"]))
    within = implicit or vr == b"UN"
    content = b""
    for _ in range(draw(st.integers(0, 2)) if depth < 3 else 0):
        item = b"".join(element(draw, within, depth + 1) for _ in range(draw(st.integers(0, 2))))
        content += delimited(packed_item(len(item)), item, elements._ITEM_END, draw(st.booleans()))
    head = packed(tag, vr, len(content), b"", implicit)
    return delimited(head, content, elements._SEQUENCE_END, draw(st.booleans()))


def packed_item(length: int) -> bytes:
    return packed(elements._ITEM, b"", length, b"", implicit=True)


def delimited(head: bytes, content: bytes, end: int, undefined: bool) -> bytes:
    """With its length, or up to a delimiter."""
    if not undefined:
        return head + content
    return head[:-4] + b"\xff\xff\xff\xff" + content + packed(end, b"", 0, b"", implicit=True)


@given(data=st.data())
def test_broken_headers(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    name = data.draw(st.sampled_from(sorted(originals())))
    content = bytearray(originals()[name])
    header = content.rfind(b"\xe0\x7f\x10\x00") + 12
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(128, header))
        way = data.draw(st.sampled_from(["bit", "byte", "cut", "insert", "element"]))
        if way == "bit" and at < len(content):
            content[at] ^= 1 << data.draw(st.integers(0, 7))
        elif way == "byte" and at < len(content):
            content[at] = data.draw(
                st.sampled_from([0, 1, 2, 8, 32, 48, 65, 90, 92, 224, 254, 255])
            )
        elif way == "cut":
            del content[at : at + data.draw(st.integers(0, 16))]
        elif way == "insert":
            content[at:at] = data.draw(st.binary(max_size=8))
        else:
            content[at:at] = element(data.draw, implicit=is_implicit(name))
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(132, len(content))) :]
    path = tmp_path_factory.mktemp("broken") / "file"
    path.write_bytes(content)
    assert_same(path)


@given(data=st.data())
def test_headers_with_more_elements_in_them(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Insertions between elements, where they are most like what is expected there."""
    name = data.draw(st.sampled_from(sorted(originals())))
    content = originals()[name]
    places = boundaries(name)
    at = data.draw(st.sampled_from(places))
    inserted = b"".join(
        element(data.draw, is_implicit(name)) for _ in range(data.draw(st.integers(1, 3)))
    )
    path = tmp_path_factory.mktemp("more") / "file"
    path.write_bytes(content[:at] + inserted + content[at:])
    assert_same(path)


def is_implicit(name: str) -> bool:
    return "implicit" in name or "frames True" in name


@cache
def boundaries(name: str) -> list[int]:
    """Where the elements of a file begin, by pydicom."""
    raw = pydicom.dcmread(io.BytesIO(originals()[name]), force=True)
    implicit = is_implicit(name)
    starts = []
    for item in raw.elements():
        tell = getattr(item, "value_tell", None) or getattr(item, "file_tell", None)
        if tell:
            long = not implicit and item.VR in EXPLICIT_VR_LENGTH_32
            starts.append(tell - (12 if long else 8))
    return starts


def test_what_is_for_pydicom(tmp_path: Path) -> None:
    data = image()
    data.InstanceNumber = None
    path = write(tmp_path / "file", data)
    start = path.read_bytes()
    parsed = read_elements(start, io.BytesIO(start), len(start))
    assert parsed.values.get("InstanceNumber") is None
    assert parsed.values.get("Rows") == 4
    with pytest.raises(Unusual):
        read_elements(start[132:], io.BytesIO(start[132:]), len(start) - 132)
    big = Path(str(get_testdata_file("MR_small_bigendian.dcm", download=False))).read_bytes()
    with pytest.raises(Unusual):
        read_elements(big, io.BytesIO(big), len(big))
