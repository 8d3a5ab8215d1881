"""Every arrow has its inverse: bytes and voxels, envelope and frame, segment and samples."""

from __future__ import annotations

import io

import imagecodecs
import jpeg_ls
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medzip.dicom.codestream import find_segment
from medzip.dicom.envelope import EnvelopeReader, EnvelopeWriter
from medzip.dicom.jpeg_lossless import (
    ScanHeader,
    decode_segment,
    encode_segment,
    parse_header,
)
from medzip.dicom.recode import Recoding, reproduce
from medzip.dicom.volume import CODINGS, bytes_of, coding_of, voxels_of
from medzip.errors import CorruptStreamError, UnsupportedVoxelsError

# A table with a code for every category: 2 of 2 bits, 15 of 6 bits.
LENGTHS = bytes([0, 2, 0, 0, 0, 15, *([0] * 10)])
SYMBOLS = bytes([3, 4, 0, 1, 2, *range(5, 17)])


@given(
    data=st.binary(min_size=24, max_size=24),
    dtype=st.sampled_from(["uint8", "int8", "uint16", "int16"]),
    coding=st.sampled_from(["little", "big"]),
)
def test_words(data: bytes, dtype: str, coding: str) -> None:
    shape = (2, 3, 4 // np.dtype(dtype).itemsize)
    voxels = voxels_of(data, b"", shape, dtype, coding)
    assert voxels.shape == shape
    assert voxels.dtype == dtype
    assert voxels.dtype.isnative
    assert bytes_of(voxels, b"", coding) == data
    if coding == "big" and dtype == "int16":
        assert voxels.flat[0] == int.from_bytes(data[:2], "big", signed=True)


def test_unknown_codings_are_refused() -> None:
    assert set(CODINGS) == {"little", "big", "jpeg-lossless-0", "jpeg-lossless-1", "jpeg-ls"}
    with pytest.raises(UnsupportedVoxelsError, match="update medzip"):
        coding_of("new")


@given(parts=st.lists(st.binary(max_size=200), max_size=20), repeat=st.integers(1, 50))
def test_envelope(parts: list[bytes], repeat: int) -> None:
    parts = parts * repeat
    target = io.BytesIO()
    with EnvelopeWriter(target, sum(map(len, parts))) as writer:
        for part in parts:
            writer.write(part)
    reader = EnvelopeReader(io.BytesIO(target.getvalue()))
    assert [reader.read(len(part)) for part in parts] == parts
    reader.finish()


def test_envelope_reaches_far_back() -> None:
    block = np.random.default_rng(0).bytes(40 << 20)
    target = io.BytesIO()
    with EnvelopeWriter(target, 2 * len(block)) as writer:
        writer.write(block)
        writer.write(block)
    assert len(target.getvalue()) < 1.01 * len(block)


def test_broken_envelopes_are_noticed() -> None:
    target = io.BytesIO()
    with EnvelopeWriter(target, 1000) as writer:
        writer.write(bytes(range(250)) * 4)
    frame = target.getvalue()
    for cut in (0, 3, len(frame) // 2):
        with pytest.raises(CorruptStreamError):
            EnvelopeReader(io.BytesIO(frame[:cut])).read(1000)
    reader = EnvelopeReader(io.BytesIO(frame[:-1] + bytes([frame[-1] ^ 1])))
    with pytest.raises(CorruptStreamError):
        reader.read(1001)
    reader = EnvelopeReader(io.BytesIO(frame))
    reader.read(999)
    with pytest.raises(CorruptStreamError, match="got more bytes"):
        reader.finish()
    with pytest.raises(CorruptStreamError):
        EnvelopeReader(io.BytesIO(b"\0" * 30)).read(1)


@given(
    samples=hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)),
    predictor=st.integers(1, 7),
    restart=st.sampled_from([0, 1, 2, 3]),
    fill=st.sampled_from([0, 1]),
)
def test_lossless_jpeg_segments(
    samples: np.ndarray, predictor: int, restart: int, fill: int
) -> None:
    rows, columns = samples.shape
    header = ScanHeader(rows, columns, 16, predictor, restart, LENGTHS, SYMBOLS)
    data = encode_segment(samples, header, fill)
    assert np.array_equal(decode_segment(data, header, rows), samples)


@given(data=st.binary(max_size=200))
def test_broken_segments_never_crash(data: bytes) -> None:
    header = ScanHeader(5, 7, 12, 1, 2, LENGTHS, SYMBOLS)
    try:
        samples = decode_segment(data, header, 5)
    except CorruptStreamError:
        return
    assert samples.shape == (5, 7)


def test_tables_without_the_code_are_refused() -> None:
    header = ScanHeader(1, 2, 16, 1, 0, bytes([1, *([0] * 15)]), bytes([0]))
    with pytest.raises(CorruptStreamError, match="no code for"):
        encode_segment(np.array([[0, 9]], np.uint16), header, 1)
    wrong = ScanHeader(1, 2, 16, 1, 0, bytes([3, *([0] * 15)]), bytes([0, 1, 2]))
    with pytest.raises(CorruptStreamError, match="Huffman"):
        encode_segment(np.array([[0, 9]], np.uint16), wrong, 1)


@pytest.mark.parametrize("bits", [12, 16])
def test_codestreams_of_another_encoder_come_back(bits: int) -> None:
    rng = np.random.default_rng(0)
    image = (rng.normal(0, 20, (40, 56)).cumsum(0) + 1500).clip(0, 4095).astype(np.uint16)
    stream = imagecodecs.ljpeg_encode(image, bitspersample=bits)
    start, end = find_segment(stream)
    header = parse_header(stream[:start])
    assert (header.rows, header.columns, header.precision) == (40, 56, bits)
    assert np.array_equal(decode_segment(stream[start:end], header, 40), image)
    found = reproduce(stream + b"\0", (40, 56), "uint16")
    assert isinstance(found, Recoding)
    assert found.header == ((0, start),)
    assert found.body == ((start, end),)
    # Of another size than the tags say, or broken: kept whole.
    for other, shape in (
        (stream, (40, 57)),
        (stream, (41, 56)),
        (stream[:50], (40, 56)),
        (stream[: end - 9], (40, 56)),
        (b"", (40, 56)),
    ):
        assert reproduce(other, shape, "uint16") == "lossless-not-reproduced"


@pytest.mark.parametrize("bits", [8, 12, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_jpeg_ls_of_another_encoder_comes_back(bits: int, signed: bool) -> None:
    rng = np.random.default_rng(0)
    image = (rng.normal(0, 5, (40, 56)).cumsum(0) + 100).clip(0, (1 << bits) - 1)
    image = image.astype(np.uint8 if bits == 8 else np.uint16)
    stream = bytes(
        jpeg_ls.encode_pixel_data(
            image.tobytes(), rows=40, columns=56, samples_per_pixel=1, bits_stored=bits
        )
    )
    dtype = f"{'' if signed else 'u'}int{8 if bits == 8 else 16}"
    found = reproduce(stream, (40, 56), dtype)
    assert isinstance(found, Recoding)
    ((start, end),) = found.body
    coding = found.coding
    assert found.header == ((0, start),)
    assert coding == "jpeg-ls"
    voxels = voxels_of(stream[start:end], stream[:start], (1, 40, 56), dtype, coding)
    assert np.array_equal(voxels[0].astype(np.uint16) & ((1 << bits) - 1), image)
    assert bytes_of(voxels, stream[:start], coding) == stream[start:end]
    near = bytes(
        jpeg_ls.encode_pixel_data(
            image.tobytes(),
            rows=40,
            columns=56,
            samples_per_pixel=1,
            bits_stored=bits,
            lossy_error=2,
        )
    )
    assert reproduce(near, (40, 56), dtype) == "lossy"
    for other in (stream[:40], stream[:-40] + stream[-2:], b"\xff\xd8" + bytes(50)):
        assert reproduce(other, (40, 56), dtype) == "lossless-not-reproduced"
    assert reproduce(stream, (56, 41), dtype) == "lossless-not-reproduced"


@given(st.binary(max_size=120))
def test_headers_of_anything(data: bytes) -> None:
    for header in (data, b"\xff\xd8" + data, b"\xff\xd8\xff\xc4" + data):
        with pytest.raises(CorruptStreamError):
            parse_header(header)


def test_signed_samples_of_fewer_bits() -> None:
    image = np.array([[0, 1, 4095, 4094], [2048, 2047, 7, 4090]], np.uint16)
    stream = imagecodecs.ljpeg_encode(image, bitspersample=12)
    found = reproduce(stream, (2, 4), "int16")
    assert isinstance(found, Recoding)
    ((start, end),) = found.body
    coding, front = found.coding, stream[:start]
    voxels = voxels_of(stream[start:end], front, (1, 2, 4), "int16", coding)
    assert voxels[0].tolist() == [[0, 1, -1, -2], [-2048, 2047, 7, -6]]
    assert bytes_of(voxels, front, coding) == stream[start:end]
