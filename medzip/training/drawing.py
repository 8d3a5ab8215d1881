"""A series -> samples of it: which windows, which voxels of them, seen from which side.

    windows along z -> views (mirrored or not) -> eligible voxels, drawn -> columns and origins

Windows are held, never the volume. The same volume, form, quota and seed give the same samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.voxels import check_voxels
from medzip.fitting.linear import Window
from medzip.training.forms import Columns, in_coding_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.fitting.fit import Volume
    from medzip.training.forms import Form

__all__ = ["Drawn", "Plan", "central_window", "draw_series"]

WINDOWS = 6
"""From how many places along z a series is sampled, at most."""
WINDOW_SLICES = 8
VOXELS_A_WINDOW = 4000
"""A window is walked as a whole, so no more are opened than the quota asks for."""
CENTRAL_SLICES = 4
_SPARE = 3
"""Candidates drawn for each sample; most air lies in flat contexts and is left out."""
VIEWS = ((0, 0, 0), (0, 0, 1), (0, 0, 0), (1, 1, 0))
"""Axes mirrored, window by window: half of the samples see a mirror image, which keeps a model from
learning the handedness of a few scanners."""


@dataclass(frozen=True)
class Plan:
    """Where a series is sampled.

    Attributes
    ----------
    starts
        First slice of each window.
    slices
        Of a window.
    mirrored
        Axes of each window.
    """

    starts: tuple[int, ...]
    slices: int
    mirrored: tuple[tuple[int, int, int], ...]

    @classmethod
    def of(cls, slices: int, quota: int, mirror: bool) -> Plan:
        """For a series of so many slices, from which so many samples are to be drawn.

        Windows never overlap: a voxel that one holds out to judge would be learned from in another.
        """
        wanted = max(1, min(WINDOWS, -(-slices // WINDOW_SLICES), -(-quota // VOXELS_A_WINDOW)))
        span = min(WINDOW_SLICES, slices // wanted)
        if wanted == 1:
            starts = np.array([(slices - span) // 2])
        else:
            starts = np.unique(np.linspace(0, slices - span, wanted).astype(int))
        views = [VIEWS[i % len(VIEWS)] if mirror else VIEWS[0] for i in range(len(starts))]
        return cls(tuple(int(z) for z in starts), span, tuple(views))


@dataclass(frozen=True)
class Drawn:
    """Samples of one window.

    Attributes
    ----------
    columns
        As the form has them.
    origins
        int32 (n, 3): z, y, x of each sample in the series as it lies.
    eligible
        Share of the voxels looked at that the network would code.
    straight
        The straight prediction they were seen through.
    """

    columns: Columns
    origins: np.ndarray
    eligible: float
    straight: np.ndarray


def draw_series(volume: Volume, form: Form, quota: int, seed: tuple[int, ...]) -> Iterator[Drawn]:
    """Samples of a series, window by window.

    Parameters
    ----------
    volume
        (z, y, x).
    form
        What to keep of each voxel.
    quota
        How many voxels; fewer come where the series has not so many outside flat contexts.
    seed
        Of the choice.
    """
    check_voxels(volume[0:1])
    plan = Plan.of(int(volume.shape[0]), quota, mirror=form.mirrors)
    straight = {
        view: form.straight([_window(volume, plan, i) for i in _of_view(plan, view)])
        for view in dict.fromkeys(plan.mirrored)
    }
    left = quota
    for number in range(len(plan.starts)):
        window = _window(volume, plan, number)
        generator = np.random.default_rng((*seed, number))
        share = -(-left // (len(plan.starts) - number))
        voxels, eligible = _choose(window, form, share, generator)
        left -= len(voxels)
        voxels = in_coding_order(voxels, form.neighbourhood)
        view = plan.mirrored[number]
        yield Drawn(
            form.gather(window, voxels, straight[view]),
            _origins(voxels, window.values.shape, view, plan.starts[number]),
            eligible,
            straight[view],
        )


def central_window(volume: Volume) -> Window:
    """A few slices of a series, from which many series together solve one straight prediction."""
    slices = int(volume.shape[0])
    span = min(slices, CENTRAL_SLICES)
    first = (slices - span) // 2
    return Window.of(np.ascontiguousarray(np.asarray(volume[first : first + span])))


def _window(volume: Volume, plan: Plan, number: int) -> Window:
    first = plan.starts[number]
    voxels = np.asarray(volume[first : first + plan.slices])
    flip = tuple(slice(None, None, -1 if axis else 1) for axis in plan.mirrored[number])
    return Window.of(np.ascontiguousarray(voxels[flip]))


def _of_view(plan: Plan, view: tuple[int, int, int]) -> list[int]:
    return [number for number, other in enumerate(plan.mirrored) if other == view]


def _choose(
    window: Window, form: Form, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, float]:
    """Eligible voxels (n, 3), n <= count, and the share of eligible ones among those looked at."""
    shape = window.values.shape
    # slices that have all of their predecessors stand for a whole slab's
    first = min(form.neighbourhood.depth, shape[0] - 1)
    chance = np.ones(shape[0], dtype=np.float32)
    chance[:first] = 1 / 8
    density = _SPARE * count / (float(chance.sum()) * shape[1] * shape[2])
    noise = generator.random(shape, dtype=np.float32)
    while True:
        voxels = np.argwhere(noise < np.minimum(1, density * chance)[:, None, None])
        kept = form.eligible(window, voxels)
        if kept.sum() >= count or density * chance.min() >= 1:
            break
        density *= 8
    eligible = voxels[kept]
    if len(eligible) > count:
        eligible = eligible[generator.choice(len(eligible), count, replace=False)]
    return eligible, float(kept.mean()) if len(kept) else 0.0


def _origins(
    voxels: np.ndarray, shape: tuple[int, ...], view: tuple[int, int, int], first: int
) -> np.ndarray:
    """Places of a mirrored window's voxels in the series as it lies."""
    mirrored = np.array(view, dtype=bool)
    there = np.where(mirrored, np.array(shape) - 1 - voxels, voxels)
    return np.asarray(there + np.array([first, 0, 0]), dtype=np.int32)
