"""Models of kind 3: bytes, directories, limits, golden streams."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np
import pytest
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import medzip
from medzip.canonical import canonical_json
from medzip.codec import decode_slab, encode_slab, read_model
from medzip.codec.header import read_header
from medzip.codec.stream import read_stream
from medzip.errors import CorruptStreamError, ModelError
from medzip.models import network_of, reference_of
from medzip.papers.codec import SequenceModel, read_sequence_model, write_sequence_model
from medzip.papers.codec.backends import default_table
from medzip.papers.codec.plain import decode_plain
from medzip.papers.codec.weights import decode_weights, encode_weights
from medzip.testing.sequences import KINDS, random_model, random_predictor
from medzip.zarr_codec import MedZipCodec

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN = Path(__file__).parents[1] / "golden" / "1" / "sequence"
CASES = {
    "lstm-pyramid": ("lstm", "pyramid-9-5-1", "conditional"),
    "lstm-rows": ("lstm", "pyramid-13-9-5-1-rows", "order0"),
    "lstm-line": ("lstm", "line-5", "conditional"),
    "mlp-cube": ("mlp", "cube-3", "order0"),
    "mlp-triangle": ("mlp", "triangle-13-rows", "conditional"),
    "attention-block": ("attention", "block-11", "conditional"),
    "attention-pyramid": ("attention", "pyramid-9-7-5-3-1", "order0"),
}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Products this small gain nothing from threads, and lose much on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["order0", "conditional"])
@pytest.mark.parametrize("extreme", [False, True])
def test_bytes_directories_and_pickles(
    kind: str, backend: str, extreme: bool, tmp_path: Path
) -> None:
    model = random_model(kind, "cube-5", backend, 1, extreme)
    again = read_model(model.to_bytes())
    assert isinstance(again, SequenceModel)
    assert again.to_bytes() == model.to_bytes()
    assert pickle.loads(pickle.dumps(model)) == model == again
    assert hash(again) == hash(model)
    assert (again.name, again.shape_name, again.backend) == (model.name, "cube-5", backend)
    assert reference_of(model.to_bytes()) is None
    for name, content in write_sequence_model(model).items():
        (tmp_path / name).write_bytes(content)
    assert read_sequence_model(tmp_path) == model
    assert model != random_model(kind, "cube-5", backend, 2, extreme)


def test_directories_are_held_against_their_digest(tmp_path: Path) -> None:
    model, other = (random_model("lstm", "cube-3", "order0", seed) for seed in (1, 2))
    with pytest.raises(ModelError, match="expected a sequence model in"):
        read_sequence_model(tmp_path)
    (tmp_path / "config.json").write_bytes(write_sequence_model(model)["config.json"])
    (tmp_path / "model.safetensors").write_bytes(write_sequence_model(other)["model.safetensors"])
    with pytest.raises(ModelError, match="to have digest"):
        read_sequence_model(tmp_path)


def test_parts_must_fit_together() -> None:
    lstm = random_predictor("lstm", 13)
    with pytest.raises(ModelError, match="62 voxels for cube-5"):
        SequenceModel(lstm, "cube-5", "order0")
    with pytest.raises(ModelError, match="back-end among order0, conditional"):
        SequenceModel(lstm, "cube-3", "huffman")
    with pytest.raises(ModelError, match="table"):
        SequenceModel(lstm, "cube-3", "conditional")
    with pytest.raises(ValueError, match="cube-4"):
        SequenceModel(lstm, "cube-4", "order0")


def test_devices_and_fitting_say_that_it_has_no_network() -> None:
    model = random_model("lstm", "cube-3", "order0")
    with pytest.raises(ModelError, match=r"device='cpu'"):
        network_of(model)
    voxels = np.random.default_rng(0).integers(0, 40, (2, 8, 8)).astype(np.int16)
    from medzip.device import encode_slabs

    with pytest.raises(ModelError, match=r"device='cpu'"):
        encode_slabs([voxels], model, device="cpu")


def sealed(config: object, words: bytes) -> bytes:
    text = canonical_json(config)
    data = b"MZM\0" + struct.pack("<BI", 3, len(text)) + text + words
    return data + struct.pack("<I", google_crc32c.value(data))


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "gru"},
        {"kind": "mlp"},
        {"shape": "cube-4"},
        {"shape": "cube-5"},
        {"backend": "huffman"},
        {"backend": "conditional"},
        {"more": 1},
        {"form": {"length": 13, "units": 24}},
        {"form": {"length": 13, "units": 10**9}},
        {"form": {"length": 13, "units": -8}},
        {"form": {"length": 13, "units": True}},
        {"form": {"length": 13, "units": 16, "layers": 1}},
        {"form": {"length": 13}},
        {"form": [13, 16]},
        {"form": None},
    ],
    ids=str,
)
def test_configurations_out_of_limits_are_refused(change: dict[str, object]) -> None:
    model = random_model("lstm", "cube-3", "order0")
    config = {
        "backend": "order0",
        "form": {"length": 13, "units": 16},
        "kind": "lstm",
        "shape": "cube-3",
    }
    words = encode_weights(list(model.predictor.arrays.values()))
    assert read_model(sealed(config, words)) == model
    with pytest.raises((ModelError, CorruptStreamError)):
        read_model(sealed(config | change, words))


@pytest.mark.parametrize("config", [[], 7, None, "lstm"])
def test_configurations_of_other_types_are_refused(config: object) -> None:
    with pytest.raises(ModelError):
        read_model(sealed(config, b""))


def test_damaged_models_are_refused() -> None:
    data = random_model("attention", "cube-3", "conditional").to_bytes()
    for at in range(0, len(data), 97):
        damaged = bytearray(data)
        damaged[at] ^= 4
        with pytest.raises(CorruptStreamError):
            read_model(bytes(damaged))
    for words in (data[5:-12], data[5:-4] + bytes(8), data[5:-5]):
        body = b"MZM\0\3" + words
        with pytest.raises(CorruptStreamError):
            read_model(body + struct.pack("<I", google_crc32c.value(body)))


@given(st.lists(st.lists(st.integers(-(1 << 31) + 1, (1 << 31) - 1), max_size=40), max_size=4))
@settings(max_examples=50)
def test_weights_round_trip(lists: list[list[int]]) -> None:
    arrays = [np.array(numbers, dtype=np.int64) for numbers in lists]
    back = decode_weights(encode_weights(arrays), [len(array) for array in arrays])
    assert all(np.array_equal(a, b) for a, b in zip(arrays, back, strict=True))


def test_weights_cost_little_more_than_their_entropy() -> None:
    generator = np.random.default_rng(0)
    weights = generator.normal(0, 1500, 65536).astype(np.int64)
    entropy = 0.5 * np.log2(2 * np.pi * np.e * 1500**2) / 8
    assert len(encode_weights([weights])) < 1.03 * entropy * len(weights)
    pruned = weights * (generator.random(len(weights)) < 0.25)
    assert len(encode_weights([pruned])) < 0.34 * len(encode_weights([weights]))


def inputs() -> dict[str, tuple[np.ndarray, SequenceModel]]:
    """What the golden streams hold."""
    generator = np.random.default_rng(20261120)
    z, y, x = np.indices((4, 20, 22))
    smooth = 300 + 40 * np.sin(x / 5) + 30 * np.cos(y / 6) + 5 * z + generator.normal(0, 3, z.shape)
    voxels = smooth.astype(np.int16)
    voxels[0, :3, :4] = [[0], [900], [-900]]
    return {name: (voxels, random_model(*form, seed=7)) for name, form in CASES.items()}


def digest(voxels: np.ndarray) -> str:
    head = f"{voxels.dtype.str} {voxels.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(voxels).tobytes()).hexdigest()


@pytest.mark.parametrize("name", CASES)
def test_golden_stream(name: str) -> None:
    """Decoded for ever, by the engine and by the plain coder; made once by `write` below."""
    expected = json.loads((GOLDEN / "index.json").read_text())[name]
    data = (GOLDEN / f"{name}.mz").read_bytes()
    volume = medzip.decode(data)
    assert digest(volume) == expected
    *_, model, slabs = read_stream(data)
    assert isinstance(model, SequenceModel)
    header = read_header(slabs[0])
    body = slabs[0][68 + header.gaps : 68 + header.gaps + header.body]
    values = decode_plain(
        body, header.shape, header.count, model.predictor, model.shape, model.table
    )
    assert np.array_equal(values.astype(int) + header.minimum, volume[: header.shape[0]])


def test_slabs_of_golden_models_are_written_as_they_were() -> None:
    """A model's bytes are its identity, so they may not change either."""
    for name, (voxels, model) in inputs().items():
        data = (GOLDEN / f"{name}.mz").read_bytes()
        *_, stored, slabs = read_stream(data)
        assert stored == model
        assert encode_slab(voxels, model) == slabs[0]
        assert np.array_equal(decode_slab(slabs[0], model), voxels)


def test_the_default_table_is_coded_as_one() -> None:
    model = SequenceModel(random_predictor("mlp", 13), "cube-3", "conditional", default_table())
    assert np.array_equal(read_model(model.to_bytes()).table, default_table())


def test_zarr_arrays_carry_it() -> None:
    model = random_model("lstm", "pyramid-5-3-1-rows", "conditional")
    voxels = np.random.default_rng(0).integers(-50, 400, (5, 9, 12)).astype(np.int16)
    array = zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=voxels.shape,
        dtype=voxels.dtype,
        chunks=(2, 9, 12),
        serializer=MedZipCodec.of(model),
        filters=None,
        compressors=None,
    )
    array[:] = voxels
    assert np.array_equal(array[:], voxels)


def write() -> None:
    """Write the golden streams; refuses to replace any."""
    GOLDEN.mkdir(parents=True)
    index = {}
    for name, (voxels, model) in inputs().items():
        (GOLDEN / f"{name}.mz").write_bytes(medzip.encode(voxels, model=model))
        index[name] = digest(voxels)
    (GOLDEN / "index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    write()
