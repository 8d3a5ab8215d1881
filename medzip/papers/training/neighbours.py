"""Samples of the papers' predictors: raw neighbours, and the voxel that they precede."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.codec.neighbourhood import Neighbourhood
from medzip.papers.codec.shapes import SHAPES
from medzip.training.forms import Columns, Form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medzip.fitting.linear import Window

__all__ = ["NeighboursForm"]


@dataclass(frozen=True)
class NeighboursForm(Form):
    """Raw packed values of a causal neighbourhood, and of the voxel itself.

    Attributes
    ----------
    name
        Of the neighbourhood, for people.
    offsets
        As in `medzip.codec.neighbourhood.Neighbourhood`.
    """

    name: str
    offsets: tuple[tuple[int, int, int], ...]
    kind = "neighbours"
    mirrors = False

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """The offsets, checked to be causal."""
        return Neighbourhood(self.offsets)

    @property
    def columns(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Dtype and shape of a row, by column.

        ``neighbours`` are in the order of the offsets, 0 (the window's minimum) where one lies
        outside; ``values`` says how many packed values the window has.
        """
        return {
            "neighbours": ("uint16", (len(self.offsets),)),
            "target": ("uint16", ()),
            "values": ("int32", ()),
        }

    def straight(self, windows: list[Window]) -> np.ndarray:
        """Nothing is solved for a series in this form."""
        return np.zeros((0, len(self.offsets)), dtype=np.int32)

    def eligible(self, window: Window, voxels: np.ndarray) -> np.ndarray:
        """All voxels: a predictor of the papers codes each of them."""
        return np.ones(len(voxels), dtype=bool)

    def gather(self, window: Window, voxels: np.ndarray, straight: np.ndarray) -> Columns:
        """Columns of chosen voxels."""
        reach, depth = self.neighbourhood.reach, self.neighbourhood.depth
        padded = np.pad(window.values, ((depth, 0), (reach, reach), (reach, reach)))
        at = voxels + np.array([depth, reach, reach])
        places = at[:, None, :] + self.neighbourhood.array[None, :, :]
        return {
            "neighbours": padded[tuple(np.moveaxis(places, 2, 0))],
            "target": window.values[tuple(voxels.T)],
            "values": np.full(len(voxels), window.count, dtype=np.int32),
        }

    def describe(self) -> dict[str, Any]:
        """As JSON; `from_described` is the inverse."""
        return {"kind": self.kind, "name": self.name, "offsets": [list(o) for o in self.offsets]}

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> NeighboursForm:
        """The inverse of `describe`."""
        offsets = tuple((int(z), int(y), int(x)) for z, y, x in described["offsets"])
        return cls(str(described["name"]), offsets)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the papers' shapes."""
        return tuple(SHAPES)

    @classmethod
    def named(cls, name: str) -> NeighboursForm:
        """The neighbours of a shape of the papers."""
        return cls(name, SHAPES[name].neighbourhood.offsets)
