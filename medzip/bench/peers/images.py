"""Image codecs: every slice is a picture of its own.

They all come from imagecodecs, but for JPEG-LS at true depth. Samples are handed over as 8 or 16
bit words. Declaring the number of bits in use instead changes JPEG XL and JPEG 2000 by less than
0.2 % on CT and MR; JPEG-LS gains 1 to 6 %, because its context thresholds follow from the declared
range, so it is measured both ways.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np

from medzip.bench.peers.base import (
    Availability,
    Peer,
    check_voxels,
    from_unsigned,
    join,
    split,
    to_unsigned,
)
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["HTJ2K", "JPEG2000", "JPEGLS", "JPEGXL", "JPEGLSDepth"]


@dataclass(frozen=True)
class SlicePeer(Peer):
    """A codec for single pictures, applied slice by slice."""

    library: str = field(default="", init=False)
    """The codec's attribute in imagecodecs, in capitals."""

    def available(self) -> Availability:
        """Ask imagecodecs whether it was built with the library."""
        if getattr(imagecodecs, self.library).available:
            return Availability(ok=True)
        return Availability(
            ok=False, reason=f"this build of imagecodecs has no {self.library}; use a PyPI wheel"
        )

    def version(self) -> str:
        """Name the library under imagecodecs."""
        return str(getattr(imagecodecs, f"{self.library.lower()}_version")())

    @abstractmethod
    def encode_slice(self, picture: NDArray[Any], bits: int) -> bytes:
        """Encode one (y, x) picture of uint8 or uint16; `bits` are in use in the whole volume."""

    @abstractmethod
    def decode_slice(self, data: bytes) -> NDArray[Any]:
        """Undo :meth:`encode_slice`."""

    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Encode each slice and join them."""
        pictures, offset = to_unsigned(check_voxels(voxels))
        bits = max(2, int(pictures.max()).bit_length())
        return join(offset, [self.encode_slice(picture, bits) for picture in pictures])

    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Decode each slice; see :meth:`Peer.decode`."""
        offset, frames = split(data, shape[0])
        pictures = np.empty(shape, dtype=np.dtype(f"u{np.dtype(dtype).itemsize}"))
        for z, frame in enumerate(frames):
            picture = self.decode_slice(frame)
            if picture.size != shape[1] * shape[2]:
                raise CorruptStreamError(
                    f"expected a slice of {shape[1:]}, got {picture.shape}; "
                    "decode with the shape that was encoded"
                )
            pictures[z] = picture.reshape(shape[1:])
        return from_unsigned(pictures, offset, dtype)


@dataclass(frozen=True)
class JPEGXL(SlicePeer):
    """JPEG XL, lossless (ISO/IEC 18181); effort 1 (fast) to 10."""

    effort: int = 7

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"jpeg-xl-{self.effort}")
        object.__setattr__(self, "label", f"JPEG XL e{self.effort}")
        object.__setattr__(self, "library", "JPEGXL")

    def encode_slice(self, picture: NDArray[Any], bits: int) -> bytes:
        """Encode one picture on one thread."""
        encoded = imagecodecs.jpegxl_encode(
            picture, lossless=True, effort=self.effort, numthreads=1
        )
        return bytes(encoded)

    def decode_slice(self, data: bytes) -> NDArray[Any]:
        """Decode one picture on one thread."""
        return imagecodecs.jpegxl_decode(data, numthreads=1)


@dataclass(frozen=True)
class JPEGLS(SlicePeer):
    """JPEG-LS, lossless (ISO/IEC 14495-1), samples declared as whole words."""

    name: str = field(default="jpeg-ls", init=False)
    label: str = field(default="JPEG-LS", init=False)
    library: str = field(default="JPEGLS", init=False)

    def encode_slice(self, picture: NDArray[Any], bits: int) -> bytes:
        """Encode one picture with near-lossless bound 0."""
        return bytes(imagecodecs.jpegls_encode(picture, level=0))

    def decode_slice(self, data: bytes) -> NDArray[Any]:
        """Decode one picture."""
        return imagecodecs.jpegls_decode(data)


@dataclass(frozen=True)
class JPEGLSDepth(JPEGLS):
    """JPEG-LS with the true number of bits declared, as a DICOM encoder does (BitsStored)."""

    name: str = field(default="jpeg-ls-depth", init=False)
    label: str = field(default="JPEG-LS, true depth", init=False)

    def available(self) -> Availability:
        """Ask for pyjpegls, whose encoder takes the depth."""
        if find_spec("jpeg_ls") is None:
            return Availability(ok=False, reason="pyjpegls is not installed: pip install pyjpegls")
        return super().available()

    def version(self) -> str:
        """Name pyjpegls, which carries CharLS."""
        from importlib.metadata import version

        return f"pyjpegls {version('pyjpegls')}"

    def encode_slice(self, picture: NDArray[Any], bits: int) -> bytes:
        """Encode one picture with its depth declared."""
        import jpeg_ls

        try:
            encoded = jpeg_ls.encode_pixel_data(
                picture.tobytes(),
                rows=picture.shape[0],
                columns=picture.shape[1],
                samples_per_pixel=1,
                bits_stored=bits,
                lossy_error=0,
            )
        except RuntimeError:
            # pyjpegls reserves no more than the raw size, too little for noise and tiny pictures.
            return super().encode_slice(picture, bits)
        return bytes(encoded)


@dataclass(frozen=True)
class JPEG2000(SlicePeer):
    """JPEG 2000, reversible (ISO/IEC 15444-1), as a bare codestream."""

    name: str = field(default="jpeg-2000", init=False)
    label: str = field(default="JPEG 2000", init=False)
    library: str = field(default="JPEG2K", init=False)

    def encode_slice(self, picture: NDArray[Any], bits: int) -> bytes:
        """Encode one picture on one thread."""
        encoded = imagecodecs.jpeg2k_encode(
            picture, level=0, codecformat="j2k", reversible=True, numthreads=1
        )
        return bytes(encoded)

    def decode_slice(self, data: bytes) -> NDArray[Any]:
        """Decode one picture on one thread."""
        return imagecodecs.jpeg2k_decode(data, numthreads=1)


@dataclass(frozen=True)
class HTJ2K(SlicePeer):
    """High-throughput JPEG 2000, reversible (ISO/IEC 15444-15)."""

    name: str = field(default="htj2k", init=False)
    label: str = field(default="HTJ2K", init=False)
    library: str = field(default="HTJ2K", init=False)

    def encode_slice(self, picture: NDArray[Any], bits: int) -> bytes:
        """Encode one picture."""
        return bytes(imagecodecs.htj2k_encode(picture, reversible=True))

    def decode_slice(self, data: bytes) -> NDArray[Any]:
        """Decode one picture."""
        return imagecodecs.htj2k_decode(data)
