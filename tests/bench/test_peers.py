"""Every codec gives back every voxel, of every dtype, at every extreme."""

from __future__ import annotations

import json
import re
from importlib import resources

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medzip.bench.peers import (
    BASELINE,
    DEFAULT_PEERS,
    DTYPES,
    PEERS,
    REPORT_PEERS,
    NotPossibleError,
    select,
)
from medzip.bench.peers.base import from_unsigned, join, split, to_unsigned
from medzip.bench.phantom import mr_volume
from medzip.codec import slab_depth
from medzip.errors import CorruptStreamError, UnsupportedVoxelsError
from medzip.models import base_model
from medzip.profile import PROFILES

# Tests of LSTM-Compress, which trains while it codes, are in test_programs.
OTHERS = [name for name in PEERS if not name.startswith("medzip") and name != "lstm-compress"]
OWN = [name for name in PEERS if name.startswith("medzip")]

volumes = hnp.arrays(
    dtype=st.sampled_from(DTYPES),
    shape=hnp.array_shapes(min_dims=3, max_dims=3, max_side=9),
)


def skip_if_absent(name: str) -> None:
    state = PEERS[name].available()
    if not state.ok:
        assert state.reason
        pytest.skip(state.reason)


def assert_lossless(name: str, voxels: np.ndarray) -> None:
    peer = PEERS[name]
    try:
        data = peer.encode(voxels)
    except NotPossibleError:
        if name not in {"hevc", "jp3d"}:
            raise
        return
    assert isinstance(data, bytes)
    back = peer.decode(data, voxels.shape, voxels.dtype)
    assert back.dtype == voxels.dtype
    np.testing.assert_array_equal(back, voxels)
    assert sum(peer.parts(data).values()) == len(data)


@pytest.mark.parametrize("name", OTHERS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(voxels=volumes)
def test_round_trip(name: str, voxels: np.ndarray) -> None:
    skip_if_absent(name)
    assert_lossless(name, voxels)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OTHERS)
def test_round_trip_of_extremes(name: str, dtype: str) -> None:
    skip_if_absent(name)
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(3)
    for shape in ((1, 1, 1), (2, 1, 7), (3, 5, 4), (1, 33, 17)):
        assert_lossless(name, np.full(shape, limits.min, dtype))
        assert_lossless(name, np.full(shape, limits.max, dtype))
        noise = rng.integers(limits.min, limits.max + 1, shape).astype(dtype)
        assert_lossless(name, noise)
        assert_lossless(name, noise.transpose(0, 2, 1))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", OWN)
def test_round_trip_of_medzip(name: str, dtype: str) -> None:
    skip_if_absent(name)
    wave = 60 * np.sin(np.arange(5 * 24 * 20).reshape(5, 24, 20) / 9)
    noise = np.random.default_rng(1).normal(0, 3, wave.shape)
    middle = 0 if np.iinfo(dtype).min else 120
    assert_lossless(name, np.rint(wave + noise + middle).astype(dtype))


@pytest.mark.slow
def test_fitted_model_is_counted() -> None:
    skip_if_absent("medzip-default")
    peer = PEERS["medzip-default"]
    voxels = mr_volume((40, 64, 64), seed=1)
    fitted = peer.prepare(voxels)
    data = peer.encode(voxels, fitted)
    parts = peer.parts(data)
    assert parts["model"] == len(fitted.to_bytes())
    assert sum(parts.values()) == len(data)
    np.testing.assert_array_equal(peer.decode(data, voxels.shape, voxels.dtype), voxels)


@pytest.mark.parametrize("name", PEERS)
def test_codec_says_what_it_is(name: str) -> None:
    peer = PEERS[name]
    assert peer.name == name
    assert peer.label
    if peer.available().ok:
        assert peer.version()
    else:
        assert peer.available().reason


@pytest.mark.parametrize("profile", PROFILES)
def test_bases_are_named_by_the_digests_of_their_cards(profile: str) -> None:
    version = PEERS[f"medzip-{profile}"].version()
    bases = PROFILES[profile].bases
    named = dict(re.findall(r"(\w+) ([0-9a-f]{12})", version))
    assert list(named) == list(bases)
    for base in bases:
        folder = resources.files("medzip") / "models" / base
        config = json.loads((folder / "config.json").read_bytes())
        assert config["digest"].startswith(named[base])
        assert f"**Digest** `{named[base]}" in (folder / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("name", [*OTHERS, "medzip-fast"])
def test_bytes_cut_short_are_noticed(name: str) -> None:
    skip_if_absent(name)
    peer = PEERS[name]
    voxels = np.random.default_rng(2).integers(0, 4096, (2, 32, 32)).astype(np.uint16)
    data = peer.encode(voxels)
    with pytest.raises(Exception):  # noqa: B017, PT011 - each library raises its own
        peer.decode(data[: len(data) // 2], voxels.shape, voxels.dtype)


@pytest.mark.parametrize("seed", [23, 32, 34])
def test_ppmd_loses_no_byte_where_a_block_ends(seed: int) -> None:
    """Its encoder drops bytes on these, given all at once: what comes back was cut short."""
    skip_if_absent("ppmd")
    wave = 300 + 200 * np.sin(np.arange(60_000) / 50)
    noise = np.random.default_rng(seed).normal(0, 40, wave.shape)
    voxels = np.abs(np.rint(wave + noise).astype("<u2")).reshape(1, 200, 300)
    assert_lossless("ppmd", voxels)


@pytest.mark.parametrize(
    "voxels",
    [
        np.zeros((4, 4), np.uint16),
        np.zeros((0, 4, 4), np.uint16),
        np.zeros((1, 4, 4), np.int32),
        np.zeros((1, 4, 4), np.float32),
    ],
)
def test_other_voxels_are_refused(voxels: np.ndarray) -> None:
    with pytest.raises(UnsupportedVoxelsError, match=r"expected voxels \(z, y, x\)"):
        PEERS["jpeg-ls"].encode(voxels)


@pytest.mark.parametrize(
    ("name", "module"),
    [("tomoz", "learned"), ("bitshuffle-zstd", "general"), ("ppmd", "context")],
)
def test_absent_library_has_a_reason(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"medzip.bench.peers.{module}.find_spec", lambda _: None)
    state = PEERS[name].available()
    assert not state.ok
    assert "pip install" in state.reason


def test_names() -> None:
    assert BASELINE in DEFAULT_PEERS
    assert [peer.name for peer in select(REPORT_PEERS)] == list(REPORT_PEERS)
    with pytest.raises(KeyError, match="jpeg-xxl"):
        select(["jpeg-ls", "jpeg-xxl"])


@given(voxels=volumes)
def test_unsigned_and_back(voxels: np.ndarray) -> None:
    shifted, offset = to_unsigned(voxels)
    assert shifted.dtype.kind == "u"
    assert shifted.dtype.itemsize == voxels.dtype.itemsize
    np.testing.assert_array_equal(from_unsigned(shifted, offset, voxels.dtype), voxels)


@given(offset=st.integers(-(2**31), 2**31 - 1), frames=st.lists(st.binary(max_size=9), max_size=5))
def test_join_and_split(offset: int, frames: list[bytes]) -> None:
    data = join(offset, frames)
    assert split(data, len(frames)) == (offset, frames)
    with pytest.raises(CorruptStreamError):
        split(data + b"x", len(frames))
    with pytest.raises(CorruptStreamError):
        split(data[:-1], len(frames))


def test_slabs_are_those_of_the_archive() -> None:
    """Large planes have flat slabs, so that memory stays bounded; the bench once had deep ones."""
    skip_if_absent("medzip-default")
    voxels = np.zeros((9, 2048, 2048), dtype=np.uint8)
    peer = PEERS["medzip-default"]
    data = peer.encode(voxels, base_model("default"))
    count = int.from_bytes(data[:4], "little")
    depth = slab_depth(voxels.shape, "default")
    assert count == -(-9 // depth) > -(-9 // slab_depth((9, 512, 512), "default"))
