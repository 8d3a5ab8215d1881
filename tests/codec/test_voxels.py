"""What `medzip.encode` takes comes back; what it does not take says what to pass instead."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr

import medzip
from medzip.codec import encode_slab, encode_stream
from medzip.codec.voxels import DTYPES, check_voxels
from medzip.errors import UnsupportedVoxelsError
from medzip.models import base_model
from medzip.zarr_codec import MedZipCodec

if TYPE_CHECKING:
    from collections.abc import Callable

VOXELS = (np.arange(2 * 6 * 5, dtype=np.int16) * 37 % 900 - 300).reshape(2, 6, 5)
FLAGS = VOXELS > 100


class Marked(np.ndarray):
    """A subclass as toolkits have them."""


def read_only(voxels: np.ndarray) -> np.ndarray:
    voxels = voxels.copy()
    voxels.setflags(write=False)
    return voxels


@pytest.mark.parametrize(
    "form",
    [
        lambda v: v.astype(">i2"),
        lambda v: v.astype("<i2"),
        lambda v: (v - v.min()).astype(">u2"),
        read_only,
        np.asfortranarray,
        lambda v: v[::-1, ::-1, ::-1],
        lambda v: v[:, ::2, 1::3],
        lambda v: np.moveaxis(v, 0, 2),
        lambda v: np.broadcast_to(v[:1], (3, *v.shape[1:])),
        lambda v: v.view(Marked),
        lambda v: np.frombuffer(b"x" + v.tobytes(), np.uint8)[1:].view("<i2").reshape(v.shape),
        lambda v: np.ma.array(v).data,
    ],
    ids=[
        *("big endian", "little endian", "big endian unsigned", "read only", "Fortran order"),
        *("mirrored", "strided", "axes moved", "broadcast", "subclass", "unaligned", "filled"),
    ],
)
def test_any_layout_in_memory_comes_back(form: Callable[[np.ndarray], np.ndarray]) -> None:
    """The values and the type; byte order is the machine's, as the docstring says."""
    voxels = form(VOXELS)
    before = voxels.tobytes()
    back = medzip.decode(medzip.encode(voxels, profile="fast"))
    assert type(back) is np.ndarray
    assert back.dtype == voxels.dtype.newbyteorder("=")
    assert back.dtype.isnative
    assert np.array_equal(back, voxels)
    assert voxels.tobytes() == before


CONTAINERS = [
    (None, "None; pass the voxels"),
    (VOXELS.tolist(), r"list; pass numpy\.array\("),
    (tuple(VOXELS.tolist()), r"tuple; pass numpy\.array\("),
    ([], r"list; pass numpy\.array\("),
    (deque([1]), r"deque; pass numpy\.asarray\("),
    (VOXELS.tobytes(), r"bytes; pass numpy\.frombuffer\("),
    (bytearray(8), r"bytearray; pass numpy\.frombuffer\("),
    (memoryview(VOXELS), r"memoryview; pass numpy\.frombuffer\("),
    (5, r"int; pass numpy\.array\("),
    (np.int16(5), r"int16; pass numpy\.asarray\("),
    ("volume.npy", r"str; pass numpy\.asarray\("),
]
MASKED = [
    (np.ma.array(VOXELS, mask=FLAGS), r"27 voxels masked.*\.filled\(value\)"),
    (np.ma.array(VOXELS), r"0 voxels masked.*\.filled\(value\)"),
    (np.ma.array(VOXELS.astype(float), mask=FLAGS), r"\.filled\(value\)"),
    (np.ma.masked, r"\.filled\(value\)"),
]
TYPES = [
    (FLAGS, r"bool; pass voxels\.view\('uint8'\)"),
    (VOXELS.astype(np.int32), r"int32; its values, -300 to 588, .*voxels\.astype\('int16'\)"),
    (VOXELS.astype(">i8"), r">i8|int64; its values, .*voxels\.astype\('int16'\)"),
    (np.full((1, 2, 2), 40_000, np.uint32), r"uint32; its values, .*voxels\.astype\('uint16'\)"),
    (np.full((1, 2, 2), 200, np.int64), r"int64; its values, .*voxels\.astype\('uint8'\)"),
    (np.full((1, 2, 2), -9, np.int64), r"int64; its values, .*voxels\.astype\('int8'\)"),
    (np.full((1, 2, 2), 70_000, np.uint32), r"70000 to 70000, need more than 16 bits"),
    (np.full((1, 2, 2), 2**64 - 1, np.uint64), r"need more than 16 bits"),
    (np.array([[[-5, 65535]]], np.int32), r"need more than 16 bits"),
    (VOXELS.astype(np.float32), r"float32; its values, -300 to 588, .*astype\('int16'\)"),
    (VOXELS.astype(np.float16), r"float16; its values, -300 to 588, .*astype\('int16'\)"),
    (VOXELS / 7, r"float64; pass the stored integers, as they were before any scaling"),
    (np.full((1, 1, 2), np.nan), r"before any scaling; NaN and infinity are no voxels"),
    (np.array([[[1.0, np.inf]]]), r"NaN and infinity are no voxels"),
    (VOXELS.astype(complex), r"complex128; pass real and imaginary parts"),
    (VOXELS.astype(object), r"object; pass numpy\.array\(voxels\.tolist\(\)"),
    (np.array([[["a"]]]), r"<U1; pass integers"),
    (np.zeros((1, 1, 1), "M8[s]"), r"datetime64\[s\]; pass integers"),
    (np.zeros((2, 2, 2), [("r", "u1"), ("g", "u1")]), r"pass one integer field"),
    (np.zeros((0, 3, 3), np.float32), r"float32; pass the stored integers"),
]
SHAPES = [
    (np.zeros((), np.int16), r"shape \(\); pass voxels\.reshape\(1, 1, 1\)"),
    (np.zeros(9, np.int16), r"shape \(9,\); pass voxels\[None, None\]"),
    (np.zeros((4, 5), np.int16), r"shape \(4, 5\); pass voxels\[None\]"),
    (np.zeros((2, 3, 4, 5), np.int16), r"shape \(2, 3, 4, 5\); .*voxels\.reshape\(-1, "),
    (np.zeros((1, 1, 1, 1, 1), np.int16), r"encode each volume of it for itself"),
    *(
        (np.zeros(shape, np.uint8), r"empty one of shape .*; leave it out")
        for shape in [(0,), (0, 0), (0, 4, 4), (4, 0, 4), (4, 4, 0), (0, 0, 0), (1, 2, 3, 0)]
    ),
]


@pytest.mark.parametrize(("voxels", "message"), [*CONTAINERS, *MASKED, *TYPES, *SHAPES])
def test_what_is_not_taken_says_what_to_pass(voxels: Any, message: str) -> None:
    for work in (
        lambda: medzip.encode(voxels),
        lambda: encode_slab(voxels, base_model("fast")),
        lambda: encode_stream(voxels, base_model("fast"), 1),
    ):
        with pytest.raises(UnsupportedVoxelsError, match=rf"(?s)expected .*, got .*{message}"):
            work()


def test_the_remedies_work() -> None:
    """What a message says to pass is taken and holds the same values."""
    assert np.array_equal(medzip.decode(medzip.encode(FLAGS.view("uint8"))).view(bool), FLAGS)
    for kind in (np.int32, np.int64, np.float32):
        wide = VOXELS.astype(kind)
        assert np.array_equal(medzip.decode(medzip.encode(wide.astype("int16"))), wide)
    volumes = np.stack([VOXELS, VOXELS + 1])
    back = medzip.decode(medzip.encode(volumes.reshape(-1, *volumes.shape[-2:])))
    assert np.array_equal(back.reshape(volumes.shape), volumes)


@pytest.mark.parametrize("name", DTYPES)
def test_nothing_is_copied_without_need(name: str) -> None:
    voxels = np.zeros((2, 3, 4), name)
    assert np.shares_memory(check_voxels(voxels), voxels)


def zarr_array(shape: tuple[int, ...], dtype: Any) -> zarr.Array[Any]:
    return zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=shape,
        chunks=shape,
        dtype=dtype,
        filters=None,
        serializer=MedZipCodec.of(base_model("fast")),
        compressors=None,
    )


@pytest.mark.parametrize(
    ("shape", "dtype", "message"),
    [
        ((2, 2, 2), "bool", r"voxels\.view\('uint8'\), .*another serializer"),
        ((2, 2, 2), "int32", "'int16' or 'uint16' .*another serializer"),
        ((2, 2, 2), "float32", "stored integers, .*another serializer"),
        ((2, 2), "int16", "three axes, or use another serializer"),
        ((2, 2, 2, 2), "uint8", "three axes, or use another serializer"),
    ],
)
def test_the_zarr_codec_refuses_likewise(shape: tuple, dtype: str, message: str) -> None:
    with pytest.raises(UnsupportedVoxelsError, match=message):
        zarr_array(shape, dtype)


def test_the_zarr_codec_drops_no_mask() -> None:
    array = zarr_array((2, 6, 5), "int16")
    with pytest.raises(UnsupportedVoxelsError, match="filled"):
        array[:] = np.ma.array(VOXELS, mask=FLAGS)


def test_a_zarr_array_of_the_other_byte_order() -> None:
    array = zarr_array((2, 6, 5), ">i2")
    array[:] = VOXELS.astype(">i2")
    assert np.array_equal(np.asarray(array[:]), VOXELS)
