"""All of a slab but its words: packed values, their arrangement, header, checksums.

    voxels -> pack_slab -> (an engine: words) -> seal_slab -> bytes
    bytes -> open_slab -> (an engine: values) -> Opened.voxels -> voxels

The sides are apart, so that many slabs can be between them at once (`medzip.device`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np

from medzip.codec.arrangement import PLAIN, Arrangement, arrangement_of
from medzip.codec.header import (
    CRC,
    HEADER_BYTES,
    MOST_VOXELS,
    RANKS,
    RAW,
    SlabHeader,
    read_header,
)
from medzip.codec.integers import decode_integers, encode_integers
from medzip.codec.packing import Packing, choose_packing, histogram, pack, unpack
from medzip.codec.voxels import check_voxels
from medzip.errors import CorruptStreamError, ModelError, UnsupportedVoxelsError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.codec.model import Model

__all__ = ["Opened", "Packed", "open_slab", "pack_slab", "seal_slab"]

STORE_BYTES = 1 << 30
"""A slab whose store would be larger is stored as it is: slices far higher than wide, say."""


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
    def shape_packed(self) -> tuple[int, int, int]:
        """Of `values`."""
        depth, height, width = self.values.shape
        return depth, height, width

    @property
    def arrangement(self) -> Arrangement:
        """How `values` are turned into what is coded."""
        return arrangement_of(self.shape_packed)

    @property
    def shape_coded(self) -> tuple[int, int, int]:
        """Of `arranged`."""
        return self.arrangement.shape_of(self.shape_packed)

    @property
    def arranged(self) -> np.ndarray:
        """What engines code; `values` where a slab is coded as it is."""
        return self.arrangement.arrange(self.values)

    def is_coded(self, model: Model) -> bool:
        """Whether it has words at all."""
        return _is_coded(self.shape_coded, model)


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
    """Header, words (or the values as they are, where that is no longer) and checksum."""
    words = None if body is None else (slab, _gaps(slab.packing), body)
    plain = min(_plain_forms(slab), key=_size)
    if words and len(slab.values) and _size(words) < _size(plain):
        (chosen, gaps, body), flags = words, 0
    else:
        (chosen, gaps, body), flags = plain, RAW if len(slab.values) else 0
    depth, height, width = slab.shape
    header = SlabHeader(
        flags | (0 if chosen.packing.used is None else RANKS),
        slab.dtype,
        bytes.fromhex(model.digest)[:16],
        (depth, height, width),
        len(slab.values),
        chosen.packing.minimum,
        chosen.packing.count,
        chosen.origin,
        slab.fill,
        len(gaps),
        len(body),
        google_crc32c.value(chosen.values.astype("<u2").tobytes()),
        slab.arrangement if len(slab.values) and not flags & RAW else PLAIN,
    )
    data = header.to_bytes() + gaps + body
    return data + CRC.pack(google_crc32c.value(data))


_Form = tuple[Packed, bytes, bytes]
"""A slab in one packing, its list of used values, its body."""


def _size(form: _Form) -> int:
    return len(form[1]) + len(form[2])


def _gaps(packing: Packing) -> bytes:
    """The list of used values as it is stored."""
    return b"" if packing.used is None else encode_integers([np.diff(packing.used) - 1])


def _plain_forms(slab: Packed) -> Iterator[_Form]:
    """A slab that is not coded: in its own packing, and in the one without a list."""
    yield slab, _gaps(slab.packing), _plain_bytes(slab)
    used = slab.packing.used
    if used is not None:
        packing = Packing(slab.dtype, slab.packing.minimum, int(used[-1]) + 1)
        offsets = replace(slab, packing=packing, values=used.astype(np.uint16)[slab.values])
        yield offsets, b"", _plain_bytes(offsets)


def _plain_bytes(slab: Packed) -> bytes:
    """Packed values as they are: a byte each where they fit."""
    return slab.values.astype("u1" if slab.packing.count <= 256 else "<u2").tobytes()


@dataclass(frozen=True)
class Opened:
    """A slab of which all but the words is read."""

    header: SlabHeader
    packing: Packing
    body: bytes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of what is coded."""
        return self.header.arrangement.shape_of(self.header.shape_packed)

    def plain(self) -> np.ndarray | None:
        """The packed values, where they are not coded."""
        header = self.header
        if header.coded and not header.flags & RAW:
            return None
        size = math.prod(header.shape_packed)
        kind = "u1" if size and len(self.body) == size else "<u2"
        return np.frombuffer(self.body, dtype=kind).astype(np.uint16).reshape(self.shape)

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
        if not header.arrangement.is_sound(values, header.shape_packed):
            raise CorruptStreamError(
                "expected rows that end with copies of their last value, got others; "
                "restore the object from a copy"
            )
        values = header.arrangement.restore(values, header.shape_packed)
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
    at = HEADER_BYTES
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
