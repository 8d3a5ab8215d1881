"""Encoded slabs, models, envelope and manifest -> one object at a temporary name."""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import zstandard

from medzip import __version__
from medzip.archive.container import ENVELOPE, MANIFEST, ContainerWriter, metadata, slab_name
from medzip.archive.encoding import read_fitted, read_model, read_slab
from medzip.archive.handles import Sealed
from medzip.archive.layout import ARCHIVE_FORMAT, sha256_file, work_path
from medzip.archive.records import SeriesRecord, StageSeconds, Verdict, VolumeRecord
from medzip.zarr_codec import MedZipCodec

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.archive.handles import Staged
    from medzip.archive.records import PartBytes, SlabRecord
    from medzip.codec import Model

__all__ = ["seal"]


def seal(staged: Staged) -> Sealed:
    """Assemble the object and flush it to disk; the same work gives the same bytes.

    Parameters
    ----------
    staged : Staged
        An object whose slabs are all encoded.

    Returns
    -------
    Sealed
        Its temporary path, size and digest; not proven yet.

    Raises
    ------
    OSError
        When a slab is missing or the archive cannot be written.
    ValueError
        When a slab is broken.
    """
    started = time.perf_counter()
    work = work_path(staged.archive, staged.key)
    path = work / "object.zip"
    fitted = read_fitted(staged)
    models = [read_model(staged, number) for number in range(len(staged.volumes))]
    manifest = zstandard.ZstdCompressor(level=19, write_checksum=True).compress(
        (work / "manifest.json").read_bytes()
    )
    described = metadata(
        [(v, MedZipCodec.of(m)) for v, m in zip(staged.volumes, models, strict=True)],
        (work / "envelope.zst").stat().st_size,
        len(manifest),
        {"medzip": {"archive_format": ARCHIVE_FORMAT, "key": staged.key}},
    )
    written = _write(path, staged, described, manifest)
    slabs, parts = written.slabs, written.parts
    volumes = _volumes(staged, models, written)
    seconds = StageSeconds(
        stage=staged.seconds,
        fit=fitted.seconds,
        encode=sum(slab.seconds for slab in slabs),
        seal=time.perf_counter() - started,
    )
    record = SeriesRecord(
        key=staged.key,
        kind="series" if staged.volumes else "other",
        verdict=Verdict.PROVEN,
        profile=staged.profile,
        codec_version=__version__,
        format_version=ARCHIVE_FORMAT,
        files=staged.files,
        raw_bytes=staged.raw_bytes,
        encoded_bytes=parts.total,
        voxels=sum(volume.voxels for volume in volumes),
        voxel_bytes=sum(slab.raw_bytes for slab in slabs),
        parts=parts,
        kept_whole=staged.kept_whole,
        volumes=volumes,
        slabs=slabs,
        seconds=seconds,
        trials=fitted.trials,
        kept_bytes=staged.kept_bytes,
    )
    sha256 = sha256_file(path)
    return Sealed(
        staged.ref,
        path=str(path),
        sha256=sha256,
        size=parts.total,
        pid=os.getpid(),
        record=replace(record, seconds=replace(seconds, seal=time.perf_counter() - started)),
    )


class _Written(NamedTuple):
    """What an object on disk holds: records of its slabs, and bytes of its parts."""

    slabs: tuple[SlabRecord, ...]
    parts: PartBytes
    model_bytes: dict[str, int]
    slab_bytes: list[int]


def _write(path: Path, staged: Staged, described: dict[str, bytes], manifest: bytes) -> _Written:
    """Write the object and flush it: metadata, slabs in their order, envelope, manifest."""
    with open(path, "wb") as file:
        writer = ContainerWriter(file)
        try:
            return _write_parts(writer, path.parent, staged, described, manifest)
        except BaseException:
            writer.abandon()
            raise


def _write_parts(
    writer: ContainerWriter,
    work: Path,
    staged: Staged,
    described: dict[str, bytes],
    manifest: bytes,
) -> _Written:
    slabs = []
    slab_bytes = [0] * len(staged.volumes)
    model_bytes = {}
    for name, data in described.items():
        part = "model" if name.startswith("volumes/") and name.count("/") == 2 else None
        model_bytes[name] = writer.add(name, data, part, deflate=True)
    for volume, index in staged.slab_indices:
        data, slab_record = read_slab(staged, volume, index)
        writer.add(slab_name(volume, index), data, "slabs")
        slabs.append(slab_record)
        slab_bytes[volume] += len(data)
    writer.add_file(ENVELOPE, work / "envelope.zst", "envelope")
    writer.add(MANIFEST, manifest, "manifest")
    parts = writer.close()
    return _Written(tuple(slabs), parts, model_bytes, slab_bytes)


def _volumes(staged: Staged, models: list[Model], written: _Written) -> tuple[VolumeRecord, ...]:
    """Records of the volumes, with the bytes that each took."""
    return tuple(
        VolumeRecord(
            shape=staged_volume.shape,
            dtype=staged_volume.dtype,
            depth=staged_volume.depth,
            geometry=staged_volume.geometry,
            model_digest=model.digest,
            model_bytes=written.model_bytes[f"volumes/{number}/zarr.json"],
            slab_bytes=written.slab_bytes[number],
            base_digest=model.origin,
        )
        for number, (staged_volume, model) in enumerate(zip(staged.volumes, models, strict=True))
    )
