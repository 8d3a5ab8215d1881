"""Codestreams with every option, in any fragments: what is the span's and what the envelope's."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medzip.dicom.codestream import find_segment, read_codestream
from medzip.dicom.encapsulated import by_size, by_start, cut, fragments, joined
from medzip.dicom.recode import Recoding, reproduce
from medzip.dicom.records import Span, gaps_of, pieces_of
from medzip.errors import CorruptStreamError
from medzip.testing.codestreams import Options, jpeg_ls_stream, lossless_jpeg

IMAGE = (np.random.default_rng(0).integers(-5, 6, (24, 20)).cumsum(1) + 2000).astype(np.uint16)
OPTIONS = {
    "plain": Options(),
    "fill bytes": Options(fills=2),
    "fill bytes in front of restarts": Options(restart_rows=3, fills=1),
    "restarts": Options(restart_rows=1),
    "filled with zeros": Options(bit=0, restart_rows=5),
    "lines later": Options(lines_later=True),
    "lines later, fill bytes": Options(lines_later=True, fills=1),
    "a zero": Options(more=b"\0"),
    "zeros": Options(more=bytes(9)),
    "other bytes": Options(more=b"\x12\x34" * 99),
    "no end": Options(end=False),
    "another scan": Options(more=b"\xff\xda\0\x08\1\2\0\1\0\0" + bytes(9)),
    "comment": Options(more=b"\xff\xfe\0\5abc"),
    "point transform": Options(transform=3),
    "much application data": Options(notes=150_000),
}


def item(data: bytes, tag: int = 0xE000) -> bytes:
    return b"\xfe\xff" + tag.to_bytes(2, "little") + len(data).to_bytes(4, "little") + data


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("predictor", [1, 4, 7])
def test_lossless_jpeg(name: str, predictor: int) -> None:
    options = OPTIONS[name]
    options = Options(**{**vars(options), "predictor": predictor})
    stream = lossless_jpeg(IMAGE, 12, options)
    found = reproduce(stream, IMAGE.shape, "uint16")
    assert isinstance(found, Recoding)
    assert found.coding == f"jpeg-lossless-{options.bit}"
    assert sum(end - start for start, end in found.header) <= 65536
    start, end = find_segment(stream)
    assert found.body[0][0] == start
    # Nothing but what an encoder has a choice in is left to the envelope.
    restarts = 23 // options.restart_rows if options.restart_rows else 0
    over = len(options.more) if not options.more.startswith(b"\xff") else 0
    covered = sum(end - start for start, end in found.body)
    assert end - start == covered + restarts * options.fills + over


@pytest.mark.parametrize("transform", range(16))
@pytest.mark.parametrize("signed", ["", "u"])
def test_point_transforms_of_16_bits(transform: int, signed: str) -> None:
    image = np.random.default_rng(1).integers(0, 1 << 16, (9, 7)).astype(np.uint16)
    stream = lossless_jpeg(image, 16, Options(transform=transform, predictor=5))
    assert isinstance(reproduce(stream, (9, 7), f"{signed}int16"), Recoding)
    none_left = stream.replace(b"\xff\xc3\0\x0b\x10", b"\xff\xc3\0\x0b" + bytes([transform]))
    assert reproduce(none_left, (9, 7), f"{signed}int16") == "lossless-not-reproduced"


@pytest.mark.parametrize("name", [name for name in OPTIONS if "restart" not in name])
def test_jpeg_ls(name: str) -> None:
    options = OPTIONS[name]
    stream = jpeg_ls_stream(IMAGE, 12, options)
    found = reproduce(stream, IMAGE.shape, "uint16")
    assert isinstance(found, Recoding)
    ((start, end),) = found.body
    plain = jpeg_ls_stream(IMAGE, 12)
    assert stream[start:end] == plain[slice(*find_segment(plain))]


def test_streams_that_have_no_scan() -> None:
    stream = lossless_jpeg(IMAGE, 12)
    start, _ = find_segment(stream)
    for cutoff in range(start):
        with pytest.raises(CorruptStreamError):
            read_codestream(stream[:cutoff])
    comments = b"\xff\xfe\xff\xff" + bytes(65533)
    assert reproduce(b"\xff\xd8" + comments * 3 + stream[2:], IMAGE.shape, "uint16") != ""
    tables = b"\xff\xc4\xff\xff" + bytes(65533)  # a header that no tables make so long
    with pytest.raises(CorruptStreamError, match="at most"):
        read_codestream(b"\xff\xd8" + tables * 2 + stream[2:])


@given(
    sizes=st.lists(st.integers(0, 9), max_size=8),
    ends=st.integers(0, 2),
    start=st.integers(0, 40),
    length=st.integers(0, 40),
)
def test_fragments(sizes: list[int], ends: int, start: int, length: int) -> None:
    parts = [bytes([65 + n]) * size for n, size in enumerate(sizes)]
    content = b"head" + b"".join(map(item, parts)) + item(b"", 0xE0DD) * ends
    file = io.BytesIO(content)
    found, whole_item = fragments(file, 4, len(content), 100)
    assert whole_item
    assert [content[at : at + n] for at, n, _ in found] == parts
    assert [first for _, _, first in found] == [part[:2] for part in parts]
    pieces = [(at, n) for at, n, _ in found]
    whole = b"".join(parts)
    assert joined(file, cut(pieces, start, start + length), 99) == whole[start : start + length]
    assert joined(file, pieces, 5) == whole[:5]
    assert len(fragments(file, 4, len(content), 3)[0]) == min(4, len(parts))
    for end in range(4, len(content)):
        some, whole_item = fragments(io.BytesIO(content[:end]), 4, end, 100)
        assert all(at + n <= end for at, n, _ in some)
        assert whole_item == (not some or some[-1][:2] == found[len(some) - 1][:2])


def test_frames_of_fragments() -> None:
    soi = b"\xff\xd8"
    table, begin, more, none = (0, 4, b"\0\0"), (10, 9, soi), (30, 5, b"ab"), (50, 0, b"")
    assert by_start([table, begin, more, none, begin]) == [[(10, 9), (30, 5)], [(10, 9)]]
    assert by_start([begin, more]) == [[(10, 9), (30, 5)]]
    assert by_start([(0, 0, b""), none, begin]) == [[(10, 9)]]
    assert by_start([table, more, begin]) == []
    assert by_start([]) == []
    empty, six = (0, 0, b""), [(10, 4, b""), (22, 2, b""), (32, 6, b"")]
    assert by_size([empty, *six], 2, 6) == [[(10, 4), (22, 2)], [(32, 6)]]
    assert by_size([empty, *six], 3, 4) == [[(10, 4)], [(22, 2), (32, 2)], [(34, 4)]]
    assert by_size([empty, *six], 1, 5) == [[(10, 4), (22, 1)]]
    assert by_size([empty, *six], 2, 5) == [[(10, 4), (22, 1)], [(32, 5)]]
    assert by_size(six, 3, 4) == [[(10, 4)], [(22, 2), (32, 2)], [(34, 4)]]  # without a table
    assert len(by_size([empty, *six], 9, 4)) < 9


@given(
    pieces=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 5)), min_size=1, max_size=8),
    front=st.integers(0, 7),
)
def test_pieces_and_gaps(pieces: list[tuple[int, int]], front: int) -> None:
    header, body = [], []
    at = 7
    for number, (skip, length) in enumerate(pieces):
        at += skip
        (header if number < min(front, len(pieces) - 1) else body).append((at, length))
        at += length
    span = Span(
        offset=body[0][0],
        length=sum(n for _, n in body),
        stack=0,
        z=0,
        slices=1,
        step=1,
        coding="little",
        header=sum(n for _, n in header),
        gaps=gaps_of(header, body),
    )
    merged = [cut(part, 0, 99) for part in (header, body)]
    assert list(pieces_of(span)) == merged
    assert (span.start, span.end) == (7 + pieces[0][0], at)
