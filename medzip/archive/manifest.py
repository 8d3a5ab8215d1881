"""What an object holds, as canonical JSON, and back with nothing taken on trust.

The manifest is all that restoring needs beside voxels and envelope. It comes out of a file that
anybody may have written, so :func:`read_manifest` checks everything before a path is used.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medzip.archive.handles import StagedVolume
from medzip.archive.layout import ARCHIVE_FORMAT, object_key
from medzip.archive.paths import check_paths
from medzip.archive.records import to_json
from medzip.codec.header import MOST_VOXELS
from medzip.dicom.records import MOST_HEADER, FileEntry, Span
from medzip.dicom.volume import CODINGS
from medzip.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medzip.archive.handles import ObjectPlan

__all__ = ["Manifest", "manifest_of", "read_manifest"]

_DTYPES = {"uint8": 1, "int8": 1, "uint16": 2, "int16": 2}


@dataclass(frozen=True)
class Manifest:
    """What an object holds.

    Attributes
    ----------
    key, kind, profile : str
        As in the plan it was made of.
    codec_version : str
        Version of the package that wrote it.
    files : tuple of FileEntry
        In storage order; ``source`` is "".
    links : tuple of (str, str)
        Symbolic links and their targets.
    directories : tuple of str
        Empty directories.
    volumes : tuple of StagedVolume
        The volumes.
    """

    key: str
    kind: str
    profile: str
    codec_version: str
    files: tuple[FileEntry, ...]
    links: tuple[tuple[str, str], ...]
    directories: tuple[str, ...]
    volumes: tuple[StagedVolume, ...]


def manifest_of(
    plan: ObjectPlan, volumes: Sequence[StagedVolume], profile: str, codec_version: str
) -> dict[str, Any]:
    """Describe a plan; series are listed once, files refer to them by number."""
    series = sorted({file.series_uid for file in plan.files})
    number = {uid: index for index, uid in enumerate(series)}
    return {
        "archive_format": ARCHIVE_FORMAT,
        "codec_version": codec_version,
        "key": plan.key,
        "kind": plan.kind,
        "profile": profile,
        "series": series,
        "files": [
            {
                "path": file.path,
                "size": file.size,
                "sha256": file.sha256,
                "mtime_ns": file.mtime_ns,
                "mode": file.mode,
                "series": number[file.series_uid],
                "reason": file.reason,
                "copy_of": file.copy_of,
                "spans": [_written(span) for span in file.spans],
            }
            for file in plan.files
        ],
        "links": [list(link) for link in plan.links],
        "directories": list(plan.directories),
        "volumes": [to_json(volume) for volume in volumes],
    }


def _written(span: Span) -> list[Any]:
    """A span as the manifest has it; the inverse of :func:`_span`."""
    values: list[Any] = [span.offset, span.length, span.stack, span.z, span.slices, span.step]
    values += [span.coding, span.header]
    return [*values, [list(gap) for gap in span.gaps]] if span.gaps else values


def _span(values: list[Any]) -> Span:
    """A span from the manifest."""
    return Span(
        offset=_count(values[0]),
        length=_count(values[1]),
        stack=_count(values[2]),
        z=_count(values[3]),
        slices=_count(values[4]),
        step=_count(values[5]),
        coding=_text(values[6]),
        header=_count(values[7]),
        gaps=tuple((_count(at), _count(skipped)) for at, skipped in values[8])
        if values[8:]
        else (),
    )


def read_manifest(data: bytes, name: str) -> Manifest:
    """Read and check a manifest.

    Parameters
    ----------
    data : bytes
        Its JSON.
    name : str
        Object it came from, for messages.

    Raises
    ------
    ArchiveError
        When it is of another format, contradicts itself, or names paths outside the destination.
    """
    try:
        value = json.loads(data)
        if value["archive_format"] != ARCHIVE_FORMAT:
            raise ArchiveError(
                f"{name}: expected archive format {ARCHIVE_FORMAT}, got "
                f"{value['archive_format']!r}; use the version of medzip that wrote it"
            )
        manifest = _build(value)
    except ArchiveError:
        raise
    except (
        ArithmeticError,
        AttributeError,
        LookupError,
        RecursionError,
        TypeError,
        ValueError,
    ) as error:
        raise ArchiveError(
            f"{name}: expected a manifest, got {type(error).__name__}: {error}; "
            "restore the object from a copy"
        ) from error
    check_paths(
        [file.path for file in manifest.files],
        [path for path, _ in manifest.links],
        manifest.directories,
        name,
    )
    _check(manifest, name)
    return manifest


def _build(value: dict[str, Any]) -> Manifest:
    """Build the records, with the type of every field made sure of."""
    files = tuple(
        FileEntry(
            path=_text(file["path"]),
            source="",
            size=_count(file["size"]),
            sha256=_text(file["sha256"]),
            mtime_ns=int(file["mtime_ns"]),
            mode=_count(file["mode"]) & 0o777,
            series_uid=_text(value["series"][_count(file["series"])]),
            spans=tuple(_span(span) for span in file["spans"]),
            reason=_text(file["reason"]),
            copy_of=int(file["copy_of"]),
        )
        for file in value["files"]
    )
    volumes = tuple(
        StagedVolume(
            shape=(_count(v["shape"][0]), _count(v["shape"][1]), _count(v["shape"][2])),
            dtype=_text(v["dtype"]),
            depth=_count(v["depth"]),
            geometry=_text(v["geometry"]),
        )
        for v in value["volumes"]
    )
    return Manifest(
        key=_text(value["key"]),
        kind=_text(value["kind"]),
        profile=_text(value["profile"]),
        codec_version=_text(value["codec_version"]),
        files=files,
        links=tuple((_text(path), _text(target)) for path, target in value["links"]),
        directories=tuple(_text(path) for path in value["directories"]),
        volumes=volumes,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, got {value!r}")
    return value


def _count(value: Any) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"expected a number of at least 0, got {value!r}")
    return value


def _check(manifest: Manifest, name: str) -> None:
    """Check that files, spans and volumes fit together, and that the key is the content's."""

    def demand(condition: bool, what: str) -> None:
        if not condition:
            raise ArchiveError(f"{name}: {what}; restore the object from a copy")

    content = ((file.path, file.size, file.sha256) for file in manifest.files)
    key = object_key(content, manifest.links, manifest.directories)
    demand(key == manifest.key, f"expected the content of key {manifest.key}, got {key}")
    for volume in manifest.volumes:
        demand(
            volume.dtype in _DTYPES
            and min(*volume.shape, volume.depth) > 0
            and volume.depth * volume.shape[1] * volume.shape[2] <= MOST_VOXELS,
            f"expected a volume of 8 or 16 bit voxels in slabs of at most {MOST_VOXELS}, "
            f"got {volume}",
        )
    slices = [0] * len(manifest.volumes)
    for index, file in enumerate(manifest.files):
        demand(file.copy_of < index, "expected a copy to follow its original, got it before")
        original = manifest.files[file.copy_of] if file.copy_of >= 0 else file
        demand(
            file.copy_of < 0
            or (original.copy_of < 0 and original.sha256 == file.sha256 and not file.spans),
            "expected a copy of the same content, got another one",
        )
        position = 0
        for span in file.spans:
            demand(
                span.stack < len(manifest.volumes)
                and span.slices > 0
                and span.step > 0
                and span.z + (span.slices - 1) * span.step < manifest.volumes[span.stack].shape[0],
                "expected pixels within a volume, got some outside",
            )
            slices[span.stack] += span.slices
            _check_span(span, manifest.volumes[span.stack], demand)
            demand(
                position <= span.start
                and span.header <= MOST_HEADER
                and span.length > 0
                and span.end <= file.size,
                "expected pixels within their file, got some outside",
            )
            position = span.end
    shapes = [volume.shape[0] for volume in manifest.volumes]
    demand(slices == shapes, f"expected files with {shapes} slices of the volumes, got {slices}")


def _check_span(span: Span, volume: StagedVolume, demand: Callable[[bool, str], None]) -> None:
    """Check the coding of a span, and its length where the coding says it."""
    demand(
        span.coding in CODINGS,
        f"expected a pixel coding of {sorted(CODINGS)}, got {span.coding!r}: was it written by a "
        "newer version",
    )
    if CODINGS[span.coding].per_frame:
        demand(span.slices == 1, f"expected one frame of {span.coding}, got {span.slices}")
    else:
        length = span.slices * volume.shape[1] * volume.shape[2] * _DTYPES[volume.dtype]
        demand(span.length == length, f"expected {length} bytes of pixels, got {span.length}")
    places = [0, *(at for at, _ in span.gaps), span.header + span.length]
    demand(
        not span.gaps
        or (
            span.slices == 1
            and all(before < at for before, at in itertools.pairwise(places))
            and all(skipped > 0 for _, skipped in span.gaps)
        ),
        f"expected a frame in pieces, got {span}",
    )
