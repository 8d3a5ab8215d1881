"""Where the voxels of a series lie, and how they are read: slice by slice where that can be."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from medzip.archive.committing import discard
from medzip.archive.reader import ObjectReader
from medzip.archive.staging import raw_volume, stage
from medzip.models import model_folders
from medzip.volumes.arrays import read_array, read_tiff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from medzip.archive.handles import ObjectPlan
    from medzip.fitting.fit import Volume

__all__ = ["Archived", "ArrayFile", "Dicom", "Held", "IndexedTiff", "Place"]


class Place(Protocol):
    """Where a volume lies; small and picklable, its voxels are opened where they are needed."""

    def open(self, scratch: Path) -> AbstractContextManager[Volume]:
        """Its voxels, to slice along z; `scratch` is a folder for what has to be laid out first.

        Raises
        ------
        SourceError
            It is no volume.
        """


@dataclass(frozen=True)
class ArrayFile:
    """A ``.npy`` or ``.tif`` file.

    Attributes
    ----------
    path
        The file.
    """

    path: str

    @contextmanager
    def open(self, scratch: Path) -> Iterator[Volume]:
        """Its voxels: mapped from a ``.npy`` file, held as a whole from another."""
        yield read_array(Path(self.path))


@dataclass(frozen=True)
class IndexedTiff:
    """A TIFF file that an index describes.

    Attributes
    ----------
    path
        The file.
    shape, dtype
        Of the voxels.
    offset
        What to add to the values that are stored.
    """

    path: str
    shape: tuple[int, ...]
    dtype: str
    offset: int

    @contextmanager
    def open(self, scratch: Path) -> Iterator[Volume]:
        """Its voxels, held as a whole."""
        stored = read_tiff(Path(self.path)).reshape(self.shape)
        yield (stored.astype(np.int32) + self.offset).astype(self.dtype)


@dataclass(frozen=True)
class Held:
    """Voxels that are in memory already.

    Attributes
    ----------
    voxels
        (z, y, x).
    """

    voxels: NDArray[Any] = field(compare=False, repr=False)

    @contextmanager
    def open(self, scratch: Path) -> Iterator[Volume]:
        """The voxels."""
        yield self.voxels


@dataclass(frozen=True)
class Dicom:
    """One volume of the DICOM files of a plan.

    Attributes
    ----------
    plan
        From `medzip.archive.scan`.
    number
        Of the volume in it.
    """

    plan: ObjectPlan
    number: int

    @contextmanager
    def open(self, scratch: Path) -> Iterator[Volume]:
        """Staged as raw slabs in a Zarr array under `scratch`, read slab by slab."""
        work = scratch / f"{self.plan.key[:16]}-{self.number}"
        staged = stage(self.plan, work, "fast")
        try:
            yield raw_volume(staged, self.number)
        finally:
            discard(work, self.plan.key)


@dataclass(frozen=True)
class Archived:
    """One volume of an object of a MedZip archive.

    Attributes
    ----------
    archive, path
        The archive, and the object in it.
    number
        Of the volume in the object.
    """

    archive: str
    path: str
    number: int

    @contextmanager
    def open(self, scratch: Path) -> Iterator[Volume]:
        """Decoded slab by slab."""
        models = Path(self.archive) / "models"
        with model_folders(models), ObjectReader(Path(self.path)) as reader:
            yield _ArchivedVolume(reader, self.number)


class _ArchivedVolume:
    """Slices of a volume of an open object; one decoded slab is held."""

    def __init__(self, reader: ObjectReader, number: int) -> None:
        described = reader.manifest.volumes[number]
        self.shape = described.shape
        self.dtype = np.dtype(described.dtype)
        self._depth = described.depth
        self._reader, self._number = reader, number
        self._model = reader.model(number)
        self._held: tuple[int, np.ndarray] | None = None

    def __getitem__(self, key: slice) -> np.ndarray:
        low, high, _ = key.indices(self.shape[0])
        out = np.empty((max(0, high - low), *self.shape[1:]), self.dtype)
        for z in range(low, high):
            slab, inside = divmod(z, self._depth)
            if self._held is None or self._held[0] != slab:
                self._held = None  # free it before the next one is decoded
                self._held = slab, self._reader.slab(self._number, slab, self._model)
            out[z - low] = self._held[1][inside]
        return out
