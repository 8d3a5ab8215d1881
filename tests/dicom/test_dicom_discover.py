"""Headers into stacks: by geometry, whatever files are called; not a volume is a normal result."""

from __future__ import annotations

import random
import sys

import numpy as np
import pytest
from highdicom.spatial import get_normal_vector, get_volume_positions
from hypothesis import given
from hypothesis import strategies as st

from medzip.dicom.discover import _normal, _plainly_even, stack_files
from medzip.dicom.header import Header
from medzip.dicom.records import FileEntry, Frames

AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
Item = tuple[FileEntry, Header]


def item(
    name: str,
    z: float | None = 0.0,
    *,
    instance: int = 0,
    frames: int = 1,
    size: int = 4,
    orientation: tuple[float, ...] = AXIAL,
    positions: tuple[tuple[float, ...], ...] | None = None,
    uid: str = "1",
    reason: str = "",
) -> Item:
    if positions is None:
        positions = () if z is None else tuple((0.0, 0.0, z + k) for k in range(frames))
    runs = () if reason else (Frames(100, frames * size * size * 2, frames, "little"),)
    header = Header(
        series_uid=uid,
        reason=reason,
        syntax="1.2",
        rows=size,
        columns=size,
        dtype="int16",
        instance=instance,
        orientation=orientation if positions else None,
        positions=positions,
        frames=runs,
    )
    entry = FileEntry(name, "/" + name, 1000, name, 0, 0o644, uid, (), reason)
    return entry, header


def order(items: list[Item]) -> list[str]:
    entries, _ = stack_files(items)
    for position, entry in enumerate(entries):
        if len(entries) == len(items) and entry.spans and len(entry.spans) == 1:
            assert entry.spans[0].z == position or entry.spans[0].stack
    return [entry.path for entry in entries]


def geometry(items: list[Item]) -> list[str]:
    return [stack.geometry for stack in stack_files(items)[1]]


def test_order_follows_positions() -> None:
    items = [item(f"{k * 37 % 101}", 2.5 * k, instance=-k) for k in range(30)]
    names = [entry.path for entry, _ in items]
    random.Random(0).shuffle(items)
    assert order(items) in (names, names[::-1])
    assert geometry(items) == ["volume"]


@pytest.mark.parametrize(
    ("positions", "name"),
    [
        ([0, 1, 2, 3], "volume"),
        ([0, 1, 3, 4], "gaps"),
        ([0, 1, 1, 2], "repeated"),
        ([0, 1, 2.37, 3], "uneven"),
        ([5], "single"),
        ([None], "single"),
        ([None, None], "unknown"),
        ([0, None], "unknown"),
        ([float("nan"), 0], "unknown"),
    ],
)
def test_geometry_has_a_name(positions: list[float | None], name: str) -> None:
    items = [item(str(k), z) for k, z in enumerate(positions)]
    if None in positions and len(set(positions)) > 1:
        # With and without orientation they are two stacks.
        assert geometry(items) == ["single", "single"]
    else:
        assert geometry(items) == [name]
    assert sorted(order(items)) == [str(k) for k in range(len(positions))]


def test_broken_directions() -> None:
    items = [item(str(k), k, orientation=(0.0,) * 6) for k in range(3)]
    assert geometry(items) == ["unknown"]
    assert geometry([item(str(k), k, orientation=(1.0, 0.0)) for k in range(3)]) == ["unknown"]


@given(orientation=st.tuples(*[st.floats(-1, 1)] * 6))
def test_the_normal_is_that_of_highdicom(orientation: tuple[float, ...]) -> None:
    assert np.array_equal(_normal(orientation), get_normal_vector(orientation))


def test_single_slices_and_even_ones_need_no_judgement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom.spatial", None)  # importing it fails
    assert geometry([item("a", 5)]) == ["single"]
    assert geometry([item("a", 5, orientation=(0.0,) * 6)]) == ["unknown"]
    assert geometry([item(str(k), 2.5 * k) for k in range(20)]) == ["volume"]
    with pytest.raises(ImportError):
        geometry([item(str(k), k) for k in (0, 1, 3)])


@given(
    st.lists(st.integers(0, 40), min_size=2, max_size=9),
    st.sampled_from([1e-4, 0.01, 0.7, 1.25, 1e3, 1e200]),
    st.sampled_from(
        [AXIAL, SAGITTAL, (0.8, 0.6, 0.0, 0.0, 0.0, -1.0), (1.0, 0.0, 0.0, 0.0, 0.99, 0.0)]
    ),
    st.sampled_from([0.0, 1e-6, 1e-4, 1e-3, 0.02, 0.5]),
    st.randoms(use_true_random=False),
)
def test_what_is_plainly_even_is_a_volume_for_highdicom(
    places: list[int],
    spacing: float,
    orientation: tuple[float, ...],
    jitter: float,
    random: random.Random,
) -> None:
    normal = _normal(orientation)
    positions = [
        tuple(spacing * (p * normal + [random.uniform(-jitter, jitter) for _ in range(3)]))
        for p in (places if random.random() < 0.5 else range(len(places)))
    ]
    random.shuffle(positions)
    if _plainly_even(np.asarray(positions), normal):
        assert get_volume_positions(positions, orientation)[0] is not None


def test_repeated_positions_follow_instance_numbers() -> None:
    items = [item(f"{t}{z}", float(z), instance=10 * t + z) for t in (2, 0, 1) for z in (1, 0)]
    names = order(items)
    assert names in (["00", "10", "20", "01", "11", "21"], ["01", "11", "21", "00", "10", "20"])


def test_mixed_sizes_and_localizers_are_stacks_of_their_own() -> None:
    items = [item(f"a{k}", k) for k in range(5)]
    items += [item(f"b{k}", k, size=8) for k in range(2)]
    items += [item("loc", 0, orientation=SAGITTAL)]
    entries, stacks = stack_files(items)
    assert [stack.shape for stack in stacks] == [(5, 4, 4), (2, 8, 8), (1, 4, 4)]
    assert len(entries) == 8


def test_frames_of_several_files_interleave() -> None:
    items = [item(f"t{t}", frames=4, instance=t) for t in range(3)]
    entries, (stack,) = stack_files(items)
    assert stack.shape == (12, 4, 4)
    assert stack.geometry == "repeated"
    places = []
    for entry in entries:
        (span,) = entry.spans
        assert (span.slices, span.step, span.length) == (4, 3, 4 * 32)
        places += [span.z + k * span.step for k in range(4)]
    assert sorted(places) == list(range(12))


def test_frames_in_any_order_have_their_place() -> None:
    zs = (3, 0, 1, 2, 7, 5)
    (entry,), _ = stack_files(
        [item("f", frames=6, positions=tuple((0.0, 0.0, float(z)) for z in zs))]
    )
    places, offsets = [], []
    for span in entry.spans:
        places += [span.z + k * span.step for k in range(span.slices)]
        offsets += [span.offset + 32 * k for k in range(span.slices)]
    rank = [sorted(zs).index(z) for z in zs]
    assert places in (rank, [5 - r for r in rank])
    assert offsets == [100 + 32 * k for k in range(6)]
