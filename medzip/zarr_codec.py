"""The codec as a Zarr v3 serializer named "medzip".

The configuration holds the whole model, so that an array is complete in itself: ``zarr.open`` reads
any slab of an archive object with this package installed (entry point ``zarr.codecs``) and nothing
else. A chunk is a slab, (z, y, x).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from zarr.abc.codec import ArrayBytesCodec
from zarr.registry import register_codec

from medzip.codec import Model, decode_slab, encode_slab, read_model
from medzip.codec.header import read_header
from medzip.codec.voxels import DTYPES, check_voxels, remedy_for
from medzip.errors import CorruptStreamError, ModelError, UnsupportedVoxelsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from zarr.core.array_spec import ArraySpec
    from zarr.core.buffer import Buffer, NDBuffer

__all__ = ["MedZipCodec"]


@lru_cache(maxsize=32)
def _model(text: str) -> Model:
    """Load a model once a process; proving its bounds takes a while."""
    try:
        return read_model(base64.b64decode(text, validate=True))
    except binascii.Error as error:
        raise ModelError(
            f"expected a model in base64, got {error}; restore the object from a copy"
        ) from error


@dataclass(frozen=True)
class MedZipCodec(ArrayBytesCodec):
    """Lossless codec for volumes of CT and MR.

    Attributes
    ----------
    model : str
        ``Model.to_bytes()`` in base64. Text, so that the codec can be hashed, pickled and written
        to ``zarr.json``.

    Examples
    --------
    ``compressors=None`` matters: Zarr would add a general compressor behind the codec::

        zarr.create_array(store, shape=volume.shape, dtype=volume.dtype, chunks=(32, 512, 512),
                          serializer=MedZipCodec.of(model), filters=None, compressors=None)
    """

    model: str
    is_fixed_size = False

    @classmethod
    def of(cls, model: Model) -> Self:
        """Codec for a model."""
        return cls(model=base64.b64encode(model.to_bytes()).decode("ascii"))

    @property
    def loaded(self) -> Model:
        """The model itself (cached by process)."""
        return _model(self.model)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read the codec from array metadata.

        Raises
        ------
        ValueError
            When name or configuration are not ours.
        """
        configuration = data.get("configuration", {})
        if data.get("name") != "medzip" or set(configuration) != {"model"}:
            raise ValueError(
                "expected codec metadata {'name': 'medzip', 'configuration': {'model': ...}}, got "
                f"name {data.get('name')!r} with {sorted(configuration)}; was it written by a "
                "newer version? update medzip"
            )
        return cls(model=str(configuration["model"]))

    def to_dict(self) -> dict[str, Any]:
        """Metadata as stored in ``zarr.json``."""
        return {"name": "medzip", "configuration": {"model": self.model}}

    def validate(self, *, shape: tuple[int, ...], dtype: Any, chunk_grid: Any) -> None:
        """Refuse arrays that the codec does not take.

        Raises
        ------
        UnsupportedVoxelsError
            When the array is not (z, y, x) of 8 or 16 bit integers.
        """
        del chunk_grid
        native = np.dtype(dtype.to_native_dtype() if hasattr(dtype, "to_native_dtype") else dtype)
        if len(shape) != 3 or native.name not in DTYPES:
            known = native.name in DTYPES
            remedy = "give it three axes" if known else remedy_for(native)
            raise UnsupportedVoxelsError(
                f"expected a (z, y, x) array of {', '.join(DTYPES)}, got shape {shape} of "
                f"{native.name}; {remedy}, or use another serializer for it"
            )

    def _encode_sync(self, chunk: NDBuffer, spec: ArraySpec) -> Buffer | None:
        """Encode one slab."""
        voxels = np.ascontiguousarray(check_voxels(chunk.as_numpy_array()))
        return spec.prototype.buffer.from_bytes(encode_slab(voxels, self.loaded))

    def _decode_sync(self, data: Buffer, spec: ArraySpec) -> NDBuffer:
        """Decode one slab; the last slab of a volume may be stored without Zarr's padding."""
        content = data.to_bytes()
        header = read_header(content)  # before anything of the size that it tells is made
        wanted = spec.dtype.to_native_dtype()
        if (
            header.dtype != wanted.name
            or header.shape[1:] != spec.shape[1:]
            or header.shape[0] > spec.shape[0]
        ):
            raise CorruptStreamError(
                f"expected a slab within {spec.shape} of {wanted.name}, got {header.shape} of "
                f"{header.dtype}; restore the object from a copy"
            )
        voxels = decode_slab(content, self.loaded)
        if voxels.shape[0] < spec.shape[0]:
            padded = np.full(spec.shape, spec.fill_value, wanted)
            padded[: voxels.shape[0]] = voxels
            voxels = padded
        return spec.prototype.nd_buffer.from_numpy_array(voxels.astype(wanted, copy=False))

    async def _encode_single(self, chunk_array: NDBuffer, chunk_spec: ArraySpec) -> Buffer | None:
        """Encode in a thread, as the pipeline wants it."""
        return await asyncio.to_thread(self._encode_sync, chunk_array, chunk_spec)

    async def _decode_single(self, chunk_data: Buffer, chunk_spec: ArraySpec) -> NDBuffer:
        """Decode in a thread, as the pipeline wants it."""
        return await asyncio.to_thread(self._decode_sync, chunk_data, chunk_spec)

    def compute_encoded_size(self, input_byte_length: int, _chunk_spec: ArraySpec) -> int:
        """Refuse: encoded sizes vary with the content.

        Raises
        ------
        NotImplementedError
            Always, as Zarr's interface asks of codecs of varying size.
        """
        raise NotImplementedError


# The entry point does this for whoever only opens an archive; a checkout that is not installed has
# none.
register_codec("medzip", MedZipCodec)
