"""Where volumes to measure come from: DICOM, arrays, or a folder with an index.

They are loaded one at a time. DICOM series are named by the digest of their content, never by UID
or path, since results are made to be published.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.errors import SourceError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray

    from medzip.dicom.records import FileEntry, Stack

__all__ = ["Volume", "find_volumes", "middle"]

_ORIGIN = ("licence", "modality", "origin", "vendor")


@dataclass(frozen=True)
class Volume:
    """A volume by name, and how to get its voxels.

    Attributes
    ----------
    name : str
        Unique among the volumes of a run.
    load : callable
        () -> ndarray (z, y, x).
    about : tuple of (str, str)
        Origin and licence, where an index tells.
    """

    name: str
    load: Callable[[], NDArray[Any]] = field(compare=False, repr=False)
    about: tuple[tuple[str, str], ...] = ()


def middle(voxels: NDArray[Any], slices: int | None) -> NDArray[Any]:
    """Take at most `slices` slices out of the middle, contiguous."""
    if slices is None or voxels.shape[0] <= slices:
        return np.ascontiguousarray(voxels)
    first = (voxels.shape[0] - slices) // 2
    return np.ascontiguousarray(voxels[first : first + slices])


def find_volumes(folder: str | os.PathLike[str]) -> list[Volume]:
    """Find volumes: by ``index.json``, else ``.npy`` files, else DICOM series.

    Parameters
    ----------
    folder
        With an ``index.json`` that maps a name to file (TIFF), shape, dtype and offset; or with
        ``.npy`` files of (z, y, x) or (y, x); or with DICOM files at any depth.

    Raises
    ------
    SourceError
        If the folder is missing or holds nothing of these.
    """
    root = Path(folder)
    if not root.is_dir():
        raise SourceError(f"expected a folder of images, got {root}; check the path")
    if (root / "index.json").is_file():
        return _indexed(root)
    arrays = sorted(root.rglob("*.npy"))
    if arrays:
        return [Volume(_name(file, root), _array_loader(file)) for file in arrays]
    volumes = _dicom(root)
    if not volumes:
        raise SourceError(
            f"expected DICOM series, .npy arrays or an index.json in {root}, got none; "
            "name a folder with images"
        )
    return volumes


def _name(file: Path, root: Path) -> str:
    return str(file.relative_to(root).with_suffix("")).replace("\\", "/")


def _array_loader(file: Path) -> Callable[[], NDArray[Any]]:
    def load() -> NDArray[Any]:
        array: NDArray[Any] = np.load(file, allow_pickle=False)
        return array[None] if array.ndim == 2 else array

    return load


def _indexed(root: Path) -> list[Volume]:
    index: dict[str, dict[str, Any]] = json.loads((root / "index.json").read_text())
    return [
        Volume(
            name,
            _tiff_loader(root / entry["file"], entry),
            tuple((key, str(entry[key])) for key in _ORIGIN if entry.get(key)),
        )
        for name, entry in sorted(index.items())
    ]


def _tiff_loader(file: Path, entry: dict[str, Any]) -> Callable[[], NDArray[Any]]:
    def load() -> NDArray[Any]:
        try:
            import tifffile
        except ImportError as error:
            raise SourceError(
                f"expected tifffile to read {file.name}, got none: pip install tifffile"
            ) from error
        stored = tifffile.imread(file).reshape(entry["shape"])
        voxels = stored.astype(np.int32) + entry.get("offset", 0)
        return np.asarray(voxels.astype(entry["dtype"]))

    return load


def _dicom(root: Path) -> list[Volume]:
    from medzip.archive import scan

    volumes = []
    for plan in scan([root]).plans:
        for number, stack in enumerate(plan.stacks):
            name = f"{plan.name}-{number}" if len(plan.stacks) > 1 else plan.name
            volumes.append(Volume(name, _stack_loader(plan.files, number, stack)))
    return volumes


def _stack_loader(
    files: tuple[FileEntry, ...], number: int, stack: Stack
) -> Callable[[], NDArray[Any]]:
    def load() -> NDArray[Any]:
        from medzip.dicom.volume import voxels_of

        voxels = np.zeros(stack.shape, dtype=stack.dtype)
        for entry in files:
            spans = [span for span in entry.spans if span.stack == number]
            if not spans or entry.copy_of >= 0:
                continue
            with open(entry.source, "rb") as file:
                for span in spans:
                    file.seek(span.offset - span.header)
                    header, data = file.read(span.header), file.read(span.length)
                    shape = (span.slices, *stack.shape[1:])
                    last = span.z + span.slices * span.step
                    voxels[span.z : last : span.step] = voxels_of(
                        data, header, shape, stack.dtype, span.coding
                    )
        return voxels

    return load
