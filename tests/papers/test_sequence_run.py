"""A predictor of the papers on a store of neighbours: what it sees, and that it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from medzip import decode, encode
from medzip.errors import ModelError, SourceError
from medzip.fitting.linear import Window
from medzip.papers.codec.gather import normalised, sequences_at
from medzip.papers.codec.model import read_sequence_model
from medzip.papers.codec.shapes import shape_named
from medzip.papers.training.configurations import configuration
from medzip.papers.training.run import PredictorRun, sequences_of
from medzip.testing.cohorts import cohort, make_store
from medzip.training.curves import read_curves
from medzip.training.drawing import Plan
from medzip.training.forms import form_named
from medzip.training.learning import CURVES
from medzip.training.run import train

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.training.curves import Point
    from medzip.training.store import SampleStore

SHAPE = "pyramid-5-3-1"
LSTM = configuration("lstm-32").with_(
    shape=SHAPE, hidden=(8,), epochs=3, batch=128, rate=3e-3, start="solved"
)
RUN = PredictorRun(LSTM, device="cpu", checkpoint_every=10)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    folder = tmp_path_factory.mktemp("store") / "store"
    return make_store(folder, 3000, form=form_named(SHAPE))


def test_sequences_are_those_that_the_codec_sees(store: SampleStore) -> None:
    samples = sequences_of(store)
    assert len(samples) == 3000
    shape = shape_named(SHAPE)
    for number, one in enumerate(store.sampled):
        volume = next(v for about, v in cohort().items() if about.key == one.about.key)
        plan = Plan.of(len(volume), store.quotas[one.about.key], mirror=False)
        (first,) = plan.starts
        window = Window.of(volume[first : first + plan.slices])
        voxels = store.column(one.about.key, "origin").astype(np.int64) - [first, 0, 0]
        mine = samples.origin == number
        expected = sequences_at(window.values, voxels, shape, window.count)
        assert np.array_equal(samples.x[mine], expected)
        targets = normalised(window.values[tuple(voxels.T)], window.count)
        assert np.array_equal(samples.y[mine], targets)


class StoppedError(Exception):
    pass


def test_stopped_run_goes_on_to_the_same_model_which_codes(
    store: SampleStore, tmp_path: Path
) -> None:
    def stop(point: Point) -> None:
        if point.step > 30:
            raise StoppedError

    straight = train(store.folder, tmp_path / "a", tmp_path / "wa", RUN)
    with pytest.raises(StoppedError):
        train(store.folder, tmp_path / "b", tmp_path / "wb", RUN, stop)
    again = train(store.folder, tmp_path / "b", tmp_path / "wb", RUN)
    assert 0 < again.resumed < read_curves(tmp_path / "wa" / CURVES)[-1].step
    assert again.digest == straight.digest
    model = read_sequence_model(again.folder)
    assert model.digest == again.folder.name
    voxels = next(iter(cohort((3, 24, 24)).values()))
    assert np.array_equal(decode(encode(voxels, model=model)), voxels)
    other = PredictorRun(LSTM.with_(rate=1e-3), device="cpu")
    with pytest.raises(ModelError):
        train(store.folder, tmp_path / "b", tmp_path / "wb", other)


def test_a_store_of_another_shape_is_refused(store: SampleStore, tmp_path: Path) -> None:
    other = PredictorRun(LSTM.with_(shape="cube-3"))
    with pytest.raises(SourceError, match="--form cube-3"):
        train(store.folder, tmp_path / "m", tmp_path / "w", other)


def test_a_configuration_by_name_takes_the_shape_of_the_store(store: SampleStore) -> None:
    learner = PredictorRun("lstm-32", epochs=2, seed=3).learner(store, "cpu")
    assert (learner.run.shape, learner.run.epochs, learner.run.seed) == (SHAPE, 2, 3)
    assert learner.run.hidden == configuration("lstm-32").hidden
