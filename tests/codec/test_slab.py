"""Slabs, streams and models as bytes: round trips, damage, sizes."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import medzip
from medzip.codec import PROFILES, decode_slab, encode_slab, read_model, residual_slab, slab_depth
from medzip.codec.header import RANKS, read_header
from medzip.codec.parts import pack_slab, seal_slab
from medzip.codec.stream import encode_stream
from medzip.errors import CorruptStreamError, ModelError, UnsupportedVoxelsError
from medzip.models import NetworkModel, base_model
from medzip.models.shelf import shipped_models
from medzip.testing.networks import random_network
from medzip.testing.strategies import volumes

WHOLE = NetworkModel(random_network("small"), None)


@given(volumes(), st.sampled_from(sorted(PROFILES)))
@settings(max_examples=30)
def test_stream_round_trip(voxels: np.ndarray, profile: str) -> None:
    back = medzip.decode(medzip.encode(voxels, profile=profile))
    assert back.dtype == voxels.dtype
    assert np.array_equal(back, voxels)


def test_noise_is_never_larger_than_raw() -> None:
    """Full-range noise has nothing to gain; the body falls back to the values as they are."""
    noise = np.random.default_rng(0).integers(0, 65536, (3, 40, 40)).astype(np.uint16)
    assert len(encode_slab(noise, WHOLE)) == noise.nbytes + 72
    few = (noise & 255).astype(np.uint8)
    assert len(encode_slab(few, WHOLE)) == few.nbytes + 72
    assert len(encode_slab(few.astype(np.uint16), WHOLE)) == few.size + 72
    for voxels in (noise, few):
        assert np.array_equal(decode_slab(encode_slab(voxels, WHOLE), WHOLE), voxels)


def test_a_list_of_used_values_is_stored_where_it_pays() -> None:
    """8-bit values of few ranks are no longer with the list than without."""
    ranks = (np.random.default_rng(0).integers(0, 60, (2, 48, 48)) * 4).astype(np.uint8)
    packed = pack_slab(ranks)
    assert packed.packing.used is not None
    stored = seal_slab(packed, None, WHOLE)
    assert len(stored) == ranks.nbytes + 72
    assert not read_header(stored).flags & RANKS
    assert np.array_equal(decode_slab(stored, WHOLE), ranks)
    wide = (np.random.default_rng(0).integers(0, 200, (4, 96, 96)) * 7).astype(np.int16)
    stored = seal_slab(pack_slab(wide), None, WHOLE)
    assert read_header(stored).flags & RANKS
    assert len(stored) < wide.size + 300
    assert np.array_equal(decode_slab(stored, WHOLE), wide)


@given(volumes((3, 9, 9)), st.sampled_from(sorted(PROFILES)))
@settings(max_examples=30)
def test_no_stream_is_more_than_36_bytes_longer_than_its_voxels(
    voxels: np.ndarray, profile: str
) -> None:
    assert len(medzip.encode(voxels, profile=profile)) <= voxels.nbytes + 36


def test_constant_slices_cost_nothing() -> None:
    """A chunk that Zarr padded at the end is coded as if it were not."""
    generator = np.random.default_rng(0)
    voxels = generator.integers(0, 50, (4, 32, 32)).astype(np.int16)
    padded = np.concatenate([voxels, np.zeros((60, 32, 32), np.int16)])
    assert len(encode_slab(padded, WHOLE)) <= len(encode_slab(voxels, WHOLE)) + 16
    assert np.array_equal(decode_slab(encode_slab(padded, WHOLE), WHOLE), padded)
    empty = np.full((8, 64, 64), -5, np.int8)
    assert len(encode_slab(empty, WHOLE)) == 72


def test_every_flipped_bit_is_noticed() -> None:
    voxels = np.random.default_rng(1).integers(0, 9, (2, 12, 12)).astype(np.uint8)
    data = encode_slab(voxels, WHOLE)
    for position in range(len(data)):
        broken = bytearray(data)
        broken[position] ^= 1 << (position % 8)
        with pytest.raises(CorruptStreamError):
            decode_slab(bytes(broken), WHOLE)
    for length in (0, 3, 60, len(data) - 1):
        with pytest.raises(CorruptStreamError):
            decode_slab(data[:length], WHOLE)


def test_broken_streams_say_so() -> None:
    voxels = np.random.default_rng(1).integers(0, 9, (3, 8, 8)).astype(np.uint8)
    data = encode_stream(voxels, WHOLE, 2)
    generator = np.random.default_rng(2)
    for position in generator.integers(0, len(data), 200):
        broken = bytearray(data)
        broken[position] ^= 1 << generator.integers(0, 8)
        with pytest.raises(CorruptStreamError):
            medzip.decode(bytes(broken))
    with pytest.raises(CorruptStreamError, match="MZV"):
        medzip.decode(b"something else entirely, long enough to hold a header")
    with pytest.raises(CorruptStreamError, match="cut"):
        medzip.decode(data[:-10])


def test_another_model_is_refused() -> None:
    voxels = np.zeros((2, 8, 8), np.uint8)
    voxels[0, 0, 0] = 3
    with pytest.raises(ModelError, match="expected model"):
        decode_slab(encode_slab(voxels, WHOLE), base_model("fast"))


def test_what_the_codec_does_not_take() -> None:
    with pytest.raises(UnsupportedVoxelsError, match="float32"):
        medzip.encode(np.zeros((2, 8, 8), np.float32))
    with pytest.raises(UnsupportedVoxelsError, match=r"\(8, 8\)"):
        medzip.encode(np.zeros((8, 8), np.int16))
    with pytest.raises(ValueError, match="'fastest'"):
        medzip.encode(np.zeros((2, 8, 8), np.int16), profile="fastest")


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_shipped_models(profile: str) -> None:
    model = base_model(profile)
    assert model.name == PROFILES[profile].bases[0] in shipped_models()
    assert len(model.to_bytes()) == 41
    again = pickle.loads(pickle.dumps(model))
    assert again == model
    assert again.digest == model.digest


def test_models_travel() -> None:
    again = read_model(WHOLE.to_bytes())
    assert again == WHOLE
    q = np.random.default_rng(0).integers(-4096, 4097, (50, WHOLE.network.architecture.inputs))
    assert np.array_equal(again.network.forward(q), WHOLE.network.forward(q))
    data = bytearray(WHOLE.to_bytes())
    data[20] ^= 1
    with pytest.raises(CorruptStreamError):
        read_model(bytes(data))
    with pytest.raises(CorruptStreamError):
        read_model(b"")


def test_slab_depth_pads_least() -> None:
    for slices in range(1, 300):
        for profile in PROFILES.values():
            depth = slab_depth((slices, 512, 512), profile)
            slabs = -(-slices // depth)
            assert depth <= profile.slab_depth
            assert slabs * depth - slices < slabs


def test_residual_is_what_is_left() -> None:
    """On a smooth volume the prediction leaves little; where it is flat, nothing."""
    z, y, x = np.indices((3, 48, 48))
    voxels = (200 + 30 * np.sin(x / 9) + 20 * np.cos(y / 7) + 3 * z).astype(np.int16)
    voxels[:, :12] = 0
    left = residual_slab(voxels, base_model("default"))
    assert left.shape == voxels.shape
    assert np.abs(left[1:, 20:, 5:]).mean() < 0.1 * voxels[1:, 20:].std()
    assert (left[:, 4:8, 6:] == 0).all()


def test_threads_do_not_disturb_each_other() -> None:
    """Zarr decodes chunks in threads; engines hold buffers."""
    generator = np.random.default_rng(0)
    slabs = [
        np.cumsum(generator.integers(-5, 6, (3, 30, 30)), 2).astype(np.int16) for _ in range(6)
    ]
    stored = [encode_slab(slab, WHOLE) for slab in slabs]
    wrong: list[int] = []

    def check(number: int) -> None:
        for _ in range(3):
            back = decode_slab(stored[number], WHOLE)
            wrong.extend([number] * (not np.array_equal(back, slabs[number])))

    threads = [threading.Thread(target=check, args=(n,)) for n in range(len(slabs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
