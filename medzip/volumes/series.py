"""A series of a cohort and how its voxels are read: a few slices at a time where the source can."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.archive.committing import discard
from medzip.archive.reader import ObjectReader
from medzip.archive.records import NAME_DIGITS
from medzip.archive.staging import raw_volume, stage
from medzip.codec.folders import model_folders
from medzip.codec.packing import check_voxels
from medzip.errors import SourceError
from medzip.volumes.sources import find_volumes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.archive.records import ObjectPlan
    from medzip.fitting.fit import Volume
    from medzip.volumes.about import SeriesAbout

__all__ = [
    "ArchivedSource",
    "ArraySource",
    "CohortSeries",
    "DicomSource",
    "IndexSource",
    "read_array",
]


@dataclass(frozen=True)
class ArraySource:
    """A volume of a ``.npy`` or ``.tif`` file.

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
class IndexSource:
    """A volume of a folder with an ``index.json``.

    Attributes
    ----------
    folder
        The folder.
    name
        In the index.
    """

    folder: str
    name: str

    @contextmanager
    def open(self, scratch: Path) -> Iterator[Volume]:
        """Its voxels, held as a whole."""
        found: list[Any] = [v for v in find_volumes(self.folder) if v.name == self.name]
        if not found:
            raise SourceError(f"expected the volume {self.name}, got none; find the cohort again")
        yield found[0].load()


@dataclass(frozen=True)
class DicomSource:
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
class ArchivedSource:
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


@dataclass(frozen=True)
class CohortSeries:
    """One series to learn from.

    Attributes
    ----------
    about
        What is known of it.
    source
        Where its voxels are.
    """

    about: SeriesAbout
    source: ArraySource | IndexSource | DicomSource | ArchivedSource

    @property
    def name(self) -> str:
        """First digits of its key, for logs and names of tasks, where paths may not appear."""
        return self.about.key[:NAME_DIGITS]

    @contextmanager
    def open(self, scratch: Path) -> Iterator[Volume]:
        """Its voxels, to slice along z; `scratch` is a folder for what has to be laid out first."""
        with self.source.open(scratch) as volume:
            yield volume


def read_array(path: Path) -> np.ndarray:
    """Voxels (z, y, x) of a file; (y, x) is one slice.

    Raises
    ------
    SourceError
        It is no such array.
    """
    try:
        if path.suffix.lower() == ".npy":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
        else:
            from tifffile import imread

            array = np.asarray(imread(path))
        volume: np.ndarray = array[None] if array.ndim == 2 else array
        check_voxels(volume[:1])
    except (OSError, ValueError, EOFError, ImportError) as error:
        raise SourceError(
            f"expected an array of voxels in {path}, got {type(error).__name__}: {error}; take it "
            "out of the folder"
        ) from error
    return volume
