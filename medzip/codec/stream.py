"""A volume and its self-contained bytes: model, then slabs (docs/format.md, "Stream").

What coding does not make smaller is stored as it is, without either: 36 bytes more than the voxels.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np

from medzip.codec.header import FORMAT_VERSION, check_slab
from medzip.codec.model import read_model
from medzip.codec.slab import decode_slab, encode_slab
from medzip.codec.voxels import DTYPES, check_voxels
from medzip.cores import on_threads
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from medzip.codec.model import Model

    Encoder = Callable[[Sequence[np.ndarray], Model], list[bytes]]
    Decoder = Callable[[Sequence[bytes], Model], list[np.ndarray]]

__all__ = ["decode_stream", "encode_stream", "read_stream", "store_stream", "stored_bytes"]

MAGIC = b"MZV"
_HEADER = struct.Struct("<3sBBBHIIIII")
_CRC = struct.Struct("<I")
STORED = 1
"""Flag: the voxels follow as they are."""


def encode_stream(
    volume: np.ndarray, model: Model, depth: int, encoder: Encoder | None = None
) -> bytes:
    """A volume to bytes, in slabs of `depth` slices.

    Parameters
    ----------
    volume, model, depth
        Voxels (z, y, x), their predictor, slices a slab.
    encoder
        Codes all slabs at once, `medzip.device.encode_slabs` say; without it each is coded on its
        own, on as many threads as this process may use cores.
    """
    volume = check_voxels(volume)
    parts = [np.ascontiguousarray(volume[z : z + depth]) for z in range(0, len(volume), depth)]
    if encoder is None:
        slabs = on_threads(lambda part: encode_slab(part, model), parts)
    else:
        slabs = encoder(parts, model)
    stored = model.to_bytes()
    head = _HEADER.pack(
        MAGIC,
        FORMAT_VERSION,
        DTYPES.index(volume.dtype.name),
        0,
        0,
        *volume.shape,
        depth,
        len(stored),
    )
    table = struct.pack(f"<{len(slabs)}I", *(len(slab) for slab in slabs))
    check = struct.pack("<I", google_crc32c.value(head + table + stored))
    return head + table + stored + check + b"".join(slabs)


def _read_header(data: bytes) -> tuple[tuple[int, int, int], int, str, int, int]:
    """Shape, slices a slab, dtype, flags and bytes of the model."""
    if len(data) < _HEADER.size or data[:3] != MAGIC:
        raise CorruptStreamError(
            f"expected a stream that begins with {MAGIC!r}, got {bytes(data[:3])!r}; "
            "check that this is MedZip data"
        )
    if data[3] != FORMAT_VERSION:
        raise CorruptStreamError(
            f"expected format version {FORMAT_VERSION}, got {data[3]}; use the MedZip version that "
            "wrote it"
        )
    _, _, code, flags, zero, slices, height, width, depth, stored = _HEADER.unpack(
        data[: _HEADER.size]
    )
    if (
        code >= len(DTYPES)
        or flags > STORED
        or zero
        or 0 in (depth, slices, height, width)
        or (flags and (depth, stored) != (slices, 0))
    ):
        raise CorruptStreamError("expected a consistent stream header, got values out of range")
    return (slices, height, width), depth, DTYPES[code], flags, stored


def stored_bytes(volume: np.ndarray) -> int:
    """Bytes of `store_stream`."""
    return int(_HEADER.size + 2 * _CRC.size + volume.nbytes)


def store_stream(volume: np.ndarray) -> bytes:
    """A volume as it is, between a header and a checksum."""
    volume = check_voxels(volume)
    head = _HEADER.pack(
        MAGIC,
        FORMAT_VERSION,
        DTYPES.index(volume.dtype.name),
        STORED,
        0,
        *volume.shape,
        len(volume),
        0,
    )
    voxels = volume.astype(volume.dtype.newbyteorder("<"), copy=False).tobytes()
    return b"".join([_checked(head), _checked(voxels)])


def _checked(data: bytes) -> bytes:
    return data + _CRC.pack(google_crc32c.value(data))


def _read_stored(data: bytes, shape: tuple[int, int, int], dtype: str) -> np.ndarray:
    """The inverse of `store_stream`, once the header is unpacked."""
    size, start = math.prod(shape) * np.dtype(dtype).itemsize, _HEADER.size + _CRC.size
    if len(data) != start + size + _CRC.size:
        raise CorruptStreamError(
            f"expected {start + size + _CRC.size} bytes, got {len(data)}; the stream is cut or "
            "joined"
        )
    for first, end in ((0, _HEADER.size), (start, start + size)):
        if data[end : end + _CRC.size] != _CRC.pack(google_crc32c.value(data[first:end])):
            raise CorruptStreamError(
                "expected a stream with a matching CRC-32C, got another; restore it from a copy"
            )
    stored = np.frombuffer(data, np.dtype(dtype).newbyteorder("<"), math.prod(shape), start)
    return stored.astype(dtype).reshape(shape)


def read_stream(data: bytes) -> tuple[tuple[int, int, int], int, str, Model, list[bytes]]:
    """Shape, slices a slab, dtype, model and slabs of a stream that has them.

    Raises
    ------
    CorruptStreamError
        The bytes are not a stream or are damaged, or its voxels are stored as they are.
    """
    shape, depth, dtype, flags, stored = _read_header(data)
    if flags:
        raise CorruptStreamError(
            "expected a stream of slabs, got one that holds its voxels as they are; decode it"
        )
    count = -(-shape[0] // depth)
    end = _HEADER.size + 4 * count + stored
    if end + 4 > len(data):
        raise CorruptStreamError(
            f"expected at least {end + 4} bytes, got {len(data)}; the stream is cut short"
        )
    if struct.unpack("<I", data[end : end + 4])[0] != google_crc32c.value(data[:end]):
        raise CorruptStreamError(
            "expected a stream header with a matching CRC-32C, got another; restore it from a copy"
        )
    lengths = struct.unpack(f"<{count}I", data[_HEADER.size : _HEADER.size + 4 * count])
    if end + 4 + sum(lengths) != len(data):
        raise CorruptStreamError(
            f"expected {end + 4 + sum(lengths)} bytes, got {len(data)}; the stream is cut or joined"
        )
    model = read_model(data[_HEADER.size + 4 * count : end])
    return shape, depth, dtype, model, list(_split(data[end + 4 :], lengths))


def decode_stream(data: bytes, decoder: Decoder | None = None) -> np.ndarray:
    """Bytes back to the volume: the inverse of `encode_stream`, `decoder` that of its encoder."""
    data = bytes(data)
    shape, depth, dtype, flags, _ = _read_header(data)
    if flags:
        return _read_stored(data, shape, dtype)
    *_, model, slabs = read_stream(data)
    if decoder is None:

        def decode(at: tuple[bytes, int]) -> np.ndarray:
            slab, z = at
            return decode_slab(slab, model, (min(depth, shape[0] - z), *shape[1:]), dtype)

        places = range(0, shape[0], depth)
        return np.concatenate(on_threads(decode, list(zip(slabs, places, strict=True))))
    for slab, z in zip(slabs, range(0, shape[0], depth), strict=True):
        check_slab(slab, (min(depth, shape[0] - z), *shape[1:]), dtype)
    return np.concatenate(decoder(slabs, model))


def _split(data: bytes, lengths: tuple[int, ...]) -> Iterator[bytes]:
    at = 0
    for length in lengths:
        yield data[at : at + length]
        at += length
