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

from medzip.codec.packing import DTYPES
from medzip.errors import SourceError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from numpy.typing import NDArray

    from medzip.dicom.records import FileEntry, Stack

__all__ = ["Volume", "find_volumes", "middle"]

_ARRAYS = (".npy", ".tif", ".tiff")
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
    """Find volumes: by ``index.json``, else arrays and DICOM series at any depth.

    Parameters
    ----------
    folder
        With an ``index.json`` that maps a name to file (TIFF), shape, dtype and offset; or with
        ``.npy`` and ``.tif`` files of (z, y, x) or (y, x), DICOM files, or both.

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
    files = sorted(path for path in root.rglob("*") if path.is_file())
    arrays = [path for path in files if path.suffix.lower() in _ARRAYS]
    volumes = [Volume(_name(path, root, arrays), _array_loader(path)) for path in arrays]
    if len(arrays) < len(files):
        volumes += _dicom(root)
    if not volumes:
        raise SourceError(
            f"expected DICOM series, .npy or .tif arrays or an index.json in {root}, got none; "
            "name a folder with images"
        )
    return volumes


def _name(file: Path, root: Path, arrays: list[Path]) -> str:
    """Name an array by its path in the folder; with suffix where two differ in nothing else."""
    alike = [other for other in arrays if other.with_suffix("") == file.with_suffix("")]
    within = file.relative_to(root)
    return str(within if len(alike) > 1 else within.with_suffix("")).replace("\\", "/")


def _array_loader(file: Path) -> Callable[[], NDArray[Any]]:
    def load() -> NDArray[Any]:
        try:
            if file.suffix.lower() == ".npy":
                array = np.load(file, allow_pickle=False)
            else:
                array = _read_tiff(file)
        except (OSError, ValueError, EOFError) as error:
            raise SourceError(
                f"expected an array in {file.name}, got {type(error).__name__}: {error}; "
                "take it out of the folder"
            ) from error
        return _as_voxels(array, file.name)

    return load


def _read_tiff(file: Path) -> NDArray[Any]:
    try:
        import tifffile
    except ImportError as error:
        raise SourceError(
            f"expected tifffile to read {file.name}, got none: pip install tifffile"
        ) from error
    return np.asarray(tifffile.imread(file))


def _as_voxels(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Make (z, y, x) of 8 or 16 bit integers out of an array, if its values are such.

    Wider integers, as NumPy makes them by default, are narrowed where all values fit.

    Raises
    ------
    SourceError
        If it has another number of dimensions, no voxels, or values that do not fit.
    """
    volume = array[None] if array.ndim == 2 else array
    if volume.ndim == 3 and volume.size and volume.dtype.kind in "iu":
        native = volume.astype(volume.dtype.newbyteorder("="), copy=False)
        if native.dtype.name in DTYPES:
            return native
        least, most = int(native.min()), int(native.max())
        for narrow in ("uint16", "int16"):
            if np.iinfo(narrow).min <= least and most <= np.iinfo(narrow).max:
                return native.astype(narrow)
    raise SourceError(
        f"expected (z, y, x) or (y, x) integers of at most 16 bits in {name}, got shape "
        f"{array.shape} of {array.dtype}; save the stored values of one grey channel"
    )


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
        stored = _read_tiff(file).reshape(entry["shape"])
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
