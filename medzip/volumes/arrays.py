"""Arrays in files: ``.npy`` and ``.tif``, and what makes voxels of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.codec.voxels import DTYPES
from medzip.errors import SourceError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["SUFFIXES", "as_voxels", "count_voxels", "read_array", "read_tiff"]

SUFFIXES = (".npy", ".tif", ".tiff")


def read_array(file: Path) -> NDArray[Any]:
    """Voxels (z, y, x) of a file; (y, x) is one slice. A ``.npy`` file is mapped where it can be.

    Raises
    ------
    SourceError
        It is no such array.
    """
    try:
        if file.suffix.lower() == ".npy":
            array = np.load(file, mmap_mode="r", allow_pickle=False)
        else:
            array = read_tiff(file)
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(
            f"expected an array in {file.name}, got {type(error).__name__}: {error}; "
            "take it out of the folder"
        ) from error
    return as_voxels(array, file.name)


def read_tiff(file: Path) -> NDArray[Any]:
    """What tifffile makes of a file.

    Raises
    ------
    SourceError
        There is no tifffile.
    """
    try:
        import tifffile
    except ImportError as error:
        raise SourceError(
            f"expected tifffile to read {file.name}, got none: pip install tifffile"
        ) from error
    return np.asarray(tifffile.imread(file))


def count_voxels(file: Path) -> int:
    """How many voxels a file has; 0 where it cannot be read, and reading it then says why."""
    try:
        return int(read_array(file).size)
    except SourceError:
        return 0


def as_voxels(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Make (z, y, x) of 8 or 16 bit integers out of an array, if its values are such.

    Wider integers, as NumPy makes them by default, are narrowed where all values fit.

    Raises
    ------
    SourceError
        It has another number of dimensions, no voxels, or values that do not fit.
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
