"""Codecs that are programs: found, run, refused and verified like all others."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from medzip.bench.measuring import measure
from medzip.bench.peers import DEFAULT_PEERS, PEERS, NotPossibleError
from medzip.bench.peers import video as video_module
from medzip.bench.peers.context import LSTMCompress
from medzip.bench.peers.programs import ProgramError, run_program
from medzip.bench.phantom import ct_volume
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# What lstm-compress looks like from outside: -c IN OUT, -d IN OUT, 255 for what it cannot do.
FAKE_LSTM = """#!{python}
import sys, zlib
way, source, target = sys.argv[1:]
data = open(source, "rb").read()
try:
    done = zlib.compress(data) if way == "-c" else zlib.decompress(data)
except zlib.error:
    sys.exit("lstm-compress v3")
open(target, "wb").write(done)
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder that is all there is on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    video_module._ffmpeg.cache_clear()
    yield folder
    video_module._ffmpeg.cache_clear()


def install(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text.format(python=sys.executable))
    (folder / name).chmod(0o755)


@pytest.mark.parametrize("name", ["hevc", "jp3d", "lstm-compress"])
def test_absent_program_has_a_reason(
    name: str, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_module, "find_spec", lambda _: None)
    state = PEERS[name].available()
    assert not state.ok
    assert "on PATH" in state.reason
    assert "install" in state.reason or "build" in state.reason


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a shebang")
class TestLSTMCompress:
    def test_round_trip(self, programs: Path) -> None:
        install(programs, "lstm-compress", FAKE_LSTM)
        voxels = ct_volume((3, 16, 20), seed=1, signed=True)
        figure = measure(PEERS["lstm-compress"], "ct", voxels)
        assert figure.ok, figure.error
        assert 0 < figure.encoded_bytes < voxels.nbytes

    def test_limit(self, programs: Path) -> None:
        with pytest.raises(NotPossibleError, match="at most 10 voxels"):
            LSTMCompress(limit=10).encode(np.zeros((1, 2, 6), np.uint8))

    def test_damage(self, programs: Path) -> None:
        install(programs, "lstm-compress", FAKE_LSTM)
        with pytest.raises(ProgramError, match=r"status 0, got 1 \(lstm-compress v3\)"):
            PEERS["lstm-compress"].decode(b"xxxx", (1, 1, 1), np.uint8)

    def test_no_output(self, programs: Path) -> None:
        install(programs, "lstm-compress", "#!/bin/sh\n")
        with pytest.raises(CorruptStreamError, match="to write a file"):
            PEERS["lstm-compress"].decode(b"xxxx", (1, 1, 1), np.uint8)


def test_lstm_runs_only_when_asked_for() -> None:
    assert "lstm-compress" in PEERS
    assert "lstm-compress" not in DEFAULT_PEERS


def test_hevc_takes_twelve_bits() -> None:
    peer = PEERS["hevc"]
    if not peer.available().ok:
        pytest.skip(peer.available().reason)
    ramp = np.linspace(-1024, 3071, 2 * 20 * 20).astype(np.int16).reshape(2, 20, 20)
    figure = measure(peer, "ramp", ramp)
    assert figure.ok, figure.error
    with pytest.raises(NotPossibleError, match="13 bits"):
        peer.encode(ramp * np.int16(2))


def test_hevc_of_flat_frames() -> None:
    # Monochrome frames of these came back as other ones.
    peer = PEERS["hevc"]
    if not peer.available().ok:
        pytest.skip(peer.available().reason)
    for levels in ((2, 0), (2, 0, 2), (3, 1, 0, 2)):
        frames = np.ones((1, 16, 16), np.uint8) * np.array(levels, np.uint8)[:, None, None]
        assert measure(peer, "flat", frames).ok


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a shebang")
def test_ffmpeg_without_x265(programs: Path) -> None:
    install(programs, "ffmpeg", "#!/bin/sh\necho 'Supported pixel formats: yuv420p'\n")
    state = PEERS["hevc"].available()
    assert not state.ok
    assert "no x265 with 8, 10" in state.reason


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a script with a shebang")
def test_jp3d_that_says_error_is_not_possible(programs: Path) -> None:
    for name in ("opj_jp3d_compress", "opj_jp3d_decompress"):
        install(programs, name, "#!/bin/sh\necho '[ERROR] too small'\n")
    peer = PEERS["jp3d"]
    assert peer.available().ok
    with pytest.raises(NotPossibleError, match="of 2 bits: too small"):
        peer.encode(np.array([[[0, 3]]], np.uint8))
    with pytest.raises(CorruptStreamError, match="damaged"):
        peer.decode(b"\0\0\0\0x", (1, 1, 1), np.uint8)


def test_program_that_fails() -> None:
    with pytest.raises(ProgramError, match=r"got 3 \(out of luck\)"):
        run_program([sys.executable, "-c", "import sys; print('out of luck'); sys.exit(3)"])
    with pytest.raises(ProgramError, match="it said nothing"):
        run_program([sys.executable, "-c", "import sys; sys.exit(3)"])
    echo = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    assert run_program([sys.executable, "-c", echo], given=b"a\0b") == b"a\0b"
