"""What a sample store holds of each voxel: the codec's own inputs, or its raw neighbours.

A form turns chosen voxels of a window into columns, one row a voxel, in coding order.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.codec.neighbourhood import Neighbourhood
from medzip.codec.plain.features import EXTRAS, FLAT_COUNT
from medzip.codec.plain.network import Architecture
from medzip.codec.schedule import wavefront
from medzip.errors import SourceError
from medzip.fitting.linear import Window, pad, solve_linear
from medzip.fitting.qat import MixtureNet
from medzip.fitting.sample import sample_window
from medzip.training.base import ARCHITECTURES

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Form", "InputsForm", "NeighboursForm", "form_from", "inputs_form", "neighbours_form"]

LINEAR_VOXELS = 60_000
"""From how many voxels of a series its straight prediction is solved, as when it is coded."""
POSITIONS = len(EXTRAS) - EXTRAS.index("x")
"""Coordinates are the last inputs; a model for many series must not rely on them."""
_AT_ONCE = 1 << 18

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class InputsForm:
    """The inputs of a network of one architecture (`medzip.fitting.sample.Samples`).

    Attributes
    ----------
    name
        Of the form, for people.
    architecture
        Of the network.
    """

    name: str
    architecture: Architecture
    kind = "inputs"

    @property
    def neighbourhood(self) -> Neighbourhood:
        """Whose voxels are read."""
        return self.architecture.neighbourhood

    @property
    def columns(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Dtype and shape of a row, by column."""
        return {
            "q": ("int8", (self.architecture.inputs,)),
            "below": ("float32", ()),
            "above": ("float32", ()),
            "floor": ("float32", ()),
            "last": ("bool", (2,)),
        }

    def straight(self, windows: list[Window]) -> np.ndarray:
        """The straight prediction that a series of these windows would be coded with."""
        return solve_linear(windows, self.neighbourhood, LINEAR_VOXELS)

    def eligible(self, window: Window, voxels: np.ndarray) -> np.ndarray:
        """Which voxels the network would code: bool (n,), False in a flat context."""
        return _not_flat(window, voxels, self.neighbourhood)

    def gather(self, window: Window, voxels: np.ndarray, straight: np.ndarray) -> Columns:
        """Columns of eligible voxels that `in_coding_order` has sorted."""
        net = MixtureNet(self.architecture)
        net.straight = straight
        chosen = np.zeros(window.values.shape, dtype=bool)
        chosen[tuple(voxels.T)] = True
        samples = sample_window(window, net.integers(), chosen)
        if len(samples) != len(voxels):
            raise ValueError(f"expected {len(voxels)} samples, got {len(samples)} of the engine")
        samples.q[:, -POSITIONS:] = 0
        return {name: getattr(samples, name).numpy() for name in self.columns}

    def describe(self) -> dict[str, Any]:
        """As JSON; `form_from` is the inverse."""
        return {
            "kind": self.kind,
            "name": self.name,
            "architecture": asdict(self.architecture),
        }


@dataclass(frozen=True)
class NeighboursForm:
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
        """As JSON; `form_from` is the inverse."""
        return {"kind": self.kind, "name": self.name, "offsets": [list(o) for o in self.offsets]}


Form = InputsForm | NeighboursForm


def inputs_form(name: str) -> InputsForm:
    """The inputs of a shipped form: "fast", "default", "wide".

    Raises
    ------
    SourceError
        There is none of that name.
    """
    if name not in ARCHITECTURES:
        raise SourceError(
            f"expected a form among {', '.join(ARCHITECTURES)}, got {name!r}; check the name"
        )
    return InputsForm(name, ARCHITECTURES[name])


def neighbours_form(name: str) -> NeighboursForm:
    """The neighbours of a shape of the papers (`medzip.papers.codec.shapes.SHAPES`).

    Raises
    ------
    SourceError
        There is none of that name.
    """
    from medzip.papers.codec.shapes import SHAPES

    if name not in SHAPES:
        raise SourceError(
            f"expected a shape among {', '.join(SHAPES)}, got {name!r}; check the name"
        )
    return NeighboursForm(name, SHAPES[name].neighbourhood.offsets)


def form_from(described: Mapping[str, Any]) -> Form:
    """The inverse of `describe`.

    Raises
    ------
    SourceError
        It is no form that this version knows.
    """
    try:
        if described["kind"] == NeighboursForm.kind:
            offsets = tuple((int(z), int(y), int(x)) for z, y, x in described["offsets"])
            return NeighboursForm(str(described["name"]), offsets)
        if described["kind"] == InputsForm.kind:
            fields: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value
                for name, value in described["architecture"].items()
            }
            architecture = Architecture(**fields)
            architecture.check()
            return InputsForm(str(described["name"]), architecture)
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(
            f"expected a form of samples, got {type(error).__name__}: {error}; sample again"
        ) from error
    raise SourceError(f"expected a form of samples, got {described['kind']!r}; sample again")


def in_coding_order(voxels: np.ndarray, neighbourhood: Neighbourhood) -> np.ndarray:
    """Voxels (n, 3) sorted as the engine meets them: by step, then in raster order."""
    plan = wavefront(neighbourhood)
    z, y, x = voxels.T
    return voxels[np.lexsort((y, z, plan.wz * z + plan.wy * y + plan.wx * x))]


def _not_flat(window: Window, voxels: np.ndarray, neighbourhood: Neighbourhood) -> np.ndarray:
    """Whether the nearest usable neighbours of each voxel differ among themselves."""
    reach = max(1, neighbourhood.reach)
    padded = pad(window.values, window.origin, reach)
    strides = np.array([padded.shape[1] * padded.shape[2], padded.shape[2], 1])
    flat = padded.reshape(-1)
    out = np.zeros(len(voxels), dtype=bool)
    kinds = np.minimum(voxels[:, 0], neighbourhood.depth)
    for kind in np.unique(kinds):
        close = neighbourhood.array[list(neighbourhood.nearest(FLAT_COUNT, int(kind)))] @ strides
        rows = np.flatnonzero(kinds == kind)
        for first in range(0, len(rows), _AT_ONCE):
            some = rows[first : first + _AT_ONCE]
            base = (voxels[some] + np.array([0, reach, reach])) @ strides
            near = flat[base[:, None] + close[None, :]]
            out[some] = (near != near[:, :1]).any(axis=1)
    return out
