"""Which volumes the benchmarks run on, cut to size, and which part of them tests which models."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from medzip.errors import SourceError
from medzip.papers.training.samples import Source
from medzip.volumes import find_volumes, middle

if TYPE_CHECKING:
    import os

    import numpy as np

    from medzip.papers.benchmarks.sizes import BenchmarkSize
    from medzip.volumes import Series

__all__ = ["Cohort", "Member", "choose_cohort", "fold_of"]


@dataclass(frozen=True)
class Member:
    """A volume of the benchmarks.

    Attributes
    ----------
    series
        Where its voxels lie.
    crop
        (slices, rows, columns) out of its middle, or None.
    """

    series: Series
    crop: tuple[int, int, int] | None

    @property
    def name(self) -> str:
        """What its user knows it by."""
        return self.series.title

    def voxels(self) -> np.ndarray:
        """What is coded, (z, y, x), not to be written to; a crop is kept, a whole volume is not."""
        if self.crop is None:
            return middle(self.series.load())
        return self._cropped

    @cached_property
    def _cropped(self) -> np.ndarray:
        voxels = middle(self.series.load(), *(self.crop or ()))
        voxels.setflags(write=False)
        return voxels

    def source(self) -> Source:
        """What is learned from: the same voxels, packed."""
        return Source.of(self.name, self.voxels())


@dataclass(frozen=True)
class Cohort:
    """All volumes of a run.

    Attributes
    ----------
    folds
        The CT volumes, by the part that they test.
    unseen
        MR volumes that nothing is trained on.
    """

    folds: tuple[tuple[Member, ...], ...]
    unseen: tuple[Member, ...]

    @property
    def members(self) -> tuple[Member, ...]:
        """All CT volumes, in the order of the folds."""
        return tuple(member for fold in self.folds for member in fold)

    @property
    def names(self) -> list[str]:
        """Names of all volumes."""
        return [member.name for member in (*self.members, *self.unseen)]

    def place(self, name: str) -> tuple[Member, int]:
        """The volume of a name, and its fold; -1 for an unseen one."""
        places = [(member, fold) for fold, part in enumerate(self.folds) for member in part]
        places += [(member, -1) for member in self.unseen]
        return next(place for place in places if place[0].name == name)

    def training(self, fold: int) -> tuple[Member, ...]:
        """The CT volumes of all other folds."""
        return tuple(
            member for index, part in enumerate(self.folds) if index != fold for member in part
        )


def choose_cohort(
    cohort: str | os.PathLike[str], unseen: str | os.PathLike[str] | None, size: BenchmarkSize
) -> Cohort:
    """Volumes of two folders: CT to train and test on, MR to test on only.

    Parameters
    ----------
    cohort
        Folder as `find_volumes` takes it. Where nothing tells the modality, it is CT.
    unseen
        Folder of the MR volumes; None: there are none.
    size
        How many, how large, how many folds.

    Raises
    ------
    SourceError
        There are not enough volumes for the folds.
    """
    chosen = _of(cohort, "CT")[: size.volumes]
    if len(chosen) < 2 or len(chosen) < size.folds:
        raise SourceError(
            f"expected at least {max(2, size.folds)} CT volumes for {size.folds} folds in "
            f"{cohort}, got {len(chosen)}; add volumes or take fewer folds"
        )
    others = [] if unseen is None else _of(unseen, "MR")[: size.unseen]
    return Cohort(
        tuple(
            tuple(
                Member(series, size.crop)
                for index, series in enumerate(chosen)
                if fold_of(index, len(chosen), size.folds) == fold
            )
            for fold in range(size.folds)
        ),
        tuple(Member(series, size.crop) for series in others),
    )


def fold_of(index: int, count: int, folds: int) -> int:
    """Fold of a volume: consecutive ones are tested together, parts differ by one at most."""
    return index * folds // count


def _of(folder: str | os.PathLike[str], modality: str) -> list[Series]:
    """The series of a modality, or of none that is known, by title."""
    found = [one for one in find_volumes(folder) if one.about.modality in ("", modality)]
    return sorted(found, key=lambda series: series.title)
