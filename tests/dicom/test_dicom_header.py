"""Headers of real files: what is coded, what is kept whole, and that nothing raises."""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.data import get_testdata_file

from medzip.dicom.header import Header, read_header
from medzip.dicom.reasons import REASONS
from medzip.dicom.volume import bytes_of, voxels_of

FOLDER = Path(pydicom.data.__file__).parent


def header_of(name: str) -> tuple[Path, Header]:
    path = Path(str(get_testdata_file(name, download=False)))
    return path, read_header(path, path.stat().st_size)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("CT_small.dcm", ""),
        ("MR_small.dcm", ""),
        ("MR_small_bigendian.dcm", ""),
        ("MR_small_padded.dcm", ""),
        ("MR_truncated.dcm", "truncated"),
        ("ExplVR_BigEndNoMeta.dcm", "no-pixel-data"),
        ("image_dfl.dcm", "deflated"),
        ("JPEG2000.dcm", "unsupported-compression"),
        ("MR_small_jp2klossless.dcm", "unsupported-compression"),
        ("MR_small_RLE.dcm", "unsupported-compression"),
        ("JPEG-lossy.dcm", "lossy"),
        ("SC_rgb_rle.dcm", "colour"),
        ("SC_rgb_jpeg_dcmtk.dcm", "colour"),
        ("rtdose.dcm", "unsupported-bits"),
        ("liver_1frame.dcm", "unsupported-bits"),
        ("rtplan.dcm", "no-pixel-data"),
        ("DICOMDIR", "no-pixel-data"),
        ("README.txt", "not-dicom"),
    ],
)
def test_reasons(name: str, reason: str) -> None:
    _, header = header_of(name)
    assert header.reason == reason
    assert bool(header.frames) == (reason == "")


def test_every_file_that_pydicom_ships() -> None:
    counts: Counter[str] = Counter()
    for path in sorted(FOLDER.rglob("*")):
        if not path.is_file():
            continue
        size = path.stat().st_size
        header = read_header(path, size)
        counts[header.reason] += 1
        assert header.reason in {"", *REASONS}
        for run in header.frames:
            data = path.read_bytes()[run.offset : run.offset + run.length]
            assert len(data) == run.length
            front = path.read_bytes()[run.offset - run.header : run.offset]
            shape = (run.count, header.rows, header.columns)
            voxels = voxels_of(data, front, shape, header.dtype, run.coding)
            assert voxels.shape == shape
            assert bytes_of(voxels, front, run.coding) == data
    assert counts[""] > 30


@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small.dcm", "MR_small_bigendian.dcm"])
def test_voxels_are_those_of_pydicom(name: str) -> None:
    path, header = header_of(name)
    (run,) = header.frames
    data = path.read_bytes()[run.offset : run.offset + run.length]
    shape = (1, header.rows, header.columns)
    voxels = voxels_of(data, b"", shape, header.dtype, run.coding)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert np.array_equal(voxels[0], pydicom.dcmread(path).pixel_array)
    assert header.orientation is not None
    assert len(header.positions) == 1


@given(data=st.data())
def test_broken_files_never_raise(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    name = data.draw(st.sampled_from(["MR_small.dcm", "MR_small_bigendian.dcm", "SC_rgb_rle.dcm"]))
    original = Path(str(get_testdata_file(name, download=False))).read_bytes()
    broken = bytearray(original)
    for at in data.draw(st.lists(st.integers(0, min(len(original), 3000) - 1), max_size=8)):
        broken[at] = data.draw(st.integers(0, 255))
    del broken[data.draw(st.integers(0, len(original))) :]
    path = tmp_path_factory.mktemp("broken") / "file"
    path.write_bytes(broken)
    header = read_header(path, len(broken))
    assert header.reason in {"", *REASONS}
    for run in header.frames:
        assert 0 <= run.offset <= run.offset + run.length <= len(broken)


def test_high_bits_and_trailing_bytes_are_kept(tmp_path: Path) -> None:
    path = Path(str(get_testdata_file("CT_small.dcm", download=False)))
    header = read_header(path, path.stat().st_size)
    (run,) = header.frames
    content = bytearray(path.read_bytes())
    content[run.offset + 1 : run.offset + run.length : 2] = bytes([0xF7]) * (run.length // 2)
    content += b"after the pixels"
    changed = tmp_path / "changed.dcm"
    changed.write_bytes(content)
    again = read_header(changed, len(content))
    assert again.frames == header.frames
    data = bytes(content[run.offset : run.offset + run.length])
    voxels = voxels_of(data, b"", (1, again.rows, again.columns), again.dtype, run.coding)
    assert bytes_of(voxels, b"", run.coding) == data


def test_float_pixels(tmp_path: Path) -> None:
    path = Path(str(get_testdata_file("CT_small.dcm", download=False)))
    header = read_header(path, path.stat().st_size)
    content = path.read_bytes()
    tag = content.rfind(b"\xe0\x7f\x10\x00", 0, header.frames[0].offset)
    changed = tmp_path / "float.dcm"
    changed.write_bytes(content[:tag] + b"\xe0\x7f\x08\x00OF" + content[tag + 6 :])
    assert read_header(changed, len(content)).reason == "float-pixels"


def test_empty_and_missing_files(tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert read_header(path, 0).reason == "empty"
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "none", 5)


@pytest.mark.parametrize(
    ("rows", "columns", "frames", "reason"),
    [
        (1, 1, 1 << 20, ""),
        (1, 1, (1 << 20) + 1, "too-many-frames"),
        (1, 1, (1 << 31) - 1, "too-many-frames"),
        (4096, 4096, 1, ""),
        (100, 20000, 1, ""),
        (20000, 100, 1, "oversized"),
        (65535, 1, 1, "oversized"),
        (65535, 65535, 1, "oversized"),
    ],
)
def test_sizes_beyond_reason(
    rows: int, columns: int, frames: int, reason: str, tmp_path: Path
) -> None:
    source = Path(str(get_testdata_file("CT_small.dcm", download=False)))
    data = pydicom.dcmread(source)
    data.Rows, data.Columns, data.NumberOfFrames = rows, columns, frames
    data.PixelData = b""
    path = tmp_path / "odd.dcm"
    data.save_as(path)
    if not reason:  # a file with a hole for its pixels, of the length that its header tells
        length = rows * columns * frames * 2
        with open(path, "r+b") as file:
            at = file.read().rindex(b"\xe0\x7f\x10\x00OW\0\0")
            file.seek(at + 8)
            file.write(length.to_bytes(4, "little"))
            file.truncate(at + 12 + length)
    header = read_header(path, path.stat().st_size)
    assert header.reason == reason
    assert header.slices == (0 if reason else frames)
    assert reason in ("", *REASONS)
