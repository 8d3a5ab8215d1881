"""The neighbours of a voxel as the kernels read them: offsets in the store, lists of indices."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from medzip.codec.plain.features import FLAT_COUNT, REFERENCE_COUNT

if TYPE_CHECKING:
    from medzip.codec.fast.layout import Layout
    from medzip.codec.plain.network import Architecture

__all__ = ["Chosen", "Neighbours", "neighbours_of", "oldest"]


class Chosen(NamedTuple):
    """Neighbours that serve one purpose.

    Attributes
    ----------
    indices
        int64 (n,): which, those of later slices last.
    used
        int64 (depth + 1,): how many of them exist, per number of slices before the voxel's.
    """

    indices: np.ndarray
    used: np.ndarray


class Neighbours(NamedTuple):
    """K neighbours of a voxel; *kind* is how many slices lie before it, at most `depth`.

    Attributes
    ----------
    offsets
        int64 (K, 3): where each lies from the voxel, in slices, rows and columns of the store.
    usable
        int64 (depth + 1,): how many exist, per kind.
    means
        int64 (depth + 1, 4): indices of those that make the local mean, per kind.
    flat
        int64 (depth + 1, 12 at most): indices of those that make a flat context, per kind.
    flat_used
        int64 (depth + 1,): how many those are.
    near, errors, taps
        Those whose differences, errors and straight errors are inputs.
    """

    offsets: np.ndarray
    usable: np.ndarray
    means: np.ndarray
    flat: np.ndarray
    flat_used: np.ndarray
    near: Chosen
    errors: Chosen
    taps: Chosen


def neighbours_of(form: Architecture, layout: Layout) -> Neighbours:
    """The neighbours that a network of this form sees in stores of this layout."""
    neighbourhood = form.neighbourhood
    kinds = range(neighbourhood.depth + 1)
    planes = -neighbourhood.array[:, 0]
    z, y, x = neighbourhood.array.T

    def chosen(indices: tuple[int, ...]) -> Chosen:
        which = np.array(indices)
        return Chosen(which, np.array([(planes[which] <= kind).sum() for kind in kinds]))

    nearest = [neighbourhood.nearest(FLAT_COUNT, kind) for kind in kinds]
    flat = np.zeros((len(nearest), max(map(len, nearest))), dtype=np.int64)
    for kind, indices in enumerate(nearest):
        flat[kind, : len(indices)] = indices
    return Neighbours(
        offsets=np.stack([z, x + layout.wy * y, y], axis=1),
        usable=np.array([neighbourhood.usable(kind) for kind in kinds]),
        means=np.array([neighbourhood.nearest(REFERENCE_COUNT, kind) for kind in kinds]),
        flat=flat,
        flat_used=np.array([len(indices) for indices in nearest]),
        near=chosen(form.near_list),
        errors=chosen(form.error_list),
        taps=chosen(form.tap_list),
    )


def oldest(neighbours: Neighbours, layout: Layout) -> int:
    """How many steps before a voxel the first of those neighbours is coded whose errors it sees."""
    read = np.concatenate([neighbours.errors.indices, neighbours.taps.indices])
    offsets = neighbours.offsets[read]
    return int((-layout.wz * offsets[:, 0] - offsets[:, 1]).max())
