"""Plan -> raw slabs (a Zarr array a volume) and envelope, under ``ARCHIVE/work/<key>/``."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import zarr

from medzip import __version__
from medzip.archive.handles import (
    ObjectRef,
    Staged,
    StagedVolume,
    from_fields,
    kept_whole,
    to_fields,
)
from medzip.archive.layout import (
    ARCHIVE_FORMAT,
    canonical_json,
    work_path,
)
from medzip.archive.manifest import manifest_of
from medzip.archive.records import to_json
from medzip.archive.slabs import SlabWriter
from medzip.archive.source import SourceFile
from medzip.atomic import boot, write_atomic
from medzip.codec import slab_depth
from medzip.dicom.envelope import EnvelopeWriter
from medzip.dicom.records import pieces_of
from medzip.dicom.volume import coding_of, voxels_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.archive.handles import ObjectPlan
    from medzip.archive.layout import StrPath
    from medzip.dicom.records import FileEntry, Span, Stack

__all__ = ["CHUNK", "raw_volume", "read_staged", "stage", "write_staged"]

CHUNK = 4 << 20


def stage(plan: ObjectPlan, archive: StrPath, profile: str) -> Staged:
    """Lay out raw slabs and envelope; a stage that is complete is kept.

    Memory stays within some 300 MiB however long the series.

    Parameters
    ----------
    plan : ObjectPlan
        From ``scan``.
    archive : path
        Archive, locked by this run.
    profile : str
        Profile of the codec; it decides the depth of slabs.

    Returns
    -------
    Staged
        Handle for the steps that follow.

    Raises
    ------
    SourceError
        When a file cannot be read or changed since the scan.
    OSError
        When the archive cannot be written.
    """
    started = time.perf_counter()
    work = work_path(archive, plan.key)
    volumes = tuple(_staged_volume(stack, profile) for stack in plan.stacks)
    fingerprint = {
        "archive_format": ARCHIVE_FORMAT,
        "codec_version": __version__,
        "profile": profile,
        "volumes": to_json(volumes),
        "plan": hashlib.sha256(canonical_json(_stored(plan))).hexdigest(),
        "boot": boot() if plan.is_small else "",  # what did not wait for the disk ends with it
    }
    try:
        return read_staged(archive, plan.key, fingerprint)
    except (OSError, ValueError, KeyError, TypeError):
        shutil.rmtree(work, ignore_errors=True)  # missing, broken, or of other settings
    work.mkdir(parents=True)
    with open(work / "envelope.zst", "wb") as target:
        stored = [file for file in plan.files if file.copy_of < 0]
        outside = sum(f.size - sum(span.length for span in f.spans) for f in stored)
        slabs = [
            SlabWriter(work / "raw" / str(number), volume) for number, volume in enumerate(volumes)
        ]
        with EnvelopeWriter(target, outside) as envelope:
            for file in stored:
                _move(file, envelope, slabs)
        for writer in slabs:
            writer.flush()
        target.flush()
        if not plan.is_small:
            os.fsync(target.fileno())
    manifest = canonical_json(manifest_of(plan, volumes, profile, __version__))
    write_atomic(work / "manifest.json", manifest, durable=not plan.is_small)
    kept, kept_bytes = kept_whole(plan.files)
    staged = Staged(
        ObjectRef(os.fspath(archive), plan.key, profile),
        volumes=volumes,
        files=len(plan.files),
        raw_bytes=plan.raw_bytes,
        kept_whole=kept,
        kept_bytes=kept_bytes,
        seconds=time.perf_counter() - started,
    )
    write_staged(staged, fingerprint)
    return staged


def write_staged(staged: Staged, fingerprint: dict[str, Any]) -> None:
    """Write the handle of a complete stage: with it, the stage counts.

    Parameters
    ----------
    staged : Staged
        The handle.
    fingerprint : dict
        JSON of all that decides what was staged; `read_staged` compares it.
    """
    work = work_path(staged.archive, staged.key)
    value = {"fingerprint": fingerprint, "staged": to_fields(staged)}
    write_atomic(work / "stage.json", canonical_json(value), durable=not staged.is_small)


def read_staged(archive: StrPath, key: str, fingerprint: dict[str, Any] | None = None) -> Staged:
    """Read the handle of a complete stage back.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        When it is missing, broken, or (with ``fingerprint``) of other settings.
    """
    value = json.loads((work_path(archive, key) / "stage.json").read_bytes())
    if fingerprint is not None and value["fingerprint"] != fingerprint:
        raise ValueError("expected a stage of the same settings, got another one; stage again")
    fields = from_fields(archive, value["staged"])
    fields["volumes"] = tuple(
        StagedVolume(**{**volume, "shape": tuple(volume["shape"])}) for volume in fields["volumes"]
    )
    for name in ("kept_whole", "kept_bytes"):
        fields[name] = tuple((reason, count) for reason, count in fields[name])
    return Staged(**fields)


def raw_volume(staged: Staged, volume_index: int) -> zarr.Array[Any]:
    """Raw voxels of a staged volume, read lazily slab by slab."""
    path = work_path(staged.archive, staged.key) / "raw" / str(volume_index)
    return zarr.open_array(str(path), mode="r")


def _staged_volume(stack: Stack, profile: str) -> StagedVolume:
    """Choose the depth of slabs, such that the last one is padded least."""
    depth = slab_depth(stack.shape, profile)
    return StagedVolume(stack.shape, stack.dtype, depth, stack.geometry)


def _stored(plan: ObjectPlan) -> Any:
    """Pick what of a plan decides the staged bytes (paths to read from do not)."""
    value = to_json(plan)
    for file in value["files"]:
        del file["source"]
    return value


def _move(file: FileEntry, envelope: EnvelopeWriter, slabs: Sequence[SlabWriter]) -> None:
    """Read a file once: voxels into slabs, all else into the envelope; check that it is the one."""
    with SourceFile(file) as source:
        position = 0
        for span in file.spans:
            header, body = pieces_of(span)
            front = b""
            for offset, length in header:
                _pass(source, offset - position, envelope)
                piece = source.read(length)
                envelope.write(piece)
                front += piece
                position = offset + length
            if len(body) == 1:
                ((offset, length),) = body
                _pass(source, offset - position, envelope)
                _fill(source, span, front, slabs[span.stack])
                position = offset + length
            else:  # of one slice, in pieces
                pieces = []
                for offset, length in body:
                    _pass(source, offset - position, envelope)
                    pieces.append(source.read(length))
                    position = offset + length
                _place(b"".join(pieces), front, span, slabs[span.stack])
        _pass(source, file.size - position, envelope)
        source.finish()


def _fill(source: SourceFile, span: Span, header: bytes, slab: SlabWriter) -> None:
    """Read a span that lies in one place, a few slices at a time where its coding allows that."""
    at_once = span.slices
    if not coding_of(span.coding).per_frame:
        frame_bytes = span.length // span.slices
        at_once = max(1, min(span.slices, CHUNK // frame_bytes))
    for first in range(0, span.slices, at_once):
        count = min(at_once, span.slices - first)
        _place(source.read(span.length * count // span.slices), header, span, slab, first, count)


def _place(
    data: bytes, header: bytes, span: Span, slab: SlabWriter, first: int = 0, count: int = 1
) -> None:
    """Decode slices ``first``, ``first + 1``, ... of a span into their slab."""
    voxels = voxels_of(data, header, (count, *slab.shape[1:]), slab.dtype, span.coding)
    slab.write(span.z + first * span.step, span.step, voxels)


def _pass(source: SourceFile, count: int, envelope: EnvelopeWriter) -> None:
    """Pass bytes on to the envelope."""
    while count:
        data = source.read(min(count, CHUNK))
        envelope.write(data)
        count -= len(data)
