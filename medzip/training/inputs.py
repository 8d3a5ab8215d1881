"""Samples of a network: its inputs, and the interval in which the voxel lies."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.codec.plain.features import EXTRAS, FLAT_COUNT
from medzip.codec.plain.network import Architecture
from medzip.fitting.linear import LINEAR_VOXELS, Window, pad, solve_linear
from medzip.fitting.qat import MixtureNet
from medzip.fitting.sample import sample_window
from medzip.training.forms import Columns, Form

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medzip.codec.neighbourhood import Neighbourhood

__all__ = ["ARCHITECTURES", "InputsForm"]

ARCHITECTURES = {
    "fast": Architecture((13, 5, 2), 20, 16, 16, (64, 32), (4, 5)),
    "default": Architecture((20, 9, 4), 36, 24, 32, (128, 64, 32), (4, 5, 5)),
    "wide": Architecture((34, 20, 9), 60, 40, 32, (256, 128, 64), (4, 5, 5)),
}
"""The forms of the shipped models, by name."""

POSITIONS = len(EXTRAS) - EXTRAS.index("x")
"""Coordinates are the last inputs; a model for many series must not rely on them."""
_AT_ONCE = 1 << 18


@dataclass(frozen=True)
class InputsForm(Form):
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
    mirrors = True

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
        """As JSON; `from_described` is the inverse."""
        return {
            "kind": self.kind,
            "name": self.name,
            "architecture": asdict(self.architecture),
        }

    @classmethod
    def from_described(cls, described: Mapping[str, Any]) -> InputsForm:
        """The inverse of `describe`."""
        fields: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in described["architecture"].items()
        }
        architecture = Architecture(**fields)
        architecture.check()
        return cls(str(described["name"]), architecture)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Names of the shipped forms."""
        return tuple(ARCHITECTURES)

    @classmethod
    def named(cls, name: str) -> InputsForm:
        """The inputs of a shipped form."""
        return cls(name, ARCHITECTURES[name])


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
