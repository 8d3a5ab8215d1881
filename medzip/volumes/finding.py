"""Folders -> the series in them, with what is known of each."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.archive import scan
from medzip.archive.describing import object_paths
from medzip.archive.layout import sha256_file
from medzip.archive.reader import ObjectReader
from medzip.archive.records import NAME_DIGITS
from medzip.canonical import digest_of
from medzip.errors import SourceError
from medzip.fitting.fit import LEAST_VOXELS
from medzip.volumes.about import SeriesAbout
from medzip.volumes.series import (
    ArchivedSource,
    ArraySource,
    CohortSeries,
    DicomSource,
    IndexSource,
    read_array,
)
from medzip.volumes.tags import spacing_of, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["find_cohort"]

_ARRAYS = (".npy", ".tif", ".tiff")
_HEADER = 4 << 20
"""Bytes of an archived file in which its header ends, at most."""


def find_cohort(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], modality: str = ""
) -> tuple[CohortSeries, ...]:
    """Find series to learn from; copies and series too small to train on are left out.

    Parameters
    ----------
    sources
        Folders: a MedZip archive, one with an ``index.json``, or any with ``.npy``, ``.tif`` and
        DICOM files at any depth.
    modality
        "CT" or "MR" for those alone; arrays without an index are of no modality.

    Raises
    ------
    SourceError
        A source is missing, or there is nothing to learn from.
    """
    folders = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    found: dict[str, CohortSeries] = {}
    for folder in folders:
        for series in _find(Path(folder)):
            about = series.about
            if about.voxels >= LEAST_VOXELS and modality in ("", about.modality):
                found.setdefault(about.key, series)
    if not found:
        raise SourceError(
            f"expected series {f'of {modality} ' if modality else ''}with at least {LEAST_VOXELS} "
            "voxels, got none; name a folder with images or an archive"
        )
    return tuple(found[key] for key in sorted(found))


def _find(root: Path) -> Iterator[CohortSeries]:
    if not root.is_dir():
        raise SourceError(f"expected a folder of images, got {root}; check the path")
    if (root / "medzip.json").is_file():
        yield from _archived(root)
    elif (root / "index.json").is_file():
        yield from _indexed(root)
    else:
        files = [path for path in root.rglob("*") if path.is_file()]
        arrays = sorted(path for path in files if path.suffix.lower() in _ARRAYS)
        if arrays:
            yield from _arrays(arrays)
        if len(arrays) < len(files):
            yield from _dicom(root)


def _indexed(root: Path) -> Iterator[CohortSeries]:
    index: dict[str, dict[str, Any]] = json.loads((root / "index.json").read_text())
    for name, entry in sorted(index.items()):
        shape = [int(n) for n in entry["shape"]]
        content = sha256_file(root / entry["file"])
        about = SeriesAbout(
            name,
            digest_of([content, shape, entry["dtype"]]),
            shape[0] * shape[1] * shape[2],
            modality=str(entry.get("modality", "")),
            scanner=str(entry.get("vendor", "")),
            kernel=str(entry.get("kernel_or_sequence", "")),
            spacing=spacing_of(str(entry.get("pixel_spacing_mm", ""))),
            licence=str(entry.get("licence", "")),
            origin=str(entry.get("origin", "")),
        )
        yield CohortSeries(about, IndexSource(str(root), name))


def _arrays(arrays: list[Path]) -> Iterator[CohortSeries]:
    for path in arrays:
        voxels = read_array(path)
        key = digest_of([sha256_file(path)])
        # not by its path, which may name a patient: models are made to be passed on
        about = SeriesAbout(key[:NAME_DIGITS], key, int(voxels.size))
        yield CohortSeries(about, ArraySource(str(path)))


def _dicom(root: Path) -> Iterator[CohortSeries]:
    for plan in scan([root]).plans:
        for number, stack in enumerate(plan.stacks):
            files = (file for file in plan.files if any(s.stack == number for s in file.spans))
            tags = tags_of(next(files).source)
            z, y, x = stack.shape
            about = _about(plan.key, number, len(plan.stacks), z * y * x, tags)
            yield CohortSeries(about, DicomSource(plan, number))


def _archived(root: Path) -> Iterator[CohortSeries]:
    for path in object_paths(root):
        with ObjectReader(path) as reader:
            volumes = reader.manifest.volumes
            tags = _archived_tags(reader) if volumes else {}
            key = reader.manifest.key
        for number, volume in enumerate(volumes):
            z, y, x = volume.shape
            about = _about(key, number, len(volumes), z * y * x, tags)
            yield CohortSeries(about, ArchivedSource(str(root), str(path), number))


def _archived_tags(reader: ObjectReader) -> dict[str, str]:
    """Tags of the first archived file with voxels; only what lies in front of them is read."""
    for file, pieces in reader.files():
        if not file.spans:
            continue
        head = b""
        for piece in pieces:
            head += piece
            if len(head) >= min(file.spans[0].offset, _HEADER):
                break
        return tags_of(io.BytesIO(head[: file.spans[0].offset]))
    return {}


def _about(key: str, number: int, of: int, voxels: int, tags: dict[str, str]) -> SeriesAbout:
    """Of a volume of an object: named as reports name it."""
    name = key[:NAME_DIGITS] + (f"-{number}" if of > 1 else "")
    content = hashlib.sha256(f"{key} {number}".encode()).hexdigest()
    return SeriesAbout(name, content, voxels, **tags)
