"""Bytes that somebody made on purpose: checksums hold, content does not. Errors, soon, and ours."""

from __future__ import annotations

import json
import resource
import struct
import subprocess
import sys
from contextlib import suppress

import google_crc32c
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medzip
from medzip.canonical import canonical_json
from medzip.codec import decode_slab, encode_slab, read_model
from medzip.codec.arrangement import arrangement_of
from medzip.codec.model import MAGIC
from medzip.codec.parts import STORE_BYTES, pack_slab, seal_slab
from medzip.errors import CorruptStreamError, MedZipError, ModelError
from medzip.models import NetworkModel, base_model
from medzip.testing.networks import random_network

MODEL = NetworkModel(random_network("small"), None)
VOXELS = np.random.default_rng(0).integers(-40, 40, (3, 12, 10)).astype(np.int16)
SLAB = encode_slab(VOXELS, MODEL)
SPARSE = encode_slab(
    (np.random.default_rng(0).integers(0, 9, (8, 24, 24)) * 30).astype("u2"), MODEL
)
FIELDS = struct.Struct("<3sBBBH16sIIIIiIIiIII")
NAMES = (
    *("magic", "version", "flags", "dtype", "zero", "model", "depth", "height", "width", "coded"),
    *("minimum", "count", "origin", "fill", "gaps", "body", "check"),
)


def sealed(data: bytes) -> bytes:
    return data + struct.pack("<I", google_crc32c.value(data))


def changed(slab: bytes, **values: int) -> bytes:
    fields = dict(zip(NAMES, FIELDS.unpack(slab[: FIELDS.size]), strict=True)) | values
    return sealed(FIELDS.pack(*fields.values()) + slab[FIELDS.size : -4])


@pytest.mark.parametrize(
    "values",
    [
        {"flags": 128},
        {"flags": 2},
        {"zero": 1},
        {"dtype": 4},
        {"coded": 4},
        {"count": 0},
        {"count": 70000},
        {"origin": 65535},
        {"fill": 40000},
        {"minimum": 32767},
        {"gaps": 4},
        {"depth": 1, "height": 1 << 22, "width": 1},
        {"height": 32768, "width": 65536, "coded": 0},
        {"depth": 0},
        {"body": 0},
        {"check": 1},
        {"dtype": 2, "minimum": -5},
        {"version": 9},
        {"count": 2},
    ],
    ids=str,
)
def test_headers_that_cannot_be(values: dict[str, int]) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CorruptStreamError):
        decode_slab(changed(SLAB, **values), MODEL)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


@given(st.data())
@settings(max_examples=200)
def test_any_header_gives_voxels_or_one_of_our_errors(data: st.DataObject) -> None:
    slab = data.draw(st.sampled_from([SLAB, SPARSE]))
    name = data.draw(st.sampled_from([n for n in NAMES if n not in ("magic", "model")]))
    small = name in ("version", "flags", "dtype")
    value = data.draw(st.integers(0, 255 if small else 65535))
    with suppress(MedZipError):
        decode_slab(changed(slab, **{name: value}), MODEL)


@given(st.integers(FIELDS.size, len(SPARSE) - 5), st.integers(1, 255))
@settings(max_examples=200)
def test_any_body_gives_voxels_or_one_of_our_errors(position: int, flip: int) -> None:
    broken = bytearray(SPARSE[:-4])
    broken[position] ^= flip
    with suppress(MedZipError):
        decode_slab(sealed(bytes(broken)), MODEL)


def test_words_left_over_are_an_error() -> None:
    longer = changed(SLAB, body=FIELDS.unpack(SLAB[: FIELDS.size])[15] + 8)
    with pytest.raises(CorruptStreamError):
        decode_slab(sealed(longer[:-4] + bytes(8)), MODEL)


def test_what_the_caller_expects_is_compared_first() -> None:
    with pytest.raises(CorruptStreamError, match=r"expected a slab \(9, 9, 9\)"):
        decode_slab(SLAB, MODEL, (9, 9, 9), "int16")
    assert np.array_equal(decode_slab(SLAB, MODEL, (3, 12, 10), "int16"), VOXELS)


def whole(**values: object) -> bytes:
    data = MODEL.to_bytes()
    (length,) = struct.unpack("<I", data[5:9])
    config = canonical_json(json.loads(data[9 : 9 + length]) | values)
    body = struct.pack("<BI", 2, len(config)) + config + data[9 + length : -4]
    return sealed(MAGIC + body)


@pytest.mark.parametrize(
    "values",
    [
        {"squared_radii": [10**12]},
        {"squared_radii": []},
        {"squared_radii": [0, 9]},
        {"squared_radii": ["9"]},
        {"hidden": []},
        {"hidden": [2100]},
        {"hidden": [-1]},
        {"hidden": [3]},
        {"hidden": [16, 16, 16]},
        {"activation_bits": [4]},
        {"right_reach": 10**9},
        {"near": 11},
        {"near": 10**6},
        {"errors": 41},
        {"taps": 33},
        {"taps": 3},
        {"taps": None},
        {"more": 1},
        {"hidden": 7},
    ],
    ids=str,
)
def test_models_out_of_limits_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ModelError):
        read_model(whole(**values))


def test_models_with_bytes_left_over_or_missing_are_refused() -> None:
    base = base_model("fast").to_bytes()
    for data in (
        base[:-4] + b"x",
        base[:20],
        MODEL.to_bytes()[:-8],
        MAGIC + b"\x02",
        MAGIC + b"\x07",
        MAGIC + struct.pack("<BI", 2, 60_000) + b"[" * 60_000,
        MAGIC + struct.pack("<BI", 3, 60_000) + b"[" * 60_000,
    ):
        with pytest.raises(MedZipError):
            read_model(sealed(data))


def test_slabs_of_too_large_a_store_are_stored_as_they_are(monkeypatch) -> None:
    """Slices of more than about 11,600 x 11,600 take gigabytes; here the limit is lower."""
    coded = encode_slab(VOXELS, MODEL)
    monkeypatch.setattr("medzip.codec.parts.STORE_BYTES", 1000)
    slab = encode_slab(VOXELS, MODEL)
    assert len(slab) == VOXELS.size + 72 > len(coded)
    assert np.array_equal(decode_slab(slab, MODEL), VOXELS)
    with pytest.raises(CorruptStreamError, match="stored as it is, got a coded one"):
        decode_slab(coded, MODEL)


@pytest.mark.parametrize(
    "shape", [(1, 1, 1 << 27), (1 << 27, 1, 1), (1, 1 << 26, 2), (8, 1 << 24, 1)]
)
def test_arranged_slabs_of_the_most_voxels_fit_into_memory(shape: tuple[int, int, int]) -> None:
    arranged = arrangement_of(shape).shape_of(shape)
    assert MODEL.store_bytes(arranged) <= STORE_BYTES < MODEL.store_bytes((1, 1 << 27, 1))


LONG = (np.arange(6007) % 97 + np.random.default_rng(2).integers(0, 5, 6007)).astype(np.uint8)
FOLDED = encode_slab(LONG[None, None], MODEL)


@given(st.integers(0, 65535))
@settings(max_examples=150)
def test_any_arrangement_gives_voxels_or_one_of_our_errors(field: int) -> None:
    for slab, voxels in ((SLAB, VOXELS), (FOLDED, LONG[None, None])):
        with suppress(MedZipError):
            assert np.array_equal(decode_slab(changed(slab, zero=field), MODEL), voxels)


@pytest.mark.parametrize(
    ("slab", "field"),
    [(SLAB, 6), (SLAB, 7), (SLAB, 8), (SLAB, 8 * 11), (SLAB, 8 * 8191), (FOLDED, 1 + 8 * 2)],
)
def test_arrangements_that_cannot_be(slab: bytes, field: int) -> None:
    with pytest.raises(CorruptStreamError, match="consistent slab header"):
        decode_slab(changed(slab, zero=field), MODEL)


def test_plain_and_empty_slabs_have_no_arrangement() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (1, 5, 6)).astype(np.uint8)
    for voxels in (noise, np.zeros((2, 5, 6), np.uint8)):
        slab = encode_slab(voxels, MODEL)
        assert np.array_equal(decode_slab(slab, MODEL), voxels)
        with pytest.raises(CorruptStreamError, match="consistent slab header"):
            decode_slab(changed(slab, zero=2), MODEL)


def test_a_fold_ends_with_copies() -> None:
    """Else a slab could hold what nobody sees."""
    slab = pack_slab(LONG[None, None])
    values = slab.arranged
    assert values.shape == (1, 19, 317)
    values[0, -1, -1] ^= 1
    body = MODEL.engine(values.shape).encode([values], [slab.origin], [slab.packing.count])[0]
    with pytest.raises(CorruptStreamError, match="copies of their last value"):
        decode_slab(seal_slab(slab, body, MODEL), MODEL)


@given(st.integers(0, 1500), st.integers(1, 255))
@settings(max_examples=100)
def test_stored_streams_notice_every_change(place: int, flip: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 20, 20)).astype(np.uint8)
    data = medzip.encode(noise, profile="fast")
    assert len(data) == noise.nbytes + 36
    broken = bytearray(data)
    broken[place % len(data)] ^= flip
    for bad in (bytes(broken), data[: place % len(data)], data + b"x"):
        with pytest.raises(CorruptStreamError):
            medzip.decode(bad)


def test_stored_streams_ask_for_no_memory_they_do_not_bring() -> None:
    head = struct.pack("<3sBBBHIIIII", b"MZV", 1, 2, 1, 0, 2**32 - 1, 2**32 - 1, 9, 2**32 - 1, 0)
    with pytest.raises(CorruptStreamError, match="cut or joined"):
        medzip.decode(sealed(head) + bytes(4000))


KERNELS = """
import importlib, sys
from pathlib import Path
from numba.core.registry import CPUDispatcher

importlib.import_module(sys.argv[1])
found = 0
for name, module in list(sys.modules.items()):
    for kernel in vars(module).values() if name.startswith("medzip.") else ():
        place = isinstance(kernel, CPUDispatcher) and kernel._cache.cache_path
        if place:
            assert Path(place).name.startswith("medzip-"), (name, kernel, place)
            found += 1
assert found > 10, found
"""


@pytest.mark.parametrize(
    "first",
    [
        "medzip.codec.fast.engine",
        "medzip.models.network",
        "medzip.device",
        "medzip.papers.codec.model",
    ],
)
def test_kernels_are_kept_under_that_name_whatever_is_imported_first(first: str) -> None:
    subprocess.run([sys.executable, "-c", KERNELS, first], check=True)
