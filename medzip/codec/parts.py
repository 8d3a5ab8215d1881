"""All of a slab but its words: header, packed values, checksums.

    voxels -> pack_slab -> (an engine: words) -> seal_slab -> bytes
    bytes -> open_slab -> (an engine: values) -> Opened.voxels -> voxels

The sides are apart, so that many slabs can be between them at once (`medzip.device`).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np

from medzip.codec.integers import decode_integers, encode_integers
from medzip.codec.packing import Packing, choose_packing, histogram, pack, unpack
from medzip.codec.voxels import DTYPES, check_voxels
from medzip.errors import CorruptStreamError, ModelError, UnsupportedVoxelsError

if TYPE_CHECKING:
    from medzip.codec.model import Model

__all__ = [
    "FORMAT_VERSION",
    "Opened",
    "Packed",
    "SlabHeader",
    "check_slab",
    "open_slab",
    "pack_slab",
    "read_header",
    "seal_slab",
]

FORMAT_VERSION = 1
MAGIC = b"MZS"
RANKS, RAW = 1, 2
"""Flags: values are ranks; the body is the packed values, not coded."""
_HEADER = struct.Struct("<3sBBBH16sIIIIiIIiIII")
_CRC = struct.Struct("<I")
MOST_VOXELS = 1 << 27
"""Voxels a slab at most, so that a few bytes cannot ask for all memory."""
STORE_BYTES = 1 << 30
"""A slab whose store would be larger is stored as it is: slices far higher than wide, say."""


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

    def to_bytes(self) -> bytes:
        """The header, 68 bytes."""
        return _HEADER.pack(
            MAGIC,
            FORMAT_VERSION,
            self.flags,
            DTYPES.index(self.dtype),
            0,
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
    if len(data) < _HEADER.size + _CRC.size or data[:3] != MAGIC:
        raise CorruptStreamError(
            f"expected a slab that begins with {MAGIC!r}, got {bytes(data[:3])!r} "
            f"({len(data)} bytes); restore the object from a copy"
        )
    if data[3] != FORMAT_VERSION:
        raise CorruptStreamError(
            f"expected format version {FORMAT_VERSION}, got {data[3]}; use the MedZip version that "
            "wrote it"
        )
    if _CRC.unpack(data[-4:])[0] != google_crc32c.value(data[:-4]):
        raise CorruptStreamError(
            "expected a slab with a matching CRC-32C, got another; restore the object from a copy"
        )
    fields = _HEADER.unpack(data[: _HEADER.size])
    flags, code, reserved, digest, depth, height, width, coded = fields[2:10]
    minimum, count, origin, fill, gaps, body, check = fields[10:]
    plain = 2 * coded * height * width
    if (
        flags > RANKS + RAW
        or code >= len(DTYPES)
        or reserved
        or not 0 < depth * height * width <= MOST_VOXELS
        or coded > depth
        or not 0 < count <= 65536
        or origin >= count
        or not np.iinfo(DTYPES[code]).min <= fill <= np.iinfo(DTYPES[code]).max
        or (gaps > 0 and not flags & RANKS)
        or (body != plain if flags & RAW else body % 4 or body >= max(plain, 1))
        or _HEADER.size + gaps + body + _CRC.size != len(data)
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


@dataclass(frozen=True)
class Packed:
    """A slab up to its words; `values` are of the slices that are coded."""

    dtype: str
    shape: tuple[int, ...]
    packing: Packing
    fill: int
    values: np.ndarray

    @property
    def origin(self) -> int:
        """Stands for what lies outside of the first slice."""
        return int(self.values[0, 0, 0]) if len(self.values) else 0

    @property
    def shape_coded(self) -> tuple[int, int, int]:
        """Of `values`."""
        depth, height, width = self.values.shape
        return depth, height, width

    def is_coded(self, model: Model) -> bool:
        """Whether it has words at all."""
        return _is_coded(self.values.shape, model)


def pack_slab(voxels: np.ndarray) -> Packed:
    """Packed values of a slab, without the slices at its end that are all alike."""
    voxels = check_voxels(voxels)
    if voxels.size > MOST_VOXELS:
        remedy = "use fewer slices" if len(voxels) > 1 else "cut the slice into pieces"
        raise UnsupportedVoxelsError(
            f"expected at most {MOST_VOXELS} voxels a slab, got {voxels.size}; {remedy}"
        )
    fill = voxels[-1, -1, -1]
    coded = len(voxels)
    while coded and (voxels[coded - 1] == fill).all():
        coded -= 1
    dtype = voxels.dtype.name
    packing = choose_packing(dtype, *histogram(voxels[:coded] if coded else voxels))
    values = pack(voxels[:coded], packing) if coded else np.zeros((0, 1, 1), dtype=np.uint16)
    return Packed(dtype, voxels.shape, packing, int(fill), values)


def seal_slab(slab: Packed, body: bytes | None, model: Model) -> bytes:
    """Header, words (or the values as they are, where that is shorter) and checksum."""
    used, coded = slab.packing.used, len(slab.values)
    gaps = b"" if used is None else encode_integers([np.diff(used) - 1])
    flags = 0 if used is None else RANKS
    plain = slab.values.astype("<u2").tobytes()
    if coded and (body is None or len(body) >= len(plain)):
        flags, body = flags | RAW, plain
    body = body or b""
    depth, height, width = slab.shape
    header = SlabHeader(
        flags,
        slab.dtype,
        bytes.fromhex(model.digest)[:16],
        (depth, height, width),
        coded,
        slab.packing.minimum,
        slab.packing.count,
        slab.origin,
        slab.fill,
        len(gaps),
        len(body),
        google_crc32c.value(plain),
    )
    data = header.to_bytes() + gaps + body
    return data + _CRC.pack(google_crc32c.value(data))


@dataclass(frozen=True)
class Opened:
    """A slab of which all but the words is read."""

    header: SlabHeader
    packing: Packing
    body: bytes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of what is coded."""
        _, height, width = self.header.shape
        return self.header.coded, height, width

    def plain(self) -> np.ndarray | None:
        """The packed values, where they are not coded."""
        if self.header.coded and not self.header.flags & RAW:
            return None
        return np.frombuffer(self.body, dtype="<u2").astype(np.uint16).reshape(self.shape)

    def voxels(self, values: np.ndarray | None) -> np.ndarray:
        """The slab, once its packed values are there and proven."""
        header = self.header
        out = np.full(header.shape, header.fill, dtype=header.dtype)
        if values is None or not header.coded:
            return out
        if int(values.max()) >= header.count:
            raise CorruptStreamError(
                f"expected values below {header.count}, got {int(values.max())}; "
                "restore the object from a copy"
            )
        if google_crc32c.value(values.astype("<u2").tobytes()) != header.check:
            raise CorruptStreamError(
                "expected decoded values with a matching CRC-32C, got others although the stored "
                "bytes are sound; decode on another machine or device and report this one"
            )
        out[: header.coded] = unpack(values, self.packing)
        return out


def open_slab(data: bytes, model: Model) -> Opened:
    """Read a slab up to its words; errors as `medzip.codec.decode_slab` has them."""
    header = read_header(data)
    if header.model != bytes.fromhex(model.digest)[:16]:
        raise ModelError(
            f"expected model {header.model.hex()}, got {model.digest[:32]}; "
            "decode with the model that is stored beside the slab"
        )
    at = _HEADER.size
    used = None
    if header.flags & RANKS:
        (gaps,) = decode_integers(data[at : at + header.gaps], [header.count - 1])
        if gaps.size and (gaps.min() < 0 or gaps.max() > 65535):
            raise CorruptStreamError(
                "expected used values in rising order, got others; restore the object from a copy"
            )
        used = np.concatenate([[0], np.cumsum(gaps + 1)])
    at += header.gaps
    slab = Opened(
        header,
        Packing(header.dtype, header.minimum, header.count, used),
        data[at : at + header.body],
    )
    if header.coded and not header.flags & RAW and not _is_coded(slab.shape, model):
        raise CorruptStreamError(
            f"expected a slab of {slab.shape} to be stored as it is, got a coded one; "
            "restore the object from a copy"
        )
    return slab


def _is_coded(shape: tuple[int, ...], model: Model) -> bool:
    """Whether slabs of a shape are coded at all."""
    depth, height, width = map(int, shape)
    return depth > 0 and model.store_bytes((depth, height, width)) <= STORE_BYTES
