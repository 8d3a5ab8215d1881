"""The papers' neighbourhoods: lengths, causality, schedules, order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medzip.codec.schedule import Schedule
from medzip.papers.codec import SHAPES, shape_named

PUBLISHED_WITH_LEFT = {
    "line-5": 5,
    "block-11": 60,
    "block-13": 84,
    "triangle-11": 54,
    "triangle-13": 64,
    "cube-3": 13,
    "cube-5": 62,
    "cube-7": 171,
    "cube-9": 364,
    "cube-11": 665,
    "pyramid-5-3-1": 22,
    "pyramid-7-5-3-1": 55,
    "pyramid-9-5-1": 68,
    "pyramid-9-7-5-3-1": 118,
    "pyramid-13-9-5-1": 175,
}


def test_all_29_are_there() -> None:
    assert {name for name in SHAPES if not name.endswith("-rows")} == set(PUBLISHED_WITH_LEFT)
    assert len(SHAPES) == 29


@pytest.mark.parametrize("name", PUBLISHED_WITH_LEFT)
def test_lengths_with_left_voxels_are_the_published_ones(name: str) -> None:
    assert len(SHAPES[name]) == SHAPES[name].published == PUBLISHED_WITH_LEFT[name]


@pytest.mark.parametrize("name", [name for name in SHAPES if name.endswith("-rows")])
def test_row_shapes_are_the_others_without_their_row(name: str) -> None:
    whole = set(SHAPES[name.removesuffix("-rows")].neighbourhood.offsets)
    rows = set(SHAPES[name].neighbourhood.offsets)
    assert rows == {offset for offset in whole if offset[:2] != (0, 0)}
    assert 0 <= len(SHAPES[name]) - SHAPES[name].published <= 1


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_schedules_are_causal_and_the_flattest(shape) -> None:
    found, near = shape.schedule, shape.neighbourhood
    assert found.allows(near)
    assert found.wx == int(shape.has_left)
    if found.wy:
        assert not Schedule(10**6, found.wy - 1, found.wx).allows(near)
    if found.wz:
        assert not Schedule(found.wz - 1, found.wy, found.wx).allows(near)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=lambda shape: shape.name)
def test_sequences_end_at_the_nearest_voxel(shape) -> None:
    offsets = shape.offsets
    assert sorted(map(tuple, offsets.tolist())) == sorted(shape.neighbourhood.offsets)
    distance = 2 * (offsets[:, 1:] ** 2).sum(axis=1) + 3 * offsets[:, 0] ** 2
    assert (np.diff(distance) <= 0).all()
    assert offsets[-1].tolist() == ([0, 0, -1] if shape.has_left else [0, -1, 0])


@given(st.sampled_from(sorted(SHAPES)), st.tuples(*[st.integers(1, 6)] * 3))
def test_every_voxel_has_one_step(name: str, size: tuple[int, int, int]) -> None:
    from medzip.papers.codec.kernels import voxels_of_step

    schedule = SHAPES[name].schedule
    plain = [batch.tolist() for batch in schedule.batches(size)]
    out = np.zeros((int(np.prod(size)), 3), dtype=np.int32)
    fast = []
    for t in range(schedule.steps(size)):
        n = voxels_of_step(t, schedule.wz, schedule.wy, schedule.wx, size, out)
        if n:
            fast.append(out[:n].tolist())
    assert fast == plain


def test_unknown_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"expected a shape among line-5, .* got 'cube-4'"):
        shape_named("cube-4")


def test_the_table_of_the_documentation_is_this_one() -> None:
    text = (Path(__file__).parents[2] / "docs" / "neighbourhoods.md").read_text()
    table = text.split("## The papers'")[1].split("## Where")[0].splitlines()
    rows = [line.strip("| \n").split(" | ") for line in table if line.startswith("| ")]
    assert [row[0] for row in rows[1:]] == [n for n in SHAPES if not n.endswith("-rows")]
    for name, *lengths, schedules in rows[1:]:
        pair = [SHAPES[name], SHAPES.get(f"{name}-rows")]
        expected = [str(n) if n else "-" for s in pair for n in (s and s.published, s and len(s))]
        assert lengths == expected
        assert schedules == ", ".join(
            f"({s.schedule.wz}, {s.schedule.wy}, {s.schedule.wx})" for s in pair if s
        )
