"""Folders -> the series in them, with what is known of each.

Everything is named by the digest of its content, never by UID or path, for results and models are
made to be published; the path of an array is its title, which its user alone sees.
"""

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
from medzip.volumes.about import SeriesAbout
from medzip.volumes.arrays import SUFFIXES, count_voxels
from medzip.volumes.places import Archived, ArrayFile, Dicom, IndexedTiff
from medzip.volumes.series import Series
from medzip.volumes.tags import spacing_of, tags_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["find_volumes"]


def find_volumes(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
) -> tuple[Series, ...]:
    """Find all series, copies too.

    Parameters
    ----------
    sources
        Folders: a MedZip archive; one with an ``index.json`` that maps a name to file (TIFF),
        shape, dtype and offset; or any with ``.npy`` and ``.tif`` files of (z, y, x) or (y, x),
        DICOM files, or both, at any depth.

    Returns
    -------
    tuple of Series
        Folder by folder; arrays by path, then DICOM. An array that cannot be read has no voxels,
        and opening it says why.

    Raises
    ------
    SourceError
        A folder is missing, or there is nothing of these.
    """
    folders = [sources] if isinstance(sources, (str, os.PathLike)) else list(sources)
    found = tuple(series for folder in folders for series in _find(Path(folder)))
    if not found:
        raise SourceError(
            "expected DICOM series, .npy or .tif arrays, an index.json or an archive in "
            f"{', '.join(map(str, folders))}, got none; name a folder with images"
        )
    return found


def _find(root: Path) -> Iterator[Series]:
    if not root.is_dir():
        raise SourceError(f"expected a folder of images, got {root}; check the path")
    if (root / "medzip.json").is_file():
        yield from _archived(root)
    elif (root / "index.json").is_file():
        yield from _indexed(root)
    else:
        files = [path for path in root.rglob("*") if path.is_file()]
        arrays = sorted(path for path in files if path.suffix.lower() in SUFFIXES)
        yield from _arrays(root, arrays)
        if len(arrays) < len(files):
            yield from _dicom(root)


def _indexed(root: Path) -> Iterator[Series]:
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
        place = IndexedTiff(
            str(root / entry["file"]), tuple(shape), entry["dtype"], int(entry.get("offset", 0))
        )
        yield Series(about, place, name)


def _arrays(root: Path, arrays: list[Path]) -> Iterator[Series]:
    for path in arrays:
        key = digest_of([sha256_file(path)])
        about = SeriesAbout(key[:NAME_DIGITS], key, count_voxels(path))
        yield Series(about, ArrayFile(str(path)), _title(path, root, arrays))


def _title(file: Path, root: Path, arrays: list[Path]) -> str:
    """The path of an array in the folder; with suffix where two differ in nothing else."""
    alike = [other for other in arrays if other.with_suffix("") == file.with_suffix("")]
    within = file.relative_to(root)
    return str(within if len(alike) > 1 else within.with_suffix("")).replace("\\", "/")


def _dicom(root: Path) -> Iterator[Series]:
    for plan in scan([root]).plans:
        for number, stack in enumerate(plan.stacks):
            files = (file for file in plan.files if any(s.stack == number for s in file.spans))
            tags = tags_of(next(files).source)
            z, y, x = stack.shape
            about = _about(plan.key, number, len(plan.stacks), z * y * x, tags)
            yield Series(about, Dicom(plan, number), about.name)


def _archived(root: Path) -> Iterator[Series]:
    for path in object_paths(root):
        with ObjectReader(path) as reader:
            volumes = reader.manifest.volumes
            tags = _archived_tags(reader) if volumes else {}
            key = reader.manifest.key
        for number, volume in enumerate(volumes):
            z, y, x = volume.shape
            about = _about(key, number, len(volumes), z * y * x, tags)
            yield Series(about, Archived(str(root), str(path), number), about.name)


def _archived_tags(reader: ObjectReader) -> dict[str, str]:
    """Tags of the first archived file with voxels."""
    head = next((head for file, head in reader.heads() if file.spans), b"")
    return tags_of(io.BytesIO(head))


def _about(key: str, number: int, of: int, voxels: int, tags: dict[str, str]) -> SeriesAbout:
    """Of a volume of an object: named as reports name it."""
    name = key[:NAME_DIGITS] + (f"-{number}" if of > 1 else "")
    content = hashlib.sha256(f"{key} {number}".encode()).hexdigest()
    return SeriesAbout(name, content, voxels, **tags)
