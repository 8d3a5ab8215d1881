"""Training of the papers' predictors: what is drawn, learned, resumed and quantised."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from medzip.bench.phantom import ct_volume
from medzip.codec.plain.mixture import cumulative
from medzip.errors import ModelError
from medzip.papers.codec.backends import default_table, mixture_at, scale_at
from medzip.papers.codec.gather import predicted, sequences_at
from medzip.papers.codec.shapes import SHAPES, shape_named
from medzip.papers.training.configurations import CONFIGURATIONS, configuration
from medzip.papers.training.learn import SequenceLearner, laplace_bits
from medzip.papers.training.loss import joint_loss
from medzip.papers.training.nets import make_net, solve_output
from medzip.papers.training.quantise import quantise
from medzip.papers.training.samples import Source, gather, sample_sources
from medzip.papers.training.sampling import Extent, draw
from medzip.papers.training.table import error_samples, fit_table, table_bits
from medzip.training.checkpoint import Checkpoint, read_checkpoint, write_checkpoint
from medzip.training.learning import CHECKPOINT, learn

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.training.curves import Point

SHAPE = "pyramid-5-3-1"
LSTM = configuration("sampling-strategies").with_(
    shape=SHAPE, hidden=(8,), samples=3000, epochs=3, batch=64, rate=1e-2, decay=True
)
MLP = configuration("local-sampling-2").with_(
    shape=SHAPE, hidden=(32, 16), samples=3000, epochs=3, batch=64, rate=3e-3, start="solved"
)

ATTENTION = MLP.with_(kind="attention", hidden=(8, 2, 16))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Products this small cost more in several threads, and much more on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sources() -> list[Source]:
    return [Source.of(f"v{seed}", ct_volume((6, 40, 40), seed=seed), 0.5) for seed in (1, 2)]


extents = st.lists(
    st.builds(
        Extent,
        st.tuples(st.integers(1, 7), st.integers(1, 12), st.integers(1, 12)),
        st.sampled_from([0.488, 0.625, 0.9]),
    ),
    min_size=1,
    max_size=4,
)


@given(
    extents,
    st.sampled_from(["random", "gaussian", "slice", "spacing"]),
    st.integers(1, 300),
    st.integers(0, 5),
    st.one_of(st.none(), st.integers(1, 4)),
)
@settings(max_examples=60)
def test_drawn_voxels_are_inside_distinct_and_the_same_again(
    extents: list[Extent], scheme: str, samples: int, seed: int, slices: int | None
) -> None:
    drawn = draw(scheme, extents, samples, seed, slices)
    again = draw(scheme, extents, samples, seed, slices)
    assert sum(map(len, drawn)) <= samples
    for extent, voxels, same in zip(extents, drawn, again, strict=True):
        assert np.array_equal(voxels, same)
        assert (voxels >= 0).all()
        assert (voxels < np.array(extent.shape)).all()
        assert len(np.unique(voxels, axis=0)) == len(voxels)
        if slices is not None:
            assert len(np.unique(voxels[:, 0])) <= slices


def test_each_scheme_draws_what_it_says() -> None:
    extent = Extent((20, 30, 30), 0.5)
    for scheme in ("random", "gaussian", "slice"):
        assert len(draw(scheme, [extent], 2700, 0)[0]) == 2700
    spread = {s: draw(s, [extent], 2700, 0)[0][:, 0].std() for s in ("random", "gaussian")}
    assert spread["gaussian"] < 0.85 * spread["random"]
    z = draw("slice", [extent], 2700, 0)[0][:, 0]
    assert np.unique(z).tolist() == [3, 10, 16]
    two = [Extent((4, 40, 40), 0.4), Extent((1, 20, 20), 0.8), Extent((1, 20, 20), 0.4)]
    sizes = [len(voxels) for voxels in draw("spacing", two, 600, 0)]
    assert sizes[1] == 300
    assert sizes[0] > 10 * sizes[2]


def test_spacing_must_be_known() -> None:
    with pytest.raises(ModelError, match="pixel spacing"):
        draw("spacing", [Extent((2, 4, 4))], 4, 0)


def test_loss_is_that_of_the_papers() -> None:
    generator = np.random.default_rng(0)
    y, p = generator.normal(size=50), generator.normal(size=50)
    expected = np.abs(p - y).mean() + 0.7 * (1 - abs(np.corrcoef(y, p)[0, 1]))
    assert float(joint_loss(torch.tensor(p), torch.tensor(y), 0.7)) == pytest.approx(expected)


def test_loss_of_background_has_a_gradient_that_is_finite() -> None:
    p = torch.full((8,), 0.3, requires_grad=True)
    loss = joint_loss(p, torch.full((8,), -1.0))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(1.3)
    assert torch.isfinite(p.grad).all()


@pytest.mark.parametrize("name", ["line-5", SHAPE, f"{SHAPE}-rows", "cube-3"])
def test_sequences_are_those_of_the_codec(sources: list[Source], name: str) -> None:
    voxels = np.indices((6, 40, 40)).reshape(3, -1).T[::37]
    x, y = gather(sources[0], voxels, name)
    seen = sequences_at(sources[0].values, voxels, shape_named(name), sources[0].count)
    assert np.array_equal(x, seen)
    assert y.min() >= -(1 << 14)
    assert y.max() <= 1 << 14


def test_volumes_of_other_spacings_are_left_out(sources: list[Source]) -> None:
    other = Source(sources[0].name, sources[0].values, sources[0].count, 0.625)
    samples = sample_sources([*sources, other], LSTM.with_(spacings=(0.625,), samples=100))
    assert samples.names == ("v1",)
    with pytest.raises(ModelError, match="pixel spacing"):
        sample_sources(sources, LSTM.with_(spacings=(0.3,)))


@pytest.mark.parametrize("run", [LSTM.with_(prune=0.5), MLP], ids=["lstm-pruned", "mlp"])
@pytest.mark.parametrize("stop", [1, 2])
def test_stopped_training_ends_in_the_same_weights(
    sources: list[Source], tmp_path: Path, run, stop: int
) -> None:
    class StoppedError(Exception):
        pass

    def learner() -> SequenceLearner:
        return SequenceLearner(sample_sources(sources, run), run)

    def stop_there(point: Point) -> None:
        if point.step == stop * point.steps // run.epochs:
            raise StoppedError

    def curve(points: tuple[Point, ...]) -> list[Point]:
        return [dataclasses.replace(point, seconds=0.0) for point in points]

    undisturbed = learner()
    straight = learn(undisturbed)
    with pytest.raises(StoppedError):
        learn(learner(), tmp_path, 17, stop_there)
    goes_on = learner()
    resumed = learn(goes_on, tmp_path, 17)
    assert resumed.resumed % 17 == 0
    assert 0 < resumed.resumed < straight.points[-1].step
    assert len(straight.points) == run.epochs
    assert curve(resumed.points) == curve(straight.points)
    nets = (goes_on.trained(), undisturbed.trained())
    for mine, theirs in zip(*(net.parameters() for net in nets), strict=True):
        assert torch.equal(mine, theirs)
    if run.prune:
        share = float((nets[0].prunable()[0] == 0).float().mean())
        assert share == pytest.approx(0.5, abs=0.01)


def test_checkpoint_of_another_run_is_refused(sources: list[Source], tmp_path: Path) -> None:
    run = LSTM.with_(epochs=1)
    samples = sample_sources(sources, run)
    learn(SequenceLearner(samples, run), tmp_path)
    with pytest.raises(ModelError, match="other settings"):
        learn(SequenceLearner(samples, run.with_(seed=1)), tmp_path)
    file = tmp_path / CHECKPOINT
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ModelError, match="remove it"):
        learn(SequenceLearner(samples, run), tmp_path)


def test_checkpoint_roundtrip(tmp_path: Path) -> None:
    state = Checkpoint("abc", 7, 1.5, {"a": torch.arange(5.0)}, {"since": 3})
    write_checkpoint(tmp_path / "c", state)
    back = read_checkpoint(tmp_path / "c", "abc")
    assert back is not None
    assert (back.step, back.seconds, back.notes) == (7, 1.5, state.notes)
    assert torch.equal(back.tensors["a"], state.tensors["a"])
    assert read_checkpoint(tmp_path / "none", "abc") is None


def test_solved_output_predicts_at_once(sources: list[Source]) -> None:
    samples = sample_sources(sources, MLP)
    torch.manual_seed(0)
    net = make_net(MLP)
    x, y = (torch.from_numpy(a).float() / (1 << 14) for a in (samples.x, samples.y))
    with torch.no_grad():
        before = float((net(x) - y).abs().mean())
        solve_output(net, x, y)
        after = float((net(x) - y).abs().mean())
    assert after < 0.3 * before


@pytest.mark.parametrize("run", [LSTM, MLP, ATTENTION], ids=["lstm", "mlp", "attention"])
def test_integers_predict_as_the_floats_do(sources: list[Source], run) -> None:
    learner = SequenceLearner(sample_sources(sources, run), run)
    learn(learner)
    net = learner.trained()
    samples = sample_sources(sources, run.with_(seed=9))
    integer = quantise(net, samples.x)
    with torch.no_grad():
        floats = net(torch.from_numpy(samples.x).float() / (1 << 14)).double().numpy()
    steps = (samples.count - 1) / 2.0
    truth = samples.y / 2.0**14
    bits = [
        laplace_bits((prediction - truth) * steps)
        for prediction in (integer.forward(samples.x) / 2.0**20, floats)
    ]
    assert bits[0] == pytest.approx(bits[1], abs=0.01)


def test_weights_that_are_not_finite_are_refused() -> None:
    net = make_net(LSTM)
    with torch.no_grad():
        net.output.bias.fill_(float("nan"))
    with pytest.raises(ModelError, match="finite"):
        quantise(net, np.zeros((4, len(SHAPES[SHAPE])), dtype=np.int16))


def test_table_is_fitted_to_what_the_codec_computes(sources: list[Source]) -> None:
    source, shape = sources[0], shape_named(SHAPE)
    net = make_net(MLP)
    samples = sample_sources(sources, MLP)
    solve_output(net, *(torch.from_numpy(a).float() / (1 << 14) for a in (samples.x, samples.y)))
    voxels = np.indices(source.values.shape).reshape(3, -1).T
    x = sequences_at(source.values, voxels, shape, source.count)
    p = predicted(quantise(net, x[::50]).forward(x), source.count).reshape(source.values.shape)
    errors = error_samples(source.values, p, SHAPE, source.count)
    table = fit_table(errors, most=4000)
    assert table_bits(errors, table) < table_bits(errors, default_table())
    some = voxels[1000:1100]
    wide = source.values.astype(np.int64)
    scale = scale_at(16 * wide - p, some, shape, source.count)
    counts = cumulative(mixture_at(scale, p.reshape(-1)[1000:1100], table), source.count)
    v = wide.reshape(-1)[1000:1100]
    row = np.arange(100)
    codec = -np.log2((counts[row, v + 1] - counts[row, v]) / 2**24).mean()
    assert table_bits(errors.take(torch.arange(1000, 1100)), table) == pytest.approx(codec, 1e-3)


def test_bits_of_a_geometric_error_are_its_entropy() -> None:
    q = 0.9
    e = np.arange(-400, 401)
    share = (1 - q) / (1 + q) * q ** np.abs(e)
    entropy = -(share * np.log2(share)).sum()
    errors = np.random.default_rng(0).choice(e, 200_000, p=share / share.sum())
    assert laplace_bits(errors) == pytest.approx(entropy, abs=0.01)
    assert laplace_bits(np.zeros(3)) == 0


def test_configurations_are_those_of_the_papers() -> None:
    assert set(CONFIGURATIONS) >= {
        "medzip1", "medzip2", "medzip3", "local-sampling-1", "local-sampling-2",
        "sampling-strategies",
    }  # fmt: skip
    assert CONFIGURATIONS["medzip3"].spacings == (0.488, 0.578, 0.625)
    assert CONFIGURATIONS["local-sampling-1"].batch == 256
    assert CONFIGURATIONS["sampling-strategies"].betas == (0.9, 0.98)
    with pytest.raises(ModelError, match="kind"):
        LSTM.with_(kind="gru")
    with pytest.raises(ModelError, match="shape"):
        LSTM.with_(shape="sphere")
    with pytest.raises(ModelError, match="configuration"):
        configuration("medzip4")
