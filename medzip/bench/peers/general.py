"""General-purpose compressors: they see bytes, not a volume.

:mod:`medzip.bench.peers.context` has those that predict byte by byte.
"""

from __future__ import annotations

import lzma
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
import zstandard

from medzip.bench.peers.base import Availability, NotPossibleError, Peer, check_voxels
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BitshuffleZstd", "Xz", "Zstd", "little_endian", "volume"]


def little_endian(voxels: NDArray[Any]) -> bytes:
    """Return the voxels as little-endian words, z by z, as they lie in DICOM files."""
    return check_voxels(voxels).astype(voxels.dtype.newbyteorder("<"), copy=False).tobytes()


def volume(data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
    """Undo :func:`little_endian`.

    Raises
    ------
    CorruptStreamError
        If the length does not fit.
    """
    expected = shape[0] * shape[1] * shape[2] * np.dtype(dtype).itemsize
    if len(data) != expected:
        raise CorruptStreamError(
            f"expected {expected} bytes of voxels, got {len(data)}; "
            "the bytes are cut short or belong to another shape"
        )
    stored = np.frombuffer(data, dtype=np.dtype(dtype).newbyteorder("<"))
    return stored.astype(dtype).reshape(shape)


@dataclass(frozen=True)
class Zstd(Peer):
    """Zstandard, one thread."""

    level: int = 19
    name: str = field(default="zstd", init=False)
    label: str = field(default="zstd -19", init=False)

    def available(self) -> Availability:
        """Answer yes: the archive itself needs it."""
        return Availability(ok=True)

    def version(self) -> str:
        """Name libzstd."""
        return f"zstd {'.'.join(map(str, zstandard.ZSTD_VERSION))}"

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Compress the little-endian words."""
        return zstandard.ZstdCompressor(level=self.level).compress(little_endian(voxels))

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decompress and shape; see :meth:`Peer.decode`."""
        return volume(zstandard.ZstdDecompressor().decompress(data), shape, dtype)


@dataclass(frozen=True)
class Xz(Peer):
    """LZMA2 in the xz container, with the byte position modelled (lc/lp/pb for 16-bit words)."""

    preset: int = 6
    name: str = field(default="xz", init=False)
    label: str = field(default="xz -6", init=False)

    def available(self) -> Availability:
        """Answer yes: it is part of Python."""
        return Availability(ok=True)

    def version(self) -> str:
        """Name the container; Python does not tell the version of liblzma."""
        return "liblzma"

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Compress the little-endian words."""
        wide = int(voxels.dtype.itemsize == 2)  # xz wants lc + lp <= 4
        filters = [{"id": lzma.FILTER_LZMA2, "preset": self.preset, "lp": wide, "pb": wide}]
        return lzma.compress(little_endian(voxels), filters=filters)

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decompress and shape; see :meth:`Peer.decode`."""
        return volume(lzma.decompress(data), shape, dtype)


@dataclass(frozen=True)
class BitshuffleZstd(Peer):
    """Bits of equal weight gathered, then Zstandard: Blosc2's usual choice for detector images."""

    level: int = 9
    name: str = field(default="bitshuffle-zstd", init=False)
    label: str = field(default="bitshuffle + zstd", init=False)

    def available(self) -> Availability:
        """Ask for the package."""
        if find_spec("blosc2") is None:
            return Availability(
                ok=False, reason="blosc2 is not installed: pip install 'medzip[bench]'"
            )
        return Availability(ok=True)

    def version(self) -> str:
        """Name C-Blosc2."""
        import blosc2

        return f"c-blosc2 {blosc2.blosclib_version.split()[0]}"

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Compress the little-endian words to one Blosc2 chunk on one thread."""
        import blosc2

        data = little_endian(voxels)
        if len(data) > blosc2.MAX_BUFFERSIZE:
            raise NotPossibleError(
                f"expected at most {blosc2.MAX_BUFFERSIZE} bytes, which a chunk holds, "
                f"got {len(data)}; measure fewer slices"
            )
        return bytes(
            blosc2.compress2(
                data,
                codec=blosc2.Codec.ZSTD,
                clevel=self.level,
                typesize=voxels.dtype.itemsize,
                filters=[blosc2.Filter.BITSHUFFLE],
                filters_meta=[0],
                nthreads=1,
            )
        )

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decompress and shape; see :meth:`Peer.decode`."""
        import blosc2

        return volume(bytes(blosc2.decompress2(data, nthreads=1)), shape, dtype)
