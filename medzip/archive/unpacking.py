"""An object of the archive -> raw slabs, envelope and manifest in work: staging without a source.

What `medzip.archive.staging` lays out from files, taken from the object that holds them, so that
it can be coded anew by whoever has the archive alone.
"""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

from medzip import __version__
from medzip.archive.handles import ObjectPlan, ObjectRef, Staged, StagedVolume, kept_whole
from medzip.archive.layout import (
    ARCHIVE_FORMAT,
    canonical_json,
    object_path,
    read_digest,
    sha256_file,
    work_path,
)
from medzip.archive.manifest import manifest_of
from medzip.archive.reader import ObjectReader
from medzip.archive.records import to_json
from medzip.archive.slabs import SlabWriter
from medzip.archive.staging import read_staged, write_staged
from medzip.atomic import write_atomic
from medzip.codec import slab_depth
from medzip.errors import VerificationError

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.archive.layout import StrPath
    from medzip.archive.manifest import Manifest

__all__ = ["unpack"]


def unpack(archive: StrPath, key: str, profile: str | None = None) -> Staged:
    """Lay an object out as `stage` does its source; one that is laid out completely is kept.

    Memory stays within a few slabs.

    Parameters
    ----------
    archive : path
        Archive, locked by this run.
    key : str
        Key of a committed object.
    profile : str, optional
        Profile that it is to be coded with; that which it is coded with, by default.

    Raises
    ------
    VerificationError
        The object does not have its digest.
    ArchiveError, CorruptStreamError
        It is broken.
    OSError
        The archive cannot be read or written.
    """
    started = time.perf_counter()
    path, work = object_path(archive, key), work_path(archive, key)
    sha256 = sha256_file(path)
    if read_digest(path) != sha256:
        raise VerificationError(
            f"{path}: expected SHA-256 {read_digest(path) or 'beside it'}, got {sha256}; restore "
            "it from a copy, or compress its source again"
        )
    with ObjectReader(path) as reader:
        manifest = reader.manifest
        chosen = profile or manifest.profile
        volumes = tuple(
            StagedVolume(v.shape, v.dtype, slab_depth(v.shape, chosen), v.geometry)
            for v in manifest.volumes
        )
        fingerprint = {
            "archive_format": ARCHIVE_FORMAT,
            "codec_version": __version__,
            "object": sha256,
            "profile": chosen,
            "volumes": to_json(volumes),
        }
        try:
            return read_staged(archive, key, fingerprint)
        except (OSError, ValueError, KeyError, TypeError):
            shutil.rmtree(work, ignore_errors=True)  # missing, broken, or of other settings
        work.mkdir(parents=True)
        with open(work / "envelope.zst", "wb") as target:
            target.writelines(reader.envelope_frame())
            target.flush()
            os.fsync(target.fileno())
        for number, volume in enumerate(volumes):
            _unpack_volume(reader, number, volume, work / "raw" / str(number))
    described = manifest_of(_plan(manifest), volumes, chosen, __version__)
    write_atomic(work / "manifest.json", canonical_json(described))
    kept, kept_bytes = kept_whole(manifest.files)
    staged = Staged(
        ObjectRef(os.fspath(archive), key, chosen),
        volumes=volumes,
        files=len(manifest.files),
        raw_bytes=sum(file.size for file in manifest.files),
        kept_whole=kept,
        kept_bytes=kept_bytes,
        seconds=time.perf_counter() - started,
    )
    write_staged(staged, fingerprint)
    return staged


def _unpack_volume(reader: ObjectReader, number: int, volume: StagedVolume, folder: Path) -> None:
    """Decode all slabs of a volume into raw slabs, whose depth may be another."""
    described = reader.manifest.volumes[number]
    model = reader.model(number)
    writer = SlabWriter(folder, volume)
    for slab in range(described.slabs):
        writer.write(slab * described.depth, 1, reader.slab(number, slab, model))
    writer.flush()


def _plan(manifest: Manifest) -> ObjectPlan:
    """The plan that an object was made of, as far as its manifest needs it."""
    return ObjectPlan(
        key=manifest.key,
        kind=manifest.kind,
        files=manifest.files,
        stacks=(),
        links=manifest.links,
        directories=manifest.directories,
    )
