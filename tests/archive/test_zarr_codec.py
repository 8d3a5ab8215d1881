"""The codec as Zarr sees it, and objects read without this package's API."""

from __future__ import annotations

import importlib.metadata
import json
import pickle
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore, ZipStore

from medzip.errors import CorruptStreamError, ModelError, UnsupportedVoxelsError
from medzip.models import base_model
from medzip.testing.archives import archive_here
from medzip.testing.series import volume, write_series
from medzip.zarr_codec import MedZipCodec

if TYPE_CHECKING:
    from pathlib import Path

    from zarr.core.buffer import Buffer


@pytest.fixture(scope="module")
def codec() -> MedZipCodec:
    return MedZipCodec.of(base_model("fast"))


def array_in(store: dict[str, Buffer], codec: MedZipCodec, voxels: np.ndarray) -> zarr.Array:
    return zarr.create_array(
        MemoryStore(store),
        shape=voxels.shape,
        chunks=(4, *voxels.shape[1:]),
        dtype=voxels.dtype,
        filters=None,
        serializer=codec,
        compressors=None,
        fill_value=0,
    )


@pytest.mark.parametrize("dtype", ["uint8", "int8", "uint16", "int16"])
def test_arrays_of_every_dtype(dtype: str, codec: MedZipCodec) -> None:
    voxels = volume((10, 24, 20)).astype(dtype)
    store: dict[str, Buffer] = {}
    array = array_in(store, codec, voxels)
    array[:] = voxels
    assert np.array_equal(np.asarray(array[:]), voxels)
    assert np.array_equal(np.asarray(array[9, 3:5]), voxels[9, 3:5])
    array[2:6, 5] = 1
    voxels[2:6, 5] = 1
    assert np.array_equal(np.asarray(array[:]), voxels)
    metadata = json.loads(store["zarr.json"].to_bytes())
    assert [c["name"] for c in metadata["codecs"]] == ["medzip"]  # no general compressor behind it


def test_the_codec_is_a_value(codec: MedZipCodec) -> None:
    copy = pickle.loads(pickle.dumps(codec))
    assert copy == codec
    assert hash(copy) == hash(codec)
    assert MedZipCodec.from_dict(codec.to_dict()) == codec
    assert codec.loaded.digest == base_model("fast").digest
    with pytest.raises(ValueError, match="newer version"):
        MedZipCodec.from_dict({"name": "medzip", "configuration": {"model": "", "x": 1}})
    with pytest.raises(ModelError, match="base64"):
        _ = MedZipCodec("***").loaded
    with pytest.raises(NotImplementedError):
        codec.compute_encoded_size(1, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(("shape", "dtype"), [((4, 4), "int16"), ((4, 4, 4), "int32")])
def test_other_arrays_are_refused(shape: tuple[int, ...], dtype: str, codec: MedZipCodec) -> None:
    with pytest.raises(UnsupportedVoxelsError, match="another serializer"):
        array_in({}, codec, np.zeros(shape, dtype))


def test_broken_and_exchanged_chunks_are_noticed(codec: MedZipCodec) -> None:
    voxels = volume((8, 24, 20))
    store: dict[str, Buffer] = {}
    array = array_in(store, codec, voxels)
    array[:] = voxels
    small: dict[str, Buffer] = {}
    array_in(small, codec, voxels[:, :8])[:] = voxels[:, :8]
    good = store["c/0/0/0"]
    store["c/0/0/0"] = small["c/0/0/0"]
    with pytest.raises(CorruptStreamError, match="expected a slab within"):
        array[0]
    data = bytearray(good.to_bytes())
    data[-5] ^= 1
    store["c/0/0/0"] = type(good).from_bytes(bytes(data))
    with pytest.raises(CorruptStreamError):
        array[0]


@pytest.fixture
def archived(tmp_path: Path) -> Path:
    write_series(tmp_path / "source", "1.2.3", slices=35)
    archive_here([tmp_path / "source"], tmp_path / "archive")
    return next((tmp_path / "archive" / "objects").glob("*.zip"))


def test_objects_are_zarr_groups(archived: Path) -> None:
    with ZipStore(archived, mode="r") as store:
        group = zarr.open_group(store, mode="r")
        assert sorted(group.keys()) == ["envelope", "manifest", "volumes"]
        array = group["volumes/0"]
        assert isinstance(array, zarr.Array)
        assert array.shape == (35, 24, 20)
        assert array.chunks == (18, 24, 20)  # one slice of padding
        assert array.compressors == ()
        assert array.metadata.dimension_names == ("z", "y", "x")
        assert np.array_equal(np.asarray(array[:]), volume((35, 24, 20)))
    with zipfile.ZipFile(archived) as file:
        for info in file.infolist():
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            stored = "/c/" in info.filename
            assert info.compress_type == (zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED)


def test_a_fresh_process_needs_only_the_entry_point(archived: Path) -> None:
    found = importlib.metadata.entry_points(group="zarr.codecs", name="medzip")
    if not found:
        pytest.skip("needs medzip installed (entry point zarr.codecs)")
    code = (
        "import sys, zarr; from zarr.storage import ZipStore\n"
        "array = zarr.open_group(ZipStore(sys.argv[1], mode='r'), mode='r')['volumes/0']\n"
        "print(int(array[34].sum()), type(array).__module__, 'medzip.archive' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(archived)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(volume((35, 24, 20))[34].sum()), "zarr.core.array", "False"]
