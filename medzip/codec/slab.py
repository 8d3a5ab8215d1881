"""A slab and its bytes: header, packing, words, checksums (docs/format.md, "Slab").

A slab is coded on its own: any slab of a volume can be read without the others.
"""

from __future__ import annotations

import math
import struct
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np

from medzip.codec.engine import Engine
from medzip.codec.integers import decode_integers, encode_integers
from medzip.codec.layout import Layout
from medzip.codec.packing import (
    DTYPES,
    Packing,
    check_voxels,
    choose_packing,
    histogram,
    pack,
    unpack,
)
from medzip.codec.schedule import wavefront
from medzip.errors import CorruptStreamError, ModelError, UnsupportedVoxelsError

if TYPE_CHECKING:
    from medzip.codec.model import Model

__all__ = [
    "FORMAT_VERSION",
    "SlabHeader",
    "decode_slab",
    "encode_slab",
    "read_header",
    "residual_slab",
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
"""A slab whose skewed store would be larger is stored as it is: slices far higher than wide."""
_ENGINES_KEPT = 2
_local = threading.local()


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


def encode_slab(voxels: np.ndarray, model: Model) -> bytes:
    """One slab to bytes.

    Parameters
    ----------
    voxels
        (z, y, x) of uint8, int8, uint16 or int16.
    model
        The predictor; the same is needed to decode.

    Raises
    ------
    UnsupportedVoxelsError
        Another dtype, not three non-empty dimensions, or more than 2^27 voxels.
    """
    check_voxels(voxels)
    if voxels.size > MOST_VOXELS:
        raise UnsupportedVoxelsError(
            f"expected at most {MOST_VOXELS} voxels a slab, got {voxels.size}; use fewer slices"
        )
    low, counts = histogram(voxels)
    packing = choose_packing(voxels.dtype.name, low, counts)
    fill = int(voxels[-1, -1, -1])
    coded = len(voxels)
    while coded and (voxels[coded - 1] == fill).all():
        coded -= 1
    if coded and coded < len(voxels):
        low, counts = histogram(voxels[:coded])
        packing = choose_packing(voxels.dtype.name, low, counts)
    values = pack(voxels[:coded], packing) if coded else np.zeros((0, 1, 1), dtype=np.uint16)
    origin = int(values[0, 0, 0]) if coded else 0
    gaps = b""
    if packing.used is not None:
        gaps = encode_integers([np.diff(packing.used) - 1])
    flags = RANKS if packing.used is not None else 0
    plain = body = values.astype("<u2").tobytes()
    if coded and _store_bytes(model, values.shape) <= STORE_BYTES:
        engine = _engine(model, values.shape)
        body = engine.encode([values], [origin], [packing.count])[0]
    if coded and len(body) >= len(plain):
        flags, body = flags | RAW, plain
    header = SlabHeader(
        flags,
        voxels.dtype.name,
        bytes.fromhex(model.digest)[:16],
        _triple(voxels.shape),
        coded,
        packing.minimum,
        packing.count,
        origin,
        fill,
        len(gaps),
        len(body),
        google_crc32c.value(plain),
    )
    data = header.to_bytes() + gaps + body
    return data + _CRC.pack(google_crc32c.value(data))


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


def decode_slab(
    data: bytes, model: Model, shape: tuple[int, ...] | None = None, dtype: str | None = None
) -> np.ndarray:
    """Bytes back to the slab: the inverse of `encode_slab`.

    Parameters
    ----------
    data, model
        The slab and the model that it was coded with.
    shape, dtype
        What the slab must be, where the caller knows: compared before anything is decoded.

    Raises
    ------
    CorruptStreamError
        The bytes are damaged, or the decoded values do not match their checksum.
    ModelError
        The slab was coded with another model.
    """
    data = bytes(data)
    header = read_header(data)
    if (shape or header.shape, dtype or header.dtype) != (header.shape, header.dtype):
        raise CorruptStreamError(
            f"expected a slab {shape} of {dtype}, got {header.shape} of {header.dtype}; "
            "restore the object from a copy"
        )
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
    packing = Packing(header.dtype, header.minimum, header.count, used)
    body = data[at + header.gaps : at + header.gaps + header.body]
    _, height, width = header.shape
    coded_shape = (header.coded, height, width)
    out = np.full(header.shape, header.fill, dtype=header.dtype)
    if header.coded:
        if header.flags & RAW:
            values = np.frombuffer(body, dtype="<u2").astype(np.uint16).reshape(coded_shape)
        elif _store_bytes(model, coded_shape) > STORE_BYTES:
            raise CorruptStreamError(
                f"expected a slab of {coded_shape} to be stored as it is, got a coded one; "
                "restore the object from a copy"
            )
        else:
            engine = _engine(model, coded_shape)
            values = engine.decode([body], [header.origin], [header.count])[0]
        if int(values.max()) >= header.count:
            raise CorruptStreamError(
                f"expected values below {header.count}, got {int(values.max())}; "
                "restore the object from a copy"
            )
        if google_crc32c.value(values.astype("<u2").tobytes()) != header.check:
            raise CorruptStreamError(
                "expected decoded values with a matching CRC-32C, got others although the stored "
                "bytes are sound; decode on another machine and report this one"
            )
        out[: header.coded] = unpack(values, packing)
    return out


def residual_slab(voxels: np.ndarray, model: Model) -> np.ndarray:
    """Voxel minus the mean of its predicted distribution, int32, for pictures."""
    low, counts = histogram(voxels)
    packing = choose_packing(voxels.dtype.name, low, counts)
    values = pack(voxels, packing)
    predicted = _engine(model, values.shape).predict(values, int(values[0, 0, 0]))
    return np.asarray(values.astype(np.int32) - predicted)


def _engine(model: Model, shape: tuple[int, ...]) -> Engine:
    """An engine of this thread: engines hold buffers, so threads do not share them."""
    kept: OrderedDict[tuple[str, tuple[int, ...]], Engine] | None = getattr(_local, "kept", None)
    if kept is None:
        kept = _local.kept = OrderedDict()
    key = (model.digest, shape)
    if key not in kept:
        kept[key] = Engine(model.network, _triple(shape))
        while len(kept) > _ENGINES_KEPT:
            kept.popitem(last=False)
    kept.move_to_end(key)
    return kept[key]


def _store_bytes(model: Model, shape: tuple[int, ...]) -> int:
    """What the engine's store of a slab of this shape takes."""
    neighbourhood = model.network.architecture.neighbourhood
    layout = Layout.of(_triple(shape), neighbourhood, wavefront(neighbourhood))
    return 2 * math.prod(layout.store_shape)


def _triple(shape: tuple[int, ...]) -> tuple[int, int, int]:
    depth, height, width = shape
    return int(depth), int(height), int(width)
