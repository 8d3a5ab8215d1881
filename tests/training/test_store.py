"""Sample stores: what is drawn, from where, equally, the same again, and after a kill."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medzip.codec.fast.engine import Engine
from medzip.errors import SourceError
from medzip.fitting.linear import Window
from medzip.papers.training.neighbours import NeighboursForm
from medzip.testing.cohorts import FORM, cohort, make_store
from medzip.training.drawing import WINDOW_SLICES, Plan, draw_series
from medzip.training.forms import form_from, form_named, in_coding_order
from medzip.training.sampled import HELD_OUT
from medzip.training.store import SampleStore
from medzip.training.strata import quotas, share_equally
from medzip.training.writing import write_series
from medzip.volumes.about import SeriesAbout

if TYPE_CHECKING:
    from pathlib import Path

RAW = NeighboursForm("line", ((0, 0, -1), (0, -1, 2), (0, -1, 0), (-1, 0, 0), (-1, 1, 1)))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    return make_store(tmp_path_factory.mktemp("store") / "store")


@given(st.integers(0, 10_000), st.dictionaries(st.text(max_size=3), st.integers(0, 3000)))
def test_shares_are_equal_but_for_what_is_not_there(total: int, there: dict[str, int]) -> None:
    shares = share_equally(total, there)
    assert shares.keys() == there.keys()
    assert sum(shares.values()) == min(total, sum(there.values()))
    assert all(shares[name] <= there[name] for name in there)
    unbounded = [shares[name] for name in there if shares[name] < there[name]]
    if unbounded:
        assert max(unbounded) - min(unbounded) <= 1
        # one that gave all it has may have had the odd one
        assert all(share <= min(unbounded) + 1 for share in shares.values())


def test_a_scanner_with_many_series_has_no_more_samples() -> None:
    many = [SeriesAbout(f"a{i}", f"{i:02d}", 10_000, scanner="A") for i in range(9)]
    out = quotas([*many, SeriesAbout("b", "99", 10_000, scanner="B")], 1800)
    assert out["99"] == 900
    assert {out[one.key] for one in many} == {100}


def test_rows_are_as_many_as_planned_and_equal_by_stratum(store: SampleStore) -> None:
    rows = {one.about.name: one.rows for one in store.sampled}
    assert rows == {"s0": 1000, "s1": 1000, "s2": 2000}
    assert [one.held for one in store.sampled if one.rows == 2000] == [2000 // HELD_OUT]


def test_origins_are_places_of_the_targets(tmp_path: Path) -> None:
    """Raw samples hold the voxel and its neighbours as they lie at their origin."""
    raw = make_store(tmp_path / "raw", 3000, form=RAW)
    for about, volume in cohort().items():
        origins = raw.column(about.key, "origin").astype(np.int64)
        low = int(volume.min())  # a window has a minimum of its own; air is in all of them
        assert len(np.unique(origins, axis=0)) == len(origins)
        target = raw.column(about.key, "target").astype(np.int64)
        assert np.array_equal(target, volume[tuple(origins.T)].astype(np.int64) - low)
        neighbours = raw.column(about.key, "neighbours")
        starts = np.array(Plan.of(len(volume), raw.quotas[about.key], mirror=False).starts)
        for k, offset in enumerate(RAW.offsets):
            at = origins + np.array(offset)
            first = starts[np.searchsorted(starts, origins[:, 0], side="right") - 1]
            inside = (at[:, 0] >= first) & (at >= 0).all(axis=1)
            inside &= (at < np.array(volume.shape)).all(axis=1)
            assert not neighbours[~inside, k].any()
            there = volume[tuple(at[inside].T)].astype(np.int64) - low
            assert np.array_equal(neighbours[inside, k], there)


@pytest.mark.parametrize("slices", [1, 7, 8, 9, 12, 17, 20, 47, 48, 300])
def test_windows_do_not_overlap(slices: int) -> None:
    """Else a voxel that one holds out to judge would be learned from in another."""
    plan = Plan.of(slices, 1_000_000, mirror=True)
    ends = [first + plan.slices for first in plan.starts]
    assert all(end <= first for end, first in zip(ends, plan.starts[1:], strict=False))
    assert plan.starts[0] >= 0
    assert ends[-1] <= slices


def test_inputs_are_those_of_the_engine_at_the_origins() -> None:
    """The order in which the engine gives samples is the one that origins are sorted by."""
    volume = next(iter(cohort().values()))
    checked = 0
    plan = Plan.of(len(volume), 9000, mirror=True)
    assert len(set(plan.mirrored)) > 1
    for number, drawn in enumerate(draw_series(volume, FORM, 9000, (0,))):
        flip = tuple(slice(None, None, -1 if axis else 1) for axis in plan.mirrored[number])
        first = plan.starts[number]
        window = Window.of(np.ascontiguousarray(volume[first : first + plan.slices][flip]))
        mask = np.zeros(volume[first : first + plan.slices].shape, dtype=bool)
        at = drawn.origins - np.array([first, 0, 0])
        mask[tuple(at.T)] = True
        seen = mask[flip]
        order = in_coding_order(np.argwhere(seen), FORM.neighbourhood)
        targets = np.concatenate(
            [
                part[3]
                for part in _engine(window.values.shape).inputs_of(
                    window.values, window.origin, seen
                )
            ]
        )
        assert np.array_equal(targets, window.values[tuple(order.T)])
        back = np.where(plan.mirrored[number], np.array(seen.shape) - 1 - order, order)
        assert np.array_equal(back, at)
        checked += len(at)
    assert checked == 9000


def _engine(shape: tuple[int, ...]) -> Engine:
    import torch

    from medzip.fitting.qat import MixtureNet

    torch.manual_seed(0)
    return Engine(MixtureNet(FORM.architecture).integers(), shape)


def test_the_same_plan_gives_the_same_samples(store: SampleStore, tmp_path: Path) -> None:
    assert make_store(tmp_path / "again").digest == store.digest
    assert make_store(tmp_path / "other", seed=1).digest != store.digest


def test_a_store_without_a_series_is_completed(store: SampleStore, tmp_path: Path) -> None:
    series = cohort()
    begun = SampleStore.plan(tmp_path / "store", FORM, series, 4000, 0)
    (first, volume), *others = series.items()
    write_series(begun, first.key, volume)
    with pytest.raises(SourceError, match="without 2 of 3 series"):
        SampleStore.open(tmp_path / "store")
    left = begun.folder / "series" / f".{others[0][0].key}.part"  # of a killed run
    left.mkdir()
    (left / "junk").touch()
    again = SampleStore.plan(tmp_path / "store", FORM, series, 4000, 0)
    for about, voxels in series.items():
        write_series(again, about.key, voxels)
    assert SampleStore.open(tmp_path / "store").digest == store.digest
    assert not left.exists()


def test_another_plan_does_not_touch_a_store(store: SampleStore) -> None:
    before = (store.folder / "store.json").read_bytes()
    with pytest.raises(SourceError, match="another; name another folder"):
        SampleStore.plan(store.folder, FORM, cohort(), 4001, 0)
    assert (store.folder / "store.json").read_bytes() == before


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter").touch()
    with pytest.raises(SourceError, match="other things"):
        SampleStore.plan(tmp_path, FORM, cohort(), 100, 0)
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_a_long_series_is_read_in_windows(tmp_path: Path) -> None:
    class Long:
        """More slices than memory would hold, made when they are asked for."""

        shape, dtype = (100_000, 40, 48), np.dtype(np.int16)
        most = 0

        def __getitem__(self, key: slice) -> np.ndarray:
            count = len(range(*key.indices(self.shape[0])))
            self.most = max(self.most, count)
            generator = np.random.default_rng(key.start)
            return generator.normal(0, 50, (count, 40, 48)).astype(np.int16)

    long = Long()
    about = SeriesAbout("long", "ab" * 32, int(np.prod(long.shape)))
    store = SampleStore.plan(tmp_path / "store", FORM, [about], 20_000)
    assert write_series(store, about.key, long).rows == 20_000
    assert long.most == WINDOW_SLICES
    origins = store.column(about.key, "origin")
    assert origins[:, 0].max() > 99_000
    assert len(np.unique(origins[:, 0] // 1000)) > 4


def test_forms_survive_their_description() -> None:
    for form in (form_named("fast"), FORM, RAW):
        assert form_from(json.loads(json.dumps(form.describe()))) == form
    with pytest.raises(SourceError, match="form of samples"):
        form_from({"kind": "inputs", "architecture": {"near": 4}})


def test_portions_of_a_series_are_its_rows(store: SampleStore) -> None:
    key = store.series[0].key
    whole = store.samples(key)
    part = store.samples(key, slice(100, 200))
    assert np.array_equal(whole.q[100:200], part.q)
    assert np.array_equal(whole.below[100:200], part.below)
    assert len(whole) == store.sampled[0].rows
