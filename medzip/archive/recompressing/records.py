"""What recompressing hands on: candidates, prepared objects, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from medzip.archive.records import NAME_DIGITS

if TYPE_CHECKING:
    from medzip.archive.handles import Fitted, Proof, Staged
    from medzip.archive.records import Failure, ModelTrial, SeriesRecord

__all__ = [
    "Candidate",
    "Outcome",
    "Prepared",
    "RecompressSummary",
    "Recompressed",
    "Turn",
    "signed",
]


class Outcome(StrEnum):
    """What became of an object."""

    REPLACED = "replaced"
    """A smaller object of the same content is in its place."""
    KEPT = "kept"
    """It stayed as it was: nothing found was smaller."""
    FAILED = "failed"
    """It stayed as it was, because a step failed."""


@dataclass(frozen=True)
class Candidate:
    """An object with voxels, as the index has it."""

    key: str
    size: int
    voxels: int

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]


@dataclass(frozen=True)
class Prepared:
    """An object laid out, with new models where they promise fewer bytes.

    Attributes
    ----------
    staged : Staged
        Its raw slabs.
    fitted : Fitted or None
        Its new models; None where it stays as it is.
    trials : tuple of ModelTrial
        What the models made of a sample.
    reason : str
        Why it stays, or "".
    seconds : float
        How long that took.
    """

    staged: Staged
    fitted: Fitted | None
    trials: tuple[ModelTrial, ...]
    reason: str
    seconds: float

    @property
    def key(self) -> str:
        """Key of the object."""
        return self.staged.key

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.staged.name


@dataclass(frozen=True)
class Recompressed:
    """What became of one object.

    Attributes
    ----------
    key : str
        Its key.
    outcome : Outcome
        Whether there is a smaller one now.
    before_bytes, after_bytes : int
        Size of the object on disk; equal unless it was replaced.
    reason : str
        Why, in a sentence without any name of a file.
    seconds : float
        Of all steps.
    record : SeriesRecord or None
        Of the new object.
    trials : tuple of ModelTrial
        What the models made of a sample.
    failure : Failure or None
        What failed.
    """

    key: str
    outcome: Outcome
    before_bytes: int
    after_bytes: int
    reason: str
    seconds: float = 0.0
    record: SeriesRecord | None = None
    trials: tuple[ModelTrial, ...] = ()
    failure: Failure | None = None

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]


@dataclass(frozen=True)
class Turn:
    """An object that the gate let in, or tried to.

    Attributes
    ----------
    proof : Proof
        Of the new object.
    before : int
        Bytes of the old one.
    error : Exception or None
        What went wrong: then the old object is still there.
    """

    proof: Proof
    before: int
    error: Exception | None = None


@dataclass(frozen=True)
class RecompressSummary:
    """Result of ``recompress``.

    Attributes
    ----------
    archive : str
        The archive.
    objects : tuple of Recompressed
        One for each object with voxels.
    model_bytes : int
        Bytes of models that the archive has got.
    seconds : float
        Wall-clock time.
    """

    archive: str
    objects: tuple[Recompressed, ...]
    model_bytes: int
    seconds: float

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What failed; the objects concerned are as they were."""
        return tuple(one.failure for one in self.objects if one.failure is not None)

    @property
    def before_bytes(self) -> int:
        """Bytes of the objects before."""
        return sum(one.before_bytes for one in self.objects)

    @property
    def after_bytes(self) -> int:
        """Bytes of the objects after, and of the models that came with them."""
        return sum(one.after_bytes for one in self.objects) + self.model_bytes

    @property
    def replaced(self) -> int:
        """Number of objects that are smaller now."""
        return sum(one.outcome is Outcome.REPLACED for one in self.objects)


def signed(share: float) -> str:
    """A share as people read it: -1.50 %."""
    return f"{100 * share:+.2f} %"
