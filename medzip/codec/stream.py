"""A volume and its self-contained bytes: model, then slabs (docs/format.md, "Stream")."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np

from medzip.codec.model import read_model
from medzip.codec.parts import FORMAT_VERSION, check_slab
from medzip.codec.slab import decode_slab, encode_slab
from medzip.codec.voxels import DTYPES, check_voxels
from medzip.cores import on_threads
from medzip.errors import CorruptStreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from medzip.codec.model import Model

    Encoder = Callable[[Sequence[np.ndarray], Model], list[bytes]]
    Decoder = Callable[[Sequence[bytes], Model], list[np.ndarray]]

__all__ = ["decode_stream", "encode_stream", "read_stream"]

MAGIC = b"MZV"
_HEADER = struct.Struct("<3sBBBHIIIII")


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


def read_stream(data: bytes) -> tuple[tuple[int, int, int], int, str, Model, list[bytes]]:
    """Shape, slices a slab, dtype, model and slabs of a stream.

    Raises
    ------
    CorruptStreamError
        The bytes are not a stream or are damaged.
    """
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
    _, _, code, first, second, slices, height, width, depth, stored = _HEADER.unpack(
        data[: _HEADER.size]
    )
    if code >= len(DTYPES) or first or second or depth == 0 or slices == 0:
        raise CorruptStreamError("expected a consistent stream header, got values out of range")
    count = -(-slices // depth)
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
    return (
        (slices, height, width),
        depth,
        DTYPES[code],
        model,
        list(_split(data[end + 4 :], lengths)),
    )


def decode_stream(data: bytes, decoder: Decoder | None = None) -> np.ndarray:
    """Bytes back to the volume: the inverse of `encode_stream`, `decoder` that of its encoder."""
    shape, depth, dtype, model, slabs = read_stream(bytes(data))
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
