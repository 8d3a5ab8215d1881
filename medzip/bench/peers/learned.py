"""Learned codecs by others: tomoz (integer network, PyPI)."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.peers.base import Availability, Peer, check_voxels
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Tomoz"]


@dataclass(frozen=True)
class Tomoz(Peer):
    """Tomoz at its defaults on one thread: slabs of 32 slices, built-in models."""

    name: str = field(default="tomoz", init=False)
    label: str = field(default="tomoz", init=False)

    def available(self) -> Availability:
        """Ask for the package."""
        if find_spec("tomoz") is None:
            return Availability(
                ok=False, reason="tomoz is not installed: pip install 'medzip[bench]'"
            )
        return Availability(ok=True)

    def version(self) -> str:
        """Name the package."""
        return f"tomoz {version('tomoz')}"

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Encode to its container."""
        import tomoz

        return bytes(tomoz.encode(check_voxels(voxels), threads=1))

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decode its container, checksums verified as by default; see :meth:`Peer.decode`."""
        import tomoz

        voxels = np.asarray(tomoz.decode(data, threads=1))
        if voxels.shape != shape or voxels.dtype != np.dtype(dtype):
            raise CorruptStreamError(
                f"expected {shape} of {np.dtype(dtype)}, got {voxels.shape} of {voxels.dtype}; "
                "decode with the shape and dtype that were encoded"
            )
        return voxels
