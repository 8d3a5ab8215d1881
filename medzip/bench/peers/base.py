"""The one interface behind which every codec is measured.

A peer turns a whole volume into one byte string and back. Whatever a decoder needs except shape and
dtype is inside the bytes, so their length is the honest price: headers, offsets, lengths and fitted
weights included.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.errors import CorruptStreamError, UnsupportedVoxelsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = [
    "DTYPES",
    "Availability",
    "NotPossibleError",
    "Peer",
    "check_voxels",
    "from_unsigned",
    "join",
    "split",
    "to_unsigned",
]

#: Stored integers that a volume may have (PS3.5, section 8.1.1: 8 or 16 bits allocated).
DTYPES = ("uint8", "int8", "uint16", "int16")


class NotPossibleError(UnsupportedVoxelsError):
    """Voxels that a codec cannot take by its design, such as 13 bits where it has 12.

    That is no failure of the codec: results say "not possible" and why.
    """


@dataclass(frozen=True)
class Availability:
    """Whether a codec can run here.

    Attributes
    ----------
    ok
        True when it can.
    reason
        Why it cannot, and what would install it; empty when it can.
    """

    ok: bool
    reason: str = ""


@dataclass(frozen=True)
class Peer(ABC):
    """A lossless codec for volumes.

    Attributes
    ----------
    name
        Key in results, lower case, stable over releases.
    label
        What people call it, for tables and plots.
    warms
        Whether a first use in a process takes longer, as it loads or compiles.
    """

    name: str = field(default="", init=False)
    label: str = field(default="", init=False)
    warms: bool = field(default=True, init=False)

    @abstractmethod
    def available(self) -> Availability:
        """Tell whether the codec can run here, and why not if it cannot."""

    @abstractmethod
    def version(self) -> str:
        """Name the implementation and its version, such as ``"libjxl 0.11.2"``."""

    def prepare(self, voxels: NDArray[Any]) -> Any:
        """Do what is done once per volume before coding (fitting), timed on its own.

        Parameters
        ----------
        voxels
            (z, y, x), one of :data:`DTYPES`.

        Returns
        -------
        object
            Handed to :meth:`encode`; None for codecs that have nothing to prepare.
        """
        return None

    @abstractmethod
    def encode(self, voxels: NDArray[Any], prepared: Any = None) -> bytes:
        """Encode (z, y, x) voxels of one of :data:`DTYPES` to one self-contained byte string.

        Raises
        ------
        NotPossibleError
            If the codec has no way to take these voxels, or they are too many for its speed.
        """

    @abstractmethod
    def decode(self, data: bytes, shape: tuple[int, int, int], dtype: Any) -> NDArray[Any]:
        """Restore the voxels; the inverse of :meth:`encode`.

        Raises
        ------
        CorruptStreamError
            If the framing does not fit the shape.
        """

    def parts(self, data: bytes) -> dict[str, int]:
        """Split the length of `data` by what it pays for, in bytes; the values sum to it."""
        return {"voxels": len(data)}


def check_voxels(voxels: NDArray[Any]) -> NDArray[Any]:
    """Return the voxels C-contiguous, or raise if they are not a volume of :data:`DTYPES`.

    Raises
    ------
    UnsupportedVoxelsError
        If the dtype or the number of dimensions is another.
    """
    if voxels.ndim != 3 or voxels.dtype.name not in DTYPES or voxels.size == 0:
        raise UnsupportedVoxelsError(
            f"expected voxels (z, y, x), not empty, of {', '.join(DTYPES)}, got shape "
            f"{voxels.shape} of {voxels.dtype}; reshape or convert them first"
        )
    return np.ascontiguousarray(voxels)


def to_unsigned(voxels: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Shift signed voxels to start at zero, as image codecs take unsigned samples only.

    Image formats either have no signed samples (JPEG-LS) or lose the sign on the way through
    common libraries (JPEG 2000), so the smallest value is subtracted and remembered. It is also
    the kinder choice for the codec: a CT that starts at -2000 keeps 13 bits instead of 16.

    Returns
    -------
    tuple
        The voxels as uint8 or uint16 of the same width, and what to add to get them back.
    """
    if voxels.dtype.kind == "u":
        return voxels, 0
    offset = int(voxels.min())
    unsigned = np.dtype(f"u{voxels.dtype.itemsize}")
    return (voxels.astype(np.int32) - offset).astype(unsigned), offset


def from_unsigned(voxels: NDArray[Any], offset: int, dtype: Any) -> NDArray[Any]:
    """Undo :func:`to_unsigned`."""
    target = np.dtype(dtype)
    if target.kind == "u":
        return voxels.astype(target, copy=False)
    return (voxels.astype(np.int32) + offset).astype(target)


def join(offset: int, frames: Sequence[bytes]) -> bytes:
    """Put an offset (int32) and frames (uint32 length each) into one byte string."""
    lengths = struct.pack(f"<i{len(frames)}I", offset, *map(len, frames))
    return b"".join((lengths, *frames))


def split(data: bytes, count: int) -> tuple[int, list[bytes]]:
    """Undo :func:`join` for a known number of frames.

    Raises
    ------
    CorruptStreamError
        If the lengths do not add up to the length of `data`.
    """
    header = struct.Struct(f"<i{count}I")
    if len(data) < header.size:
        raise CorruptStreamError(
            f"expected at least {header.size} bytes for {count} frames, got {len(data)}; "
            "the bytes are cut short or belong to another shape"
        )
    offset, *lengths = header.unpack_from(data)
    if header.size + sum(lengths) != len(data):
        raise CorruptStreamError(
            f"expected {header.size + sum(lengths)} bytes in {count} frames, got {len(data)}; "
            "the bytes are cut short or belong to another shape"
        )
    frames, start = [], header.size
    for length in lengths:
        frames.append(data[start : start + length])
        start += length
    return offset, frames
