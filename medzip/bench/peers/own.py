"""MedZip itself behind the interface of its peers, a profile each."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.peers.base import Availability, Peer, check_voxels, join, split
from medzip.errors import CorruptStreamError, MedZipError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["MedZip"]


@dataclass(frozen=True)
class MedZip(Peer):
    """MedZip at one profile: a model fitted to the volume, then slabs coded with it.

    What :meth:`encode` returns is complete: the fitted model and every slab with their lengths.
    """

    profile: str = "default"

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"medzip-{self.profile}")
        object.__setattr__(self, "label", f"MedZip {self.profile}")

    def available(self) -> Availability:
        """Load the profile's base model."""
        try:
            from medzip.models import base_model

            base_model(self.profile)
        except (ImportError, KeyError, MedZipError) as error:
            return Availability(ok=False, reason=f"{type(error).__name__}: {error}")
        return Availability(ok=True)

    def version(self) -> str:
        """Name the package and each base, by the digest that its card and config.json have."""
        from medzip.models.shelf import shipped_digest
        from medzip.profile import profile_named

        try:
            package = version("medzip")
        except PackageNotFoundError:
            package = "from a checkout"
        names = profile_named(self.profile).bases
        bases = ", ".join(f"{name} {shipped_digest(name)[:12]}" for name in names)
        return f"medzip {package}, base{'s' if len(names) > 1 else ''} {bases}"

    def prepare(self, voxels: NDArray[Any]) -> Any:
        """Fit the model to the volume; "fast" has its straight prediction solved alone."""
        from medzip.fitting import fit_model

        return fit_model(check_voxels(voxels), self.profile)

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Encode the model and the slabs."""
        from medzip.codec import encode_slab, slab_depth

        voxels = check_voxels(voxels)
        model = self.prepare(voxels) if prepared is None else prepared
        slices, height, width = voxels.shape
        depth = slab_depth((slices, height, width), self.profile)
        slabs = [
            encode_slab(np.ascontiguousarray(voxels[z : z + depth]), model)
            for z in range(0, slices, depth)
        ]
        return struct.pack("<I", len(slabs)) + join(depth, [model.to_bytes(), *slabs])

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decode the model, then the slabs; see :meth:`Peer.decode`."""
        from medzip.codec import decode_slab, read_model

        _, (model_bytes, *slabs) = self._split(data)
        model = read_model(model_bytes)
        voxels = np.concatenate([decode_slab(slab, model) for slab in slabs])
        if voxels.shape != shape or voxels.dtype != np.dtype(dtype):
            raise CorruptStreamError(
                f"expected {shape} of {np.dtype(dtype)}, got {voxels.shape} of {voxels.dtype}; "
                "decode with the shape and dtype that were encoded"
            )
        return voxels

    def parts(self, data: bytes) -> dict[str, int]:
        """Bytes of slabs, model and framing."""
        _, (model, *slabs) = self._split(data)
        voxels = sum(map(len, slabs))
        return {
            "voxels": voxels,
            "model": len(model),
            "framing": len(data) - voxels - len(model),
        }

    @staticmethod
    def _split(data: bytes) -> tuple[int, list[bytes]]:
        (count,) = struct.unpack_from("<I", data)
        return split(data[4:], count + 1)
