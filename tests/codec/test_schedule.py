"""No voxel reads one that is not decoded yet, under any schedule that allows a neighbourhood."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medzip.codec.neighbourhood import Neighbourhood, disc
from medzip.codec.schedule import Schedule, raster, row_parallel, wavefront

OFFSETS = [
    (dz, dy, dx)
    for dz in (0, -1, -2)
    for dy in range(-3, 4)
    for dx in range(-3, 4)
    if (dz, dy, dx) < (0, 0, 0)
]
shapes = st.tuples(st.integers(1, 5), st.integers(1, 9), st.integers(1, 9))


@st.composite
def neighbourhoods(draw: st.DrawFn, left: bool = True) -> Neighbourhood:
    chosen = draw(st.lists(st.sampled_from(OFFSETS), min_size=1, max_size=40, unique=True))
    if not left:
        chosen = [o for o in chosen if o[:2] != (0, 0)] or [(0, -1, 0)]
    return Neighbourhood(tuple(sorted(chosen, key=lambda o: -o[0])))


def reads_only_the_past(
    schedule: Schedule, neighbourhood: Neighbourhood, shape: tuple[int, int, int]
) -> bool:
    done = np.zeros(shape, dtype=bool)
    for voxels in schedule.batches(shape):
        at = voxels[:, None, :] + neighbourhood.array[None]
        inside = ((at >= 0) & (at < np.array(shape))).all(axis=2)
        z, y, x = at[inside].T
        if not done[z, y, x].all():
            return False
        done[tuple(voxels.T)] = True
    return bool(done.all())


@given(neighbourhoods(), shapes)
def test_wavefront_is_causal(neighbourhood: Neighbourhood, shape: tuple[int, int, int]) -> None:
    schedule = wavefront(neighbourhood)
    assert schedule.allows(neighbourhood)
    assert reads_only_the_past(schedule, neighbourhood, shape)


@given(neighbourhoods(), shapes)
def test_raster_is_causal(neighbourhood: Neighbourhood, shape: tuple[int, int, int]) -> None:
    assert reads_only_the_past(raster(shape), neighbourhood, shape)


@given(neighbourhoods(left=False), shapes)
def test_row_parallel_is_causal(neighbourhood: Neighbourhood, shape: tuple[int, int, int]) -> None:
    assert reads_only_the_past(row_parallel(shape), neighbourhood, shape)


@given(neighbourhoods(), shapes)
def test_a_flatter_schedule_is_refused(
    neighbourhood: Neighbourhood, shape: tuple[int, int, int]
) -> None:
    """`allows` tells exactly the schedules under which a voxel could read the future."""
    for schedule in (Schedule(1, 1, 1), Schedule(4, 1, 1), row_parallel(shape)):
        if schedule.allows(neighbourhood):
            assert reads_only_the_past(schedule, neighbourhood, shape)
        large = (4, 9, 9)
        if not schedule.allows(neighbourhood):
            assert not reads_only_the_past(schedule, neighbourhood, large)


@given(neighbourhoods(), shapes)
def test_every_voxel_has_one_step(
    neighbourhood: Neighbourhood, shape: tuple[int, int, int]
) -> None:
    batches = list(wavefront(neighbourhood).batches(shape))
    voxels = np.concatenate(batches)
    assert len(np.unique(voxels, axis=0)) == len(voxels) == np.prod(shape)
    assert len(batches) <= wavefront(neighbourhood).steps(shape)


def test_wavefront_of_the_shipped_neighbourhood() -> None:
    """The margin of the upper right sets wy = 4; the batch is thousands of voxels, not one."""
    schedule = wavefront(disc((20, 9, 4)))
    assert schedule == Schedule(13, 4, 1)
    assert schedule.steps((16, 512, 512)) == 2751


@pytest.mark.parametrize(
    ("offsets", "message"),
    [
        (((0, 0, 1),), "precede"),
        (((0, 0, 0),), "precede"),
        (((0, 1, -1),), "precede"),
        (((0, 0, -1), (0, 0, -1)), "once"),
        (((-1, 0, 0), (0, 0, -1)), "current slice first"),
    ],
)
def test_neighbourhoods_that_cannot_be(offsets: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Neighbourhood(offsets)


def test_disc_counts() -> None:
    """The full half disc of 20 has 34 voxels; one lies too far right in the row above."""
    assert len(disc((20, 9, 4))) == 33 + 29 + 13
    assert len(disc((20, 9, 4), right_reach=4)) == 34 + 29 + 13
    assert disc((20, 9, 4)).usable(0) == 33
    assert disc((20, 9, 4)).usable(1) == 33 + 29
    assert disc((20, 9, 4)).depth == 2
