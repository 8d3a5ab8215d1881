"""General-purpose compressors: they see bytes, not a volume."""

from __future__ import annotations

import lzma
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import zstandard

from medzip.evaluation.peers.base import Availability, Peer, check_voxels

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Xz", "Zstd"]


def _little_endian(voxels: NDArray[Any]) -> bytes:
    return check_voxels(voxels).astype(voxels.dtype.newbyteorder("<"), copy=False).tobytes()


def _volume(data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
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
        return zstandard.ZstdCompressor(level=self.level).compress(_little_endian(voxels))

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decompress and shape; see :meth:`Peer.decode`."""
        return _volume(zstandard.ZstdDecompressor().decompress(data), shape, dtype)


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
        return lzma.compress(_little_endian(voxels), filters=filters)

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decompress and shape; see :meth:`Peer.decode`."""
        return _volume(lzma.decompress(data), shape, dtype)
