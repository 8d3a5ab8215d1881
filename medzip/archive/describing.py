"""A committed object -> its record, as reports and ``inspect`` show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.archive.container import ENVELOPE, MANIFEST, slab_name, volume_metadata
from medzip.archive.failures import failure_of
from medzip.archive.handles import kept_whole
from medzip.archive.index import read_index
from medzip.archive.layout import ARCHIVE_FORMAT, object_path, open_archive
from medzip.archive.reader import ObjectReader
from medzip.archive.records import (
    NAME_DIGITS,
    PartBytes,
    SeriesRecord,
    SlabRecord,
    StageSeconds,
    Verdict,
    VolumeRecord,
)
from medzip.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medzip.archive.layout import StrPath
    from medzip.archive.records import Failure

__all__ = ["StoredFile", "describe", "inspect", "object_paths", "stored_files"]


@dataclass(frozen=True)
class StoredFile:
    """How one file is stored; it has a path, so it is for the terminal, never for reports.

    Attributes
    ----------
    name : str
        Of its object, as reports have it.
    path : str
        Path in the archive.
    size, sha256 : int, str
        Of its content.
    storage : str
        "coded" (its voxels by the codec), "whole", or "copy" (of another file of its object).
    reason : str
        Why it is kept whole (``medzip.dicom.reasons``); "" where it is not.
    """

    name: str
    path: str
    size: int
    sha256: str
    storage: str
    reason: str


def describe(path: Path) -> SeriesRecord:
    """Describe an object by its manifest and container; nothing is decoded, nothing is proven.

    Raises
    ------
    ArchiveError
        When the object is broken.
    """
    with ObjectReader(path) as reader:
        manifest, sizes = reader.manifest, reader.sizes()
        models = [reader.model(number) for number in range(len(manifest.volumes))]
    slabs: list[SlabRecord] = []
    volumes: list[VolumeRecord] = []
    for number, (volume, model) in enumerate(zip(manifest.volumes, models, strict=True)):
        first = len(slabs)
        for slab in range(volume.slabs):
            depth = min(volume.depth, volume.shape[0] - slab * volume.depth)
            voxels = depth * volume.shape[1] * volume.shape[2]
            slabs.append(
                SlabRecord(
                    name=manifest.key[:NAME_DIGITS],
                    volume=number,
                    slab=slab,
                    shape=(depth, volume.shape[1], volume.shape[2]),
                    dtype=volume.dtype,
                    voxels=voxels,
                    raw_bytes=voxels * np.dtype(volume.dtype).itemsize,
                    encoded_bytes=sizes.get(slab_name(number, slab), 0),
                    sha256="",
                    model_digest=model.digest,
                    seconds=0.0,
                    reused=True,
                )
            )
        volumes.append(
            VolumeRecord(
                shape=volume.shape,
                dtype=volume.dtype,
                depth=volume.depth,
                geometry=volume.geometry,
                model_digest=model.digest,
                model_bytes=sizes.get(volume_metadata(number), 0),
                slab_bytes=sum(slab.encoded_bytes for slab in slabs[first:]),
                base_digest=model.origin,
            )
        )
    size = path.stat().st_size
    parts = PartBytes(
        slabs=sum(volume.slab_bytes for volume in volumes),
        model=sum(volume.model_bytes for volume in volumes),
        envelope=sizes.get(ENVELOPE, 0),
        manifest=sizes.get(MANIFEST, 0),
    )
    kept, kept_bytes = kept_whole(manifest.files)
    return SeriesRecord(
        key=manifest.key,
        kind=manifest.kind,
        verdict=Verdict.RECORDED,
        profile=manifest.profile,
        codec_version=manifest.codec_version,
        format_version=ARCHIVE_FORMAT,
        files=len(manifest.files),
        raw_bytes=sum(file.size for file in manifest.files),
        encoded_bytes=size,
        voxels=sum(slab.voxels for slab in slabs),
        voxel_bytes=sum(slab.raw_bytes for slab in slabs),
        parts=PartBytes(
            parts.slabs, parts.model, parts.envelope, parts.manifest, size - parts.total
        ),
        kept_whole=kept,
        volumes=tuple(volumes),
        slabs=tuple(slabs),
        seconds=StageSeconds(),
        kept_bytes=kept_bytes,
    )


def object_paths(archive: StrPath) -> list[Path]:
    """Objects of an archive, oldest first.

    An archive whose index is missing or broken still has its objects: they come by name.

    Raises
    ------
    ArchiveError
        When the folder is no archive.
    """
    path = open_archive(archive)
    there = {file.stem: file for file in (path / "objects").glob("*.zip")}
    try:
        order = [entry.key for entry in read_index(path)]
    except (FileNotFoundError, ArchiveError):
        order = []
    # What the index names but is missing must fail where it is used, not vanish here.
    listed = [object_path(path, key) for key in order]
    return [*listed, *(there[key] for key in sorted(there.keys() - set(order)))]


def inspect(
    archive: StrPath, on_failure: Callable[[Failure], None] | None = None
) -> tuple[SeriesRecord, ...]:
    """Describe all objects of an archive, as they are recorded; ``verify`` checks them.

    Parameters
    ----------
    archive : path
        The archive.
    on_failure : callable, optional
        Called for each object that is broken; the others are described all the same. Without it
        the first broken object raises.

    Returns
    -------
    tuple of SeriesRecord
        Oldest object first.

    Raises
    ------
    ArchiveError
        When the folder is no archive, or (without ``on_failure``) an object is broken.
    """
    records = []
    for path in object_paths(archive):
        try:
            records.append(describe(path))
        except Exception as error:
            if on_failure is None:
                raise
            on_failure(failure_of(path.stem, "inspect", error))
    return tuple(records)


def stored_files(
    archive: StrPath, on_failure: Callable[[Failure], None] | None = None
) -> Iterator[StoredFile]:
    """Say of every file how it is stored, object by object; nothing is decoded.

    Parameters
    ----------
    archive : path
        The archive.
    on_failure : callable, optional
        As for `inspect`.

    Raises
    ------
    ArchiveError
        As `inspect` does.
    """
    for path in object_paths(archive):
        try:
            with ObjectReader(path) as reader:
                files = reader.manifest.files
        except Exception as error:
            if on_failure is None:
                raise
            on_failure(failure_of(path.stem, "inspect", error))
            continue
        for file in files:
            kept = "whole" if file.copy_of < 0 else "copy"
            yield StoredFile(
                name=path.stem[:NAME_DIGITS],
                path=file.path,
                size=file.size,
                sha256=file.sha256,
                storage="coded" if file.spans else kept,
                reason=file.reason,
            )
