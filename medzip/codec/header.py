"""The header of a slab: what stands before its words, and what it may say (docs/format.md)."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import google_crc32c
import numpy as np

from medzip.codec.arrangement import PLAIN, Arrangement
from medzip.codec.voxels import DTYPES
from medzip.errors import CorruptStreamError

__all__ = [
    "CRC",
    "FORMAT_VERSION",
    "HEADER_BYTES",
    "MOST_VOXELS",
    "RANKS",
    "RAW",
    "SlabHeader",
    "check_slab",
    "read_header",
]

FORMAT_VERSION = 1
MAGIC = b"MZS"
RANKS, RAW = 1, 2
"""Flags: values are ranks; the body is the packed values, not coded."""
_HEADER = struct.Struct("<3sBBBH16sIIIIiIIiIII")
CRC = struct.Struct("<I")
HEADER_BYTES = _HEADER.size
MOST_VOXELS = 1 << 27
"""Voxels a slab at most, so that a few bytes cannot ask for all memory."""


@dataclass(frozen=True)
class SlabHeader:
    """What stands before the words of a slab.

    Attributes
    ----------
    flags
        `RANKS`, `RAW`.
    dtype
        Name of the voxels' type.
    model
        First 16 bytes of the model's digest.
    shape
        (depth, height, width).
    coded
        Slices that are coded; the others hold `fill`.
    minimum, count
        As in `medzip.codec.packing.Packing`.
    origin
        Packed value that stands for what lies outside of the first slice.
    fill
        Voxel value of the slices that are not coded.
    gaps, body
        Bytes of the list of used values, of the words.
    check
        CRC-32C of the packed values, little-endian uint16.
    arrangement
        How the packed values were turned into what is coded.
    """

    flags: int
    dtype: str
    model: bytes
    shape: tuple[int, int, int]
    coded: int
    minimum: int
    count: int
    origin: int
    fill: int
    gaps: int
    body: int
    check: int
    arrangement: Arrangement = PLAIN

    @property
    def shape_packed(self) -> tuple[int, int, int]:
        """Of the slices that are coded, as they lie in the slab."""
        return self.coded, self.shape[1], self.shape[2]

    def to_bytes(self) -> bytes:
        """The header, 68 bytes."""
        return _HEADER.pack(
            MAGIC,
            FORMAT_VERSION,
            self.flags,
            DTYPES.index(self.dtype),
            self.arrangement.field,
            self.model,
            *self.shape,
            self.coded,
            self.minimum,
            self.count,
            self.origin,
            self.fill,
            self.gaps,
            self.body,
            self.check,
        )


def read_header(data: bytes) -> SlabHeader:
    """The header of a slab, after its checksum was compared.

    Raises
    ------
    CorruptStreamError
        The bytes are not a slab, are damaged, or say something that cannot be.
    """
    if len(data) < _HEADER.size + CRC.size or data[:3] != MAGIC:
        raise CorruptStreamError(
            f"expected a slab that begins with {MAGIC!r}, got {bytes(data[:3])!r} "
            f"({len(data)} bytes); restore the object from a copy"
        )
    if data[3] != FORMAT_VERSION:
        raise CorruptStreamError(
            f"expected format version {FORMAT_VERSION}, got {data[3]}; use the MedZip version that "
            "wrote it"
        )
    if CRC.unpack(data[-4:])[0] != google_crc32c.value(data[:-4]):
        raise CorruptStreamError(
            "expected a slab with a matching CRC-32C, got another; restore the object from a copy"
        )
    fields = _HEADER.unpack(data[: _HEADER.size])
    flags, code, field, digest, depth, height, width, coded = fields[2:10]
    minimum, count, origin, fill, gaps, body, check = fields[10:]
    arrangement = Arrangement.of_field(field)
    size = coded * height * width
    raw = (2 * size, size) if count <= 256 else (2 * size,)
    if (
        flags > RANKS + RAW
        or code >= len(DTYPES)
        or not 0 < depth * height * width <= MOST_VOXELS
        or coded > depth
        or (field and (flags & RAW or not coded))
        or not arrangement.fits((coded, height, width))
        or not 0 < count <= 65536
        or origin >= count
        or not np.iinfo(DTYPES[code]).min <= fill <= np.iinfo(DTYPES[code]).max
        or (gaps > 0 and not flags & RANKS)
        or (body not in raw if flags & RAW else body % 4 or body >= max(2 * size, 1))
        or _HEADER.size + gaps + body + CRC.size != len(data)
    ):
        raise CorruptStreamError(
            "expected a consistent slab header, got values out of range; restore it from a copy"
        )
    return SlabHeader(
        flags,
        DTYPES[code],
        digest,
        (depth, height, width),
        coded,
        minimum,
        count,
        origin,
        fill,
        gaps,
        body,
        check,
        arrangement,
    )


def check_slab(
    data: bytes, shape: tuple[int, ...] | None = None, dtype: str | None = None
) -> SlabHeader:
    """The header of a slab that must have this shape and dtype, where they are given.

    Raises
    ------
    CorruptStreamError
        It has others, or as `read_header`.
    """
    header = read_header(data)
    if (shape or header.shape, dtype or header.dtype) != (header.shape, header.dtype):
        raise CorruptStreamError(
            f"expected a slab {shape} of {dtype}, got {header.shape} of {header.dtype}; "
            "restore the object from a copy"
        )
    return header
