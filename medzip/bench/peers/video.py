"""HEVC as a codec for volumes: slices are frames, and lossless means lossless."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.peers.base import Availability, NotPossibleError, Peer, check_voxels
from medzip.bench.peers.programs import ProgramError, find_program, run_program
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HEVC"]

_HEAD = struct.Struct("<iB")  # smallest value; bits of a sample
_SMALLEST = 16  # x265 takes no picture below its smallest coding tree unit
_DEPTHS = (8, 10, 12)


def _format(bits: int) -> str:
    return "yuv420p" if bits == 8 else f"yuv420p{bits}le"


def _padding(side: int) -> int:
    """Samples that a side lacks: at least the smallest picture, and even for the colour."""
    return max(_SMALLEST - side, side % 2)


@cache
def _ffmpeg() -> str | None:
    """Find ffmpeg: on PATH, else the one that imageio-ffmpeg brings."""
    program = find_program("ffmpeg")
    if program is None and find_spec("imageio_ffmpeg") is not None:
        import imageio_ffmpeg

        try:
            program = str(imageio_ffmpeg.get_ffmpeg_exe())
        except RuntimeError:  # the wheel of this platform has none
            program = None
    return program


@cache
def _encoder_help(program: str) -> str:
    try:
        told = run_program([program, "-hide_banner", "-nostdin", "-h", "encoder=libx265"])
    except (OSError, ProgramError):
        return ""
    return told.decode(errors="replace")


@dataclass(frozen=True)
class HEVC(Peer):
    """HEVC (ITU-T H.265, range extensions), x265 with lossless=1, through ffmpeg.

    The smallest value is subtracted and samples are declared with the fewest of 8, 10 or 12 bits
    that hold them. They are the luma of 4:2:0 pictures of constant colour, which costs less than
    0.1 % against monochrome ones (4:0:0): those x265 (4.3) does not always give back, as B frames
    and weighted prediction of flat pictures decode to other samples. Pictures with an odd side, or
    one below 16, are filled up with copies of their last row and column.
    """

    preset: str = "veryslow"
    name: str = field(default="hevc", init=False)
    label: str = field(default="HEVC lossless", init=False)
    warms: bool = field(default=False, init=False)

    def available(self) -> Availability:
        """Ask ffmpeg for x265 with up to 12 bits."""
        program = _ffmpeg()
        if program is None:
            return Availability(
                ok=False,
                reason="ffmpeg is neither on PATH nor in imageio-ffmpeg: "
                "pip install 'medzip[bench]'",
            )
        formats = _encoder_help(program).split()
        if not all(_format(bits) in formats for bits in _DEPTHS):
            return Availability(
                ok=False,
                reason=f"this ffmpeg has no x265 with 8, 10 and 12 bits ({program}): "
                "pip install 'medzip[bench]' brings one; take the other off PATH",
            )
        return Availability(ok=True)

    def version(self) -> str:
        """Name ffmpeg's version and the preset."""
        program = _ffmpeg() or "ffmpeg"
        told = run_program([program, "-hide_banner", "-version"]).decode(errors="replace")
        found = re.search(r"version (\S+)", told)
        return f"ffmpeg {found[1] if found else 'unknown'}, x265 {self.preset}"

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Encode the slices as frames of a bare HEVC stream on one thread."""
        voxels = check_voxels(voxels)
        least = int(voxels.min())
        needed = int(int(voxels.max()) - least).bit_length()
        bits = next((depth for depth in _DEPTHS if needed <= depth), 0)
        if not bits:
            raise NotPossibleError(f"{needed} bits")
        samples = (voxels.astype(np.int32) - least).astype("u1" if bits == 8 else "<u2")
        pad = [(0, 0), *((0, _padding(side)) for side in voxels.shape[1:])]
        samples = np.pad(samples, pad, mode="edge")
        depth, rows, columns = samples.shape
        colour = np.full((depth, rows * columns // 2), 1 << (bits - 1), dtype=samples.dtype)
        frames = np.concatenate([samples.reshape(depth, -1), colour], axis=1)
        # info=0: no comment on the encoder in the stream
        options = "lossless=1:info=0:log-level=error:pools=none:frame-threads=1:wpp=0"
        stream = run_program(
            [
                *(_ffmpeg() or "ffmpeg", "-hide_banner", "-loglevel", "error"),
                *("-f", "rawvideo", "-pix_fmt", _format(bits), "-s", f"{columns}x{rows}"),
                *("-r", "25", "-i", "pipe:0", "-an"),
                *("-c:v", "libx265", "-preset", self.preset, "-x265-params", options),
                *("-f", "hevc", "pipe:1"),
            ],
            given=frames.tobytes(),
        )
        return _HEAD.pack(least, bits) + stream

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decode the frames and add the smallest value; see :meth:`Peer.decode`."""
        least, bits = _HEAD.unpack_from(data)
        rows, columns = (side + _padding(side) for side in shape[1:])
        raw = run_program(
            [
                *(_ffmpeg() or "ffmpeg", "-hide_banner", "-loglevel", "error"),
                *("-threads", "1", "-f", "hevc", "-i", "pipe:0"),
                *("-f", "rawvideo", "-pix_fmt", _format(bits)),
                *("-fps_mode", "passthrough", "pipe:1"),
            ],
            given=data[_HEAD.size :],
        )
        samples = np.frombuffer(raw, dtype="u1" if bits == 8 else "<u2")
        if samples.size != shape[0] * rows * columns * 3 // 2:
            raise CorruptStreamError(
                f"expected {shape[0]} frames of {rows} by {columns}, got {samples.size} samples; "
                "the bytes are cut short or belong to another shape"
            )
        pictures = samples.reshape(shape[0], -1)[:, : rows * columns]
        pictures = pictures.reshape(shape[0], rows, columns)[:, : shape[1], : shape[2]]
        return np.asarray((pictures.astype(np.int32) + least).astype(dtype))
