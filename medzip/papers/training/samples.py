"""Sequences and targets, as the codec sees them: same packing, padding, order and rounding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.errors import ModelError
from medzip.fitting.linear import Window
from medzip.papers.codec.gather import normalised, sequences_at
from medzip.papers.codec.shapes import shape_named
from medzip.papers.training.sampling import Extent, draw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.papers.training.configurations import SequenceRun

__all__ = ["SequenceSamples", "Source", "gather", "sample_sources"]

_PART = 1 << 16


@dataclass(frozen=True)
class Source:
    """A volume to learn from, packed as a slab of its own.

    Attributes
    ----------
    name
        For figures by volume.
    values
        uint16 (depth, height, width).
    count
        N, how many packed values there are.
    spacing
        Pixel spacing in mm, where known.
    """

    name: str
    values: np.ndarray
    count: int
    spacing: float | None = None

    @classmethod
    def of(cls, name: str, voxels: np.ndarray, spacing: float | None = None) -> Source:
        """Voxels (z, y, x) of a volume, packed."""
        window = Window.of(voxels)
        return cls(name, window.values, window.count, spacing)


@dataclass(frozen=True)
class SequenceSamples:
    """n sequences and what followed them.

    Attributes
    ----------
    x
        int16 (n, L): normalised neighbours in 14 fractional bits, nearest last.
    y
        int16 (n,): the voxel, alike.
    count
        int32 (n,): N of the slab that it is from.
    origin
        int16 (n,): index of its volume among `names`.
    names
        Of the volumes.
    """

    x: np.ndarray
    y: np.ndarray
    count: np.ndarray
    origin: np.ndarray
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.x)

    def take(self, which: np.ndarray) -> SequenceSamples:
        """The samples of a mask or of indices."""
        return SequenceSamples(
            self.x[which], self.y[which], self.count[which], self.origin[which], self.names
        )

    def digest(self) -> str:
        """SHA-256 of all that is learned from, hexadecimal."""
        state = hashlib.sha256(repr((self.x.shape, self.names)).encode())
        for array in (self.x, self.y, self.count, self.origin):
            state.update(np.ascontiguousarray(array).data)
        return state.hexdigest()


def gather(source: Source, voxels: np.ndarray, shape: str) -> tuple[np.ndarray, np.ndarray]:
    """Sequences and targets of some voxels of a volume.

    Parameters
    ----------
    source
        The volume.
    voxels
        int64 (n, 3).
    shape
        Name of the neighbourhood.

    Returns
    -------
    tuple of numpy.ndarray
        int16 (n, L) and int16 (n,), normalised.
    """
    form = shape_named(shape)
    x = np.empty((len(voxels), len(form)), dtype=np.int16)
    for start in range(0, len(voxels), _PART):  # the coordinates of all neighbours take 24 L n
        part = voxels[start : start + _PART]
        x[start : start + len(part)] = sequences_at(source.values, part, form, source.count)
    z, y, x_axis = voxels.T
    return x, normalised(source.values[z, y, x_axis], source.count)


def sample_sources(sources: Sequence[Source], run: SequenceRun) -> SequenceSamples:
    """Draw a run's samples from its volumes.

    Parameters
    ----------
    sources
        All volumes; those of other pixel spacings than the run's are left out.
    run
        Scheme, number, spacings, slices, seed.

    Raises
    ------
    ModelError
        No volume has the run's spacings.
    """
    used = [source for source in sources if _wanted(source, run.spacings)]
    if not used:
        raise ModelError(
            f"expected volumes of pixel spacing {run.spacings} mm, got none of "
            f"{[source.spacing for source in sources]}; change the spacings or add volumes"
        )
    extents = [Extent(_triple(source.values.shape), source.spacing) for source in used]
    drawn = draw(run.sampling, extents, run.samples, run.seed, run.slices)
    parts = [gather(source, voxels, run.shape) for source, voxels in zip(used, drawn, strict=True)]
    sizes = [len(voxels) for voxels in drawn]
    counts = np.array([source.count for source in used], dtype=np.int32)
    return SequenceSamples(
        np.concatenate([x for x, _ in parts]),
        np.concatenate([y for _, y in parts]),
        np.repeat(counts, sizes),
        np.repeat(np.arange(len(used), dtype=np.int16), sizes),
        tuple(source.name for source in used),
    )


def _wanted(source: Source, spacings: tuple[float, ...]) -> bool:
    """Whether a volume has one of the spacings, to the third digit."""
    if not spacings:
        return True
    return source.spacing is not None and any(
        abs(source.spacing - spacing) < 5e-4 for spacing in spacings
    )


def _triple(shape: tuple[int, ...]) -> tuple[int, int, int]:
    depth, height, width = shape
    return depth, height, width
