"""The container of an object: a zip store holding one Zarr v3 group, the same bytes every time.

::

    zarr.json                      the group
    volumes/<v>/zarr.json          array of a volume; the model is in the codec's configuration
    volumes/<v>/c/<s>/0/0          slab s, encoded
    envelope/zarr.json, c/0        uint8 array: the zstd frame of all bytes outside the volumes
    manifest/zarr.json, c/0        uint8 array: the zstd frame of the manifest (canonical JSON)

Metadata are deflated (that packs the model's base64), the rest is stored: it is compressed already.
"""

from __future__ import annotations

import os
import zipfile
from typing import TYPE_CHECKING, Any

import zarr
from zarr.storage import MemoryStore

from medzip.archive.records import PartBytes

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from typing import BinaryIO

    from zarr.core.buffer import Buffer

    from medzip.archive.handles import StagedVolume
    from medzip.zarr_codec import MedZipCodec

__all__ = ["ENVELOPE", "MANIFEST", "ContainerWriter", "metadata", "slab_name", "volume_metadata"]

ENVELOPE = "envelope/c/0"
MANIFEST = "manifest/c/0"
_COPY = 1 << 20


def slab_name(volume: int, slab: int) -> str:
    """Name of an encoded slab in the container."""
    return f"volumes/{volume}/c/{slab}/0/0"


def volume_metadata(volume: int) -> str:
    """Name of the metadata of a volume in the container."""
    return f"volumes/{volume}/zarr.json"


def metadata(
    volumes: Sequence[tuple[StagedVolume, MedZipCodec]],
    envelope_bytes: int,
    manifest_bytes: int,
    attributes: dict[str, Any],
) -> dict[str, bytes]:
    """Zarr metadata of an object by name, written by Zarr itself.

    Parameters
    ----------
    volumes : sequence of (StagedVolume, MedZipCodec)
        The volumes and the codecs that hold their models.
    envelope_bytes, manifest_bytes : int
        Lengths of the two frames.
    attributes : dict
        Attributes of the group.
    """
    content: dict[str, Buffer] = {}
    store = MemoryStore(content)
    zarr.create_group(store, attributes=attributes)
    for number, (volume, codec) in enumerate(volumes):
        zarr.create_array(
            store,
            name=f"volumes/{number}",
            shape=volume.shape,
            chunks=(volume.depth, volume.shape[1], volume.shape[2]),
            dtype=volume.dtype,
            filters=None,
            serializer=codec,
            compressors=None,
            fill_value=0,
            dimension_names=("z", "y", "x"),
        )
    for name, length in (("envelope", envelope_bytes), ("manifest", manifest_bytes)):
        zarr.create_array(
            store,
            name=name,
            shape=(length,),
            chunks=(length,),
            dtype="uint8",
            filters=None,
            compressors=None,
            fill_value=0,
        )
    return {name: content[name].to_bytes() for name in sorted(content)}


class ContainerWriter:
    """Write a zip whose bytes depend on its content only, counting bytes by part.

    Parameters
    ----------
    file : binary file
        Open for writing, seekable, at its start.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file, "w", allowZip64=True)
        self._parts = {"slabs": 0, "model": 0, "envelope": 0, "manifest": 0}

    def add(self, name: str, data: bytes, part: str | None, *, deflate: bool = False) -> int:
        """Add bytes that count as ``part`` (None: container); return how many they became."""
        info = _info(name, deflate)
        self._zip.writestr(info, data, compresslevel=9 if deflate else None)
        if part:
            self._parts[part] += info.compress_size
        return info.compress_size

    def add_file(self, name: str, path: Path, part: str) -> None:
        """Add the content of a file as it is."""
        info = _info(name, deflate=False)
        info.file_size = path.stat().st_size
        with open(path, "rb") as source, self._zip.open(info, "w") as target:
            while chunk := source.read(_COPY):
                target.write(chunk)
        self._parts[part] += info.compress_size

    def close(self) -> PartBytes:
        """Write the directory, flush to disk, and say how many bytes each part took."""
        self._zip.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        return PartBytes(**self._parts, container=size - sum(self._parts.values()))

    def abandon(self) -> None:
        """Leave it as it is, where the disk is full: nobody is to write more when it is dropped."""
        self._zip.fp = None


def _info(name: str, deflate: bool) -> zipfile.ZipInfo:
    """Entry without time, owner or platform."""
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.create_system = 3
    info.external_attr = 0o644 << 16
    info.compress_type = zipfile.ZIP_DEFLATED if deflate else zipfile.ZIP_STORED
    return info
