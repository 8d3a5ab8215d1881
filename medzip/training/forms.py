"""What a sample store holds of each voxel: the codec's own inputs, or its raw neighbours.

A form turns chosen voxels of a window into columns, one row a voxel, in coding order. Each kind of
form has a module of its own, which is loaded when a store or a user asks for it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from medzip.codec.schedule import wavefront
from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from medzip.codec.neighbourhood import Neighbourhood
    from medzip.fitting.linear import Window

__all__ = ["KINDS", "Columns", "Form", "form_from", "form_named", "in_coding_order"]

KINDS = {
    "inputs": "medzip.training.inputs:InputsForm",
    "neighbours": "medzip.papers.training.neighbours:NeighboursForm",
}
"""Where the class of each kind is."""

Columns = dict[str, np.ndarray]


class Form(ABC):
    """What is kept of a voxel.

    Attributes
    ----------
    kind
        Key in `KINDS`.
    mirrors
        Whether mirror images of a series are as good examples as the series itself.
    name
        Of the form, for people.
    """

    kind: ClassVar[str]
    mirrors: ClassVar[bool]
    name: str

    @property
    @abstractmethod
    def neighbourhood(self) -> Neighbourhood:
        """Whose voxels are read."""

    @property
    @abstractmethod
    def columns(self) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Dtype and shape of a row, by column."""

    @abstractmethod
    def straight(self, windows: list[Window]) -> np.ndarray:
        """The straight prediction that a series of these windows would be coded with."""

    @abstractmethod
    def eligible(self, window: Window, voxels: np.ndarray) -> np.ndarray:
        """Which voxels would be coded with a model: bool (n,)."""

    @abstractmethod
    def gather(self, window: Window, voxels: np.ndarray, straight: np.ndarray) -> Columns:
        """Columns of eligible voxels that `in_coding_order` has sorted."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """As JSON, with kind and name; `from_described` is the inverse."""

    @classmethod
    @abstractmethod
    def from_described(cls, described: Mapping[str, Any]) -> Self:
        """The inverse of `describe`; raises KeyError, TypeError or ValueError for anything else."""

    @classmethod
    @abstractmethod
    def names(cls) -> tuple[str, ...]:
        """Names that `named` knows."""

    @classmethod
    @abstractmethod
    def named(cls, name: str) -> Self:
        """The form of one of `names`."""


def form_named(name: str) -> Form:
    """A form by the name that users give: "fast", "default", "wide", or a shape of the papers.

    Raises
    ------
    SourceError
        There is none of that name.
    """
    known: list[str] = []
    for kind in KINDS:
        form = _class_of(kind)
        if name in form.names():
            return form.named(name)
        known += form.names()
    raise SourceError(f"expected a form among {', '.join(known)}, got {name!r}; check the name")


def form_from(described: Mapping[str, Any]) -> Form:
    """The inverse of `Form.describe`.

    Raises
    ------
    SourceError
        It is no form that this version knows.
    """
    try:
        if described["kind"] in KINDS:
            return _class_of(described["kind"]).from_described(described)
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


def _class_of(kind: str) -> type[Form]:
    module, _, name = KINDS[kind].partition(":")
    found: type[Form] = getattr(import_module(module), name)
    return found
