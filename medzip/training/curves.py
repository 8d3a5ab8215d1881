"""Curves of a training run: JSON lines, a point a line, kept through kills."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from medzip.atomic import write_atomic
from medzip.canonical import canonical_json

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Curves", "Point", "read_curves"]


@dataclass(frozen=True)
class Point:
    """Where a run was after a step.

    Attributes
    ----------
    step, steps
        Steps taken, and of how many.
    loss
        Mean of the batches since the last point: bits a voxel, or what a predictor of the papers
        minimises.
    rate
        Learning rate of the last step.
    seconds
        Of training, those of killed runs included.
    bits
        Bits a voxel, on held-out voxels of each series, where the run looked.
    """

    step: int
    steps: int
    loss: float
    rate: float
    seconds: float
    bits: dict[str, float] = field(default_factory=dict)

    @property
    def mean_bits(self) -> float | None:
        """Mean of the series' bits; None where the run did not look."""
        return sum(self.bits.values()) / len(self.bits) if self.bits else None


class Curves:
    """A run's points, kept in a file that is open to add to.

    Parameters
    ----------
    path
        The file; None: they are kept in memory alone. Points after `step` are of steps that a kill
        undid; they are dropped.
    step
        Where the run goes on.
    """

    def __init__(self, path: Path | None, step: int) -> None:
        self._path = path
        self.points: list[Point] = []
        if path is not None:
            self.points = [point for point in read_curves(path) if point.step <= step]
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(path, b"".join(_line(point) for point in self.points))

    def add(self, point: Point) -> None:
        """Append a point; what lies on the disk is whole lines, and perhaps one that is cut."""
        self.points.append(point)
        if self._path is None:
            return
        with open(self._path, "ab") as file:
            file.write(_line(point))
            file.flush()
            os.fsync(file.fileno())


def read_curves(path: Path) -> list[Point]:
    """The points of a file; none if there is no file. A last line that is cut does not count."""
    if not path.exists():
        return []
    lines = path.read_bytes().split(b"\n")[:-1]
    return [Point(**json.loads(line)) for line in lines]


def _line(point: Point) -> bytes:
    return canonical_json(asdict(point)) + b"\n"
