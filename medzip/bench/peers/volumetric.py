"""JP3D (JPEG 2000 part 10) through OpenJPEG's programs, the one standard that codes volumes."""

from __future__ import annotations

import struct
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.peers.base import Availability, NotPossibleError, Peer, check_voxels
from medzip.bench.peers.general import volume
from medzip.bench.peers.programs import ProgramError, find_program, run_program
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["JP3D"]

_PROGRAMS = ("opj_jp3d_compress", "opj_jp3d_decompress")
_HEAD = struct.Struct("<i")  # smallest value
_RESOLUTIONS, _RESOLUTIONS_Z = 5, 3


def _levels(side: int, most: int) -> int:
    """Count the resolutions of a side; the transform needs two samples to halve."""
    return max(1, min(most, side.bit_length() - 1))


@dataclass(frozen=True)
class JP3D(Peer):
    """JP3D, reversible, at OpenJPEG's 5, 5, 3 resolutions and 3D EBCOT (``-C 3EB``).

    With 2D EBCOT, its default, OpenJPEG's decoder gives back other voxels than went in (2.4.0, the
    last release with JP3D: it always decodes as 3D EBCOT), and the streams are 1 % larger.
    """

    name: str = field(default="jp3d", init=False)
    label: str = field(default="JP3D", init=False)
    warms: bool = field(default=False, init=False)

    def available(self) -> Availability:
        """Look for both programs on PATH."""
        absent = [name for name in _PROGRAMS if find_program(name) is None]
        if absent:
            return Availability(
                ok=False,
                reason=f"{' and '.join(absent)} not on PATH: build OpenJPEG 2.4.0 with "
                "-DBUILD_JP3D=ON, or install Debian 11's libopenjp3d-tools",
            )
        return Availability(ok=True)

    def version(self) -> str:
        """Name the program; it does not tell its version."""
        return "openjpeg jp3d, 3EB"

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Encode the volume as one tile."""
        voxels = check_voxels(voxels)
        depth, rows, columns = voxels.shape
        least = int(voxels.min())
        bits = max(1, int(int(voxels.max()) - least).bit_length())
        samples = (voxels.astype(np.int32) - least).astype("u1" if bits <= 8 else "<u2")
        across = _levels(min(rows, columns), _RESOLUTIONS)
        along = min(across, _levels(depth, _RESOLUTIONS_Z))
        with tempfile.TemporaryDirectory(prefix="medzip-") as name:
            folder = Path(name)
            (folder / "v.bin").write_bytes(samples.tobytes())
            (folder / "v.img").write_text(
                f"Bpp\t{bits}\nColor Map\t2\nDimensions\t{columns}\t{rows}\t{depth}\n"
                "Resolution(mm)\t1\t1\t1\n"
            )
            command = [find_program(_PROGRAMS[0]) or _PROGRAMS[0]]
            command += ["-i", "v.bin", "-m", "v.img", "-o", "v.jp3d"]
            command += ["-C", "3EB", "-n", f"{across},{across},{along}"]
            told = run_program(command, folder=folder)
            # It ends with status 0 whatever happens.
            if b"[ERROR]" in told or not (folder / "v.jp3d").is_file():
                said = told.partition(b"[ERROR]")[2].splitlines() or [b"it said nothing"]
                raise NotPossibleError(
                    f"OpenJPEG refuses {columns} x {rows} x {depth} of {bits} bits: "
                    f"{said[0].decode(errors='replace').strip()}"
                )
            return _HEAD.pack(least) + (folder / "v.jp3d").read_bytes()

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decode the tile and add the smallest value; see :meth:`Peer.decode`."""
        (least,) = _HEAD.unpack_from(data)
        with tempfile.TemporaryDirectory(prefix="medzip-") as name:
            folder = Path(name)
            (folder / "v.jp3d").write_bytes(data[_HEAD.size :])
            command = [find_program(_PROGRAMS[1]) or _PROGRAMS[1]]
            try:
                run_program([*command, "-i", "v.jp3d", "-o", "v.bin"], folder=folder)
                raw = (folder / "v.bin").read_bytes()
            except (ProgramError, FileNotFoundError) as error:
                raise CorruptStreamError(
                    "expected a JP3D stream that OpenJPEG decodes, got an error; the bytes are "
                    "damaged"
                ) from error
        count = shape[0] * shape[1] * shape[2]
        samples = volume(raw, shape, "<u2" if len(raw) == 2 * count else "u1")
        return np.asarray((samples.astype(np.int32) + least).astype(dtype))
