"""A series: what is known of it, and where its voxels lie."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.archive.records import NAME_DIGITS
from medzip.canonical import digest_of
from medzip.volumes.about import SeriesAbout
from medzip.volumes.places import Held

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from medzip.fitting.fit import Volume
    from medzip.volumes.places import Place

__all__ = ["Series"]


@dataclass(frozen=True)
class Series:
    """One series; small and picklable, its voxels are opened where they are needed.

    Attributes
    ----------
    about
        What is known of it; nothing there names a patient.
    place
        Where its voxels lie.
    title
        What its user knows it by: the path of an array in its folder, the name in an index. For
        their terminal and their figures, never for a log or a model.
    """

    about: SeriesAbout
    place: Place
    title: str

    @classmethod
    def held(cls, title: str, voxels: NDArray[Any]) -> Series:
        """A series of voxels (z, y, x) that are in memory."""
        key = digest_of([title])
        return cls(SeriesAbout(title, key, int(voxels.size)), Held(voxels), title)

    @property
    def name(self) -> str:
        """First digits of its key, for logs and names of tasks, where paths may not appear."""
        return self.about.key[:NAME_DIGITS]

    @contextmanager
    def open(self, scratch: Path) -> Iterator[Volume]:
        """Its voxels, to slice along z; `scratch` is a folder for what has to be laid out first.

        Raises
        ------
        SourceError
            It is no volume that can be read.
        """
        with self.place.open(scratch) as volume:
            yield volume

    def load(self) -> NDArray[Any]:
        """All of its voxels, (z, y, x), in memory; raises as `open` does."""
        with (
            tempfile.TemporaryDirectory(prefix="medzip-") as scratch,
            self.open(Path(scratch)) as volume,
        ):
            return np.asarray(volume[0 : int(volume.shape[0])])
