"""Objects of a cohort, grouped so that the number of tasks stays bounded.

An orchestrated task costs some 50 milliseconds and stays in the memory of Dask's scheduler while
somebody waits for it. A cohort may hold thousands of single-slice series and series of thousands of
slabs: the former share tasks, the latter are cut into few.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.archive.line import Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.archive import ObjectPlan
    from medzip.archive.line import Call
    from medzip.volumes import Series

__all__ = ["batches", "evenly", "label", "lots_of"]

LOT_BYTES = 16 * 2**20
"""Original bytes of a shared lot, at most."""
LOT_OBJECTS = 32
"""Objects of a shared lot, at most."""
TASK_VOXELS = 8 * 2**20
"""Voxels that make an encode task worth its cost: a few seconds."""
MAX_TASKS = 64
"""Encode tasks an object, at most."""
MAX_SHARES = 256
"""Tasks that series to learn from are shared out among, at most."""


def lots_of(plans: Sequence[ObjectPlan]) -> list[tuple[ObjectPlan, ...]]:
    """Group objects into lots, the largest first so that no long one is left for the end.

    Returns
    -------
    list of tuple of ObjectPlan
        Each large object alone; small ones together, up to LOT_OBJECTS and LOT_BYTES.
    """
    large = [(plan,) for plan in plans if not plan.is_small]
    small = [plan for plan in plans if plan.is_small]
    shared: list[tuple[ObjectPlan, ...]] = []
    lot: list[ObjectPlan] = []
    for plan in sorted(small, key=lambda plan: (-plan.raw_bytes, plan.key)):
        if lot and (
            len(lot) == LOT_OBJECTS or sum(p.raw_bytes for p in lot) + plan.raw_bytes > LOT_BYTES
        ):
            shared.append(tuple(lot))
            lot = []
        lot.append(plan)
    if lot:
        shared.append(tuple(lot))
    return sorted(
        [*large, *shared], key=lambda lot: (-sum(plan.raw_bytes for plan in lot), lot[0].key)
    )


def evenly(series: Sequence[Series]) -> dict[str, tuple[Series, ...]]:
    """Share series out among tasks, by the label of each."""
    size = -(-len(series) // MAX_SHARES)
    lots = [tuple(series[first : first + size]) for first in range(0, len(series), size)]
    return {label([one.name for one in lot]): lot for lot in lots}


def label(names: Sequence[str]) -> str:
    """Name of a lot in the names of its task runs."""
    return names[0] if len(names) == 1 else f"{names[0]}-and-{len(names) - 1}-more"


def batches(calls: Sequence[Call]) -> list[tuple[str, Sequence[Call]]]:
    """Cut the calls of one step into tasks, each with its label.

    Those of several objects share a task; the slabs of one are shared out among tasks of some
    seconds each, named by the first and last of them, numbered through all of its volumes.
    """
    names = list(dict.fromkeys(call.name for call in calls))
    if calls[0].step is not Step.ENCODE or len(names) > 1:
        return [(label(names), calls)]
    staged = calls[0].arguments[0]
    voxels = sum(volume.voxels for volume in staged.volumes)
    tasks = max(1, min(MAX_TASKS, len(calls), voxels // TASK_VOXELS))
    size = -(-len(calls) // tasks)
    out = []
    for first in range(0, len(calls), size):
        part = calls[first : first + size]
        name = f"{names[0]}-slab-{first:04d}"
        if len(part) > 1:
            name += f"-to-{first + len(part) - 1:04d}"
        out.append((name, part))
    return out
