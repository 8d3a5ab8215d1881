"""All of a slab but its words: what `medzip.codec.slab` does before and after its engine.

The two sides are apart here, so that many slabs can be between them at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np

from medzip.codec.integers import decode_integers, encode_integers
from medzip.codec.packing import Packing, check_voxels, choose_packing, histogram, pack, unpack
from medzip.codec.slab import (
    _CRC,
    _HEADER,
    MOST_VOXELS,
    RANKS,
    RAW,
    STORE_BYTES,
    SlabHeader,
    _store_bytes,
    read_header,
)
from medzip.errors import CorruptStreamError, ModelError, UnsupportedVoxelsError

if TYPE_CHECKING:
    from medzip.codec.model import Model

__all__ = ["Opened", "Packed", "open_slab", "pack_slab", "seal_slab"]


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
    check_voxels(voxels)
    if voxels.size > MOST_VOXELS:
        raise UnsupportedVoxelsError(
            f"expected at most {MOST_VOXELS} voxels a slab, got {voxels.size}; use fewer slices"
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
                "bytes are sound; decode with device='cpu' and report this device"
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
    return shape[0] > 0 and _store_bytes(model, shape) <= STORE_BYTES
