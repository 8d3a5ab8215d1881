"""Slabs that went through a device: the bytes of the codec, its errors, the check of both."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import medzip
from medzip.cli.bench import bench
from medzip.codec import decode_slab, encode_slab
from medzip.codec.stream import decode_stream, encode_stream
from medzip.device import DeviceCodec, decode_slabs, encode_slabs
from medzip.device import check as device_check
from medzip.device.slabs import MOST_TOGETHER, slabs_together
from medzip.errors import CorruptStreamError, ModelError, UnsupportedVoxelsError
from medzip.models import NetworkModel, base_model
from medzip.testing.networks import random_network
from medzip.testing.strategies import volumes

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = NetworkModel(random_network("plane"), None)


@given(st.lists(volumes((3, 8, 8)), min_size=1, max_size=3))
@settings(max_examples=15)
def test_slabs_have_the_bytes_of_the_codec(slabs: list[np.ndarray]) -> None:
    coded = encode_slabs(slabs, WHOLE, device="cpu")
    assert coded == [encode_slab(slab, WHOLE) for slab in slabs]
    for back, slab in zip(decode_slabs(coded, WHOLE, device="cpu"), slabs, strict=True):
        assert back.dtype == slab.dtype
        assert np.array_equal(back, slab)


def test_slabs_of_all_kinds_in_one_call() -> None:
    """Coded, partly padded, constant, stored as they are: each as the codec does it."""
    generator = np.random.default_rng(0)
    smooth = np.cumsum(generator.integers(-3, 4, (3, 16, 16)), axis=2).astype(np.int16)
    slabs = [
        smooth,
        np.concatenate([smooth, np.zeros((4, 16, 16), np.int16)]),
        np.full((3, 16, 16), -5, np.int8),
        generator.integers(0, 65536, (2, 9, 9)).astype(np.uint16),
        smooth[:, ::-1].copy(),
        (generator.integers(0, 20, (3, 16, 16)) * 7).astype(np.uint8),
    ]
    codec = DeviceCodec(WHOLE, device="cpu", together=2)
    for _ in range(2):  # engines are kept
        coded = codec.encode(slabs)
        assert coded == [encode_slab(slab, WHOLE) for slab in slabs]
        assert all(map(np.array_equal, codec.decode(coded), slabs))


def test_what_is_refused() -> None:
    slab = np.random.default_rng(1).integers(0, 9, (2, 12, 12)).astype(np.uint8)
    data = encode_slab(slab, WHOLE)
    with pytest.raises(UnsupportedVoxelsError, match="float32"):
        encode_slabs([slab.astype(np.float32)], WHOLE, device="cpu")
    with pytest.raises(CorruptStreamError):
        decode_slabs([data[:-1]], WHOLE, device="cpu")
    with pytest.raises(ModelError, match="expected model"):
        decode_slabs([data], NetworkModel(random_network("plane", 1), None), device="cpu")
    with pytest.raises(ValueError, match="'cpu' or 'cuda'"):
        encode_slabs([slab], WHOLE, device="gpu")


def test_as_many_together_as_memory_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert slabs_together(WHOLE, (2, 16, 16), "cpu") == MOST_TOGETHER
    monkeypatch.setattr("medzip.device.slabs.CPU_BYTES", 1)
    assert slabs_together(WHOLE, (2, 16, 16), "cpu") == 1


def test_shipped_model_on_a_textured_slab() -> None:
    model = base_model("fast")
    slab = device_check.synthetic_slabs(32 * 32 * 8, "fast")[0]
    coded = encode_slabs([slab], model, device="cpu")
    assert coded == [encode_slab(slab, model)]
    assert len(coded[0]) < slab.nbytes / 1.5
    assert np.array_equal(decode_slabs(coded, model, device="cpu")[0], slab)


def test_check_on_a_cpu(tmp_path: Path) -> None:
    slabs = device_check.synthetic_slabs(2000, "fast")
    np.save(tmp_path / "volume.npy", np.concatenate(slabs))
    threads = torch.get_num_threads()
    try:
        path = str(tmp_path / "volume.npy")
        command = ["--device", "cpu", "--profile", "fast", "--volume", path, "--threads", "2"]
        done = CliRunner().invoke(bench, ["device", *command])
        assert done.exit_code == 0
    finally:
        torch.set_num_threads(threads)
    assert "device decode" in done.stdout
    assert done.stdout.count("yes") == 3


def test_check_says_what_device_there_is() -> None:
    done = CliRunner().invoke(bench, ["device", "--device", "tpu"])
    assert done.exit_code == 2
    assert "expected device 'cpu' or 'cuda'" in done.stderr


def test_check_tells_what_differs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device whose bytes are not those of the CPU fails."""
    slabs = device_check.synthetic_slabs(2000, "fast")
    monkeypatch.setattr(DeviceCodec, "encode", lambda self, slabs: [b""] * len(slabs))
    monkeypatch.setattr(DeviceCodec, "decode", lambda self, data: slabs)
    monkeypatch.setattr(device_check, "decode_slab", lambda data, model: slabs[0])
    found = device_check.check(slabs, WHOLE, "cpu", threads=1)
    assert not found.same_bytes
    assert not found.passed


def test_synthetic_slabs_differ() -> None:
    slabs = device_check.synthetic_slabs(6 * 32 * 32 * 32, "fast", seed=1)
    assert sum(slab.size for slab in slabs) >= 6 * 32 * 32 * 32
    again = device_check.synthetic_slabs(6 * 32 * 32 * 32, "fast", seed=1)
    assert all(map(np.array_equal, slabs, again))


def test_codec_reads_what_a_device_wrote() -> None:
    slab = device_check.synthetic_slabs(32 * 32 * 4, "fast")[0]
    (coded,) = encode_slabs([slab], WHOLE, device="cpu")
    assert np.array_equal(decode_slab(coded, WHOLE), slab)


def test_streams_are_the_same_wherever_they_are_coded() -> None:
    """The device's encoder and decoder inside of streams: the same bytes, the same voxels."""
    generator = np.random.default_rng(3)
    volume = (np.cumsum(generator.integers(-9, 10, (7, 24, 30)), axis=2) + 500).astype(np.int16)
    model = NetworkModel(random_network("small"), None)
    data = encode_stream(volume, model, 3, partial(encode_slabs, device="cpu"))
    assert data == encode_stream(volume, model, 3)
    assert np.array_equal(decode_stream(data, partial(decode_slabs, device="cpu")), volume)
    with pytest.raises(CorruptStreamError):
        decode_stream(data[:-1] + b"x", partial(decode_slabs, device="cpu"))


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_named_before_anything_is_done() -> None:
    with pytest.raises(ValueError, match="expected a CUDA device"):
        medzip.encode(np.zeros((9, 64, 64), np.int16), device="cuda")
    data = medzip.encode(np.zeros((1, 4, 4), np.int16), profile="fast")
    with pytest.raises(ValueError, match="expected a CUDA device"):
        medzip.decode(data, device="cuda")
