"""The number of tasks stays bounded, whatever the cohort."""

from __future__ import annotations

from dataclasses import replace

import pytest
from medzip_tasks.batches import (
    LOT_OBJECTS,
    MAX_SHARES,
    MAX_TASKS,
    batches,
    evenly,
    label,
    lots_of,
)

from medzip.archive import ObjectPlan, ObjectRef, Staged, StagedVolume
from medzip.archive.handles import SMALL_BYTES
from medzip.archive.line import Call, CallId, Step
from medzip.dicom.records import FileEntry


def plan(number: int, size: int) -> ObjectPlan:
    file = FileEntry(f"{number}.dcm", f"/in/{number}.dcm", size, "", 0, 0)
    return ObjectPlan(f"{number:064x}", "series", (file,), ())


def staged(*slices: int, depth: int = 32, side: int = 512) -> Staged:
    volumes = tuple(StagedVolume((z, side, side), "int16", depth, "volume") for z in slices)
    return Staged(ObjectRef("/archive", "ab" * 32, "default"), volumes, 1, 0, (), (), 0.0)


def encodes(item: Staged) -> list[Call]:
    """What a line gives out of a staged object."""
    return [
        Call(CallId(item.key, Step.ENCODE, volume, slab), (item, volume, slab))
        for volume, slab in item.slab_indices
    ]


def test_large_objects_go_alone_and_first() -> None:
    plans = [plan(1, 10), plan(2, SMALL_BYTES), plan(3, 20), plan(4, 9 * SMALL_BYTES)]
    assert [[int(p.key, 16) for p in lot] for lot in lots_of(plans)] == [[4], [2], [3, 1]]


@pytest.mark.parametrize("size", [1, 100_000, SMALL_BYTES - 1])
def test_small_objects_share_lots(size: int) -> None:
    plans = [plan(i, size) for i in range(1000)]
    lots = lots_of(plans)
    assert sorted(p.key for lot in lots for p in lot) == [p.key for p in plans]
    assert max(len(lot) for lot in lots) <= LOT_OBJECTS
    assert sum(p.raw_bytes for p in lots[0]) <= 4 * SMALL_BYTES
    assert lots == lots_of(plans[::-1])


def test_no_objects_no_lots() -> None:
    assert lots_of([]) == []


@pytest.mark.parametrize("slices", [1, 32, 33, 1000, 100_000])
def test_every_slab_is_in_one_batch(slices: int) -> None:
    calls = encodes(staged(slices, 5))
    cut = batches(calls)
    assert [call for _, batch in cut for call in batch] == calls
    assert len(cut) <= MAX_TASKS
    assert len({name for name, _ in cut}) == len(cut)


def test_a_slab_of_the_usual_size_is_a_task_of_its_own() -> None:
    names = [name for name, _ in batches(encodes(staged(128)))]
    assert names == [f"abababababab-slab-{i:04d}" for i in range(4)]


def test_small_slabs_share_a_task() -> None:
    names = [name for name, _ in batches(encodes(staged(64, side=64)))]
    assert names == ["abababababab-slab-0000-to-0001"]


def test_several_objects_share_a_task() -> None:
    other = staged(128)
    other = replace(other, ref=replace(other.ref, key="cd" * 32))
    ((name, batch),) = batches([*encodes(staged(128)), *encodes(other)])
    assert name == "abababababab-and-1-more"
    assert len(batch) == 8


def test_label_says_how_many_there_are() -> None:
    assert label(["a"]) == "a"
    assert label(["a", "b", "c"]) == "a-and-2-more"


@pytest.mark.parametrize("count", [1, 2, MAX_SHARES, MAX_SHARES + 1, 1000])
def test_series_are_shared_out_evenly(count: int) -> None:
    series = [replace(plan(number, 10), key=f"{number:012x}") for number in range(count)]
    lots = evenly(series)  # type: ignore[arg-type]  # all it asks of a series is its name
    assert len(lots) <= MAX_SHARES
    assert [one for lot in lots.values() for one in lot] == series
    assert max(map(len, lots.values())) <= -(-count // MAX_SHARES)
