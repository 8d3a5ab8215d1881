"""A series that has been sampled, as the store and whoever learns from it know it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medzip.volumes.about import SeriesAbout

__all__ = ["HELD_OUT", "SampledSeries"]

HELD_OUT = 50
"""One row in so many is never learned from."""


@dataclass(frozen=True)
class SampledSeries:
    """A series that has been sampled.

    Attributes
    ----------
    about
        The series.
    rows
        Samples of it.
    eligible
        Share of its voxels that a network codes, the others lie in flat contexts.
    digest
        SHA-256 over all columns, hexadecimal.
    """

    about: SeriesAbout
    rows: int
    eligible: float
    digest: str

    @property
    def held(self) -> int:
        """How many of its first rows are held out."""
        return -(-self.rows // HELD_OUT)
