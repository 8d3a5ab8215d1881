"""Fitting pays, what is learned is what is coded, and the network returns from its integers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from medzip.codec import decode_slab, encode_slab, read_model
from medzip.codec.plain.network import LINEAR_SUM, Architecture
from medzip.fitting import fit_model
from medzip.fitting.fit import CONTEXT_SLICES, WINDOW_SLICES, draw_samples, read_windows
from medzip.fitting.linear import Window, solve_linear, straight_bits
from medzip.fitting.optimise import Recipe, mean_bits, one_cycle, optimise
from medzip.fitting.qat import MixtureNet
from medzip.fitting.sample import Samples, sample_window
from medzip.models import NetworkModel, base_model

FORM = Architecture((10, 2), 16, 12, 8, (16, 16), (4, 5))


def textured(
    shape: tuple[int, int, int], seed: int = 0, filter_: tuple[float, float] = (1.6, -0.9)
) -> np.ndarray:
    """Noise with a strong correlation along x that no base model has seen."""
    generator = np.random.default_rng(seed)
    noise = generator.normal(0, 40, shape)
    for x in range(2, shape[2]):
        noise[:, :, x] += filter_[0] * noise[:, :, x - 1] + filter_[1] * noise[:, :, x - 2]
    return np.rint(noise + 4000).astype(np.uint16)


def small_net(seed: int = 0) -> MixtureNet:
    torch.manual_seed(seed)
    return MixtureNet(FORM)


def all_samples(voxels: np.ndarray, net: MixtureNet) -> Samples:
    window = Window.of(voxels)
    return sample_window(window, net.integers(), np.ones(voxels.shape, dtype=bool))


def test_float_and_integer_networks_agree() -> None:
    """Training sees the network that codes: outputs differ by rounding at the very end only."""
    net = small_net()
    samples = all_samples(textured((4, 40, 40)), net)
    with torch.no_grad():
        outputs = net(samples.q).numpy()
    integers = net.integers().forward(samples.q.numpy().astype(np.int64))
    unit = np.repeat([256.0, 4096.0, 256.0], 3)
    difference = np.abs(integers / unit - outputs)
    assert difference.mean() < 0.005
    # a tie may round one activation the other way: 1/16 of it times a weight of the head
    assert difference.max() < 0.1


def test_integers_and_back() -> None:
    network = small_net().integers()
    net = small_net(1)
    net.load(network)
    again = net.integers()
    for mine, theirs in zip(
        (*network.hidden, network.head), (*again.hidden, again.head), strict=True
    ):
        assert np.array_equal(mine.weight, theirs.weight)
        assert np.array_equal(mine.bias, theirs.bias)
        assert np.array_equal(mine.shift, theirs.shift)
    assert np.array_equal(network.linear, again.linear)


def test_code_length_is_what_coding_takes() -> None:
    """Mean bits of the loss, against the bytes of the slab: within 1 % and the header."""
    voxels = textured((6, 64, 64))
    model = NetworkModel(small_net().integers(), None)
    net = small_net(3)
    net.load(model.network)
    samples = all_samples(voxels, net)
    expected = mean_bits(net, samples) * len(samples) / 8
    assert len(encode_slab(voxels, model)) == pytest.approx(expected + 72, rel=0.01)


def test_fitting_pays() -> None:
    voxels = textured((12, 96, 96))
    base = base_model("default")
    fitted = fit_model(voxels, "default")
    assert fitted.base_digest == base.digest or fitted.base_digest == base.base_digest
    before = len(encode_slab(voxels, base))
    after = len(encode_slab(voxels, fitted)) + len(fitted.to_bytes())
    assert after < 0.98 * before
    assert np.array_equal(decode_slab(encode_slab(voxels, fitted), fitted), voxels)
    assert read_model(fitted.to_bytes()) == fitted


def test_fitting_is_repeatable_and_reads_windows_only() -> None:
    class Watched:
        """A volume that counts what is read of it at once."""

        def __init__(self, array: np.ndarray) -> None:
            self.array, self.most = array, 0
            self.shape, self.dtype = array.shape, array.dtype

        def __getitem__(self, key: slice) -> np.ndarray:
            part = self.array[key]
            self.most = max(self.most, len(part))
            return part

    voxels = textured((60, 32, 32))
    watched = Watched(voxels)
    assert fit_model(watched, "default") == fit_model(voxels, "default")
    assert watched.most <= CONTEXT_SLICES + WINDOW_SLICES


@pytest.mark.parametrize("style", ["noise", "extremes", "ramp", "specks", "constant", "copies"])
def test_any_volume_has_a_straight_prediction(style: str) -> None:
    """Singular and absurd equations too give weights within the format's limits."""
    generator = np.random.default_rng(7)
    shape = (5, 40, 40)
    voxels = {
        "noise": lambda: generator.integers(0, 65536, shape),
        "extremes": lambda: np.where(generator.random(shape) < 0.5, 0, 65535),
        "ramp": lambda: np.broadcast_to(np.arange(shape[2]) * 900, shape),
        "specks": lambda: np.where(generator.random(shape) < 0.001, 9, 0),
        "constant": lambda: np.full(shape, 3),
        "copies": lambda: np.repeat(generator.integers(0, 99, (1, *shape[1:])), shape[0], 0),
    }[style]()
    weights = solve_linear([Window.of(voxels.astype(np.uint16))], FORM.neighbourhood, 5_000)
    assert np.abs(weights.astype(np.int64)).sum(axis=1).max() <= LINEAR_SUM
    assert not weights[0, FORM.neighbourhood.usable(0) :].any()


def test_small_and_flat_series_keep_the_base() -> None:
    assert fit_model(textured((2, 20, 20)), "default") == base_model("default")
    assert fit_model(np.zeros((30, 64, 64), np.int16), "max") == base_model("max")


def test_straight_predictions_are_solved() -> None:
    """A filter that made the volume is found, for whole neighbourhoods and for first slices.

    Its weights sum to 1, as those of every straight prediction do: it follows any level.
    """
    voxels = textured((8, 64, 64), filter_=(1.6, -0.6))
    windows = [Window.of(voxels)]
    weights = solve_linear(windows, FORM.neighbourhood, 20_000)
    at = {offset: k for k, offset in enumerate(FORM.neighbourhood.offsets)}
    for kind in (0, 1):
        found = weights[kind] / 2.0**13
        nearest = list(FORM.neighbourhood.nearest(4, kind))
        found[nearest] += (1 - found.sum()) / 4
        assert found[at[0, 0, -1]] == pytest.approx(1.6, abs=0.1)
        assert found[at[0, 0, -2]] == pytest.approx(-0.6, abs=0.1)
        assert np.abs(np.delete(found, [at[0, 0, -1], at[0, 0, -2]])).max() < 0.1
    nothing = np.zeros_like(weights)
    bits = straight_bits(windows, FORM.neighbourhood, (weights, nothing), 5000, 1)
    assert bits[0] < bits[1] - 0.5
    solved = fit_model(voxels, "fast")
    base = base_model("fast")
    assert solved.base_digest == base.base_digest
    assert solved != base
    size = len(encode_slab(voxels, solved)) + len(solved.to_bytes())
    assert size < len(encode_slab(voxels, base)) + len(base.to_bytes())


def test_sample_share_leaves_flat_voxels_out() -> None:
    voxels = textured((8, 64, 64))
    voxels[:, :32] = 0
    network = base_model("default").network
    *_, share = draw_samples(read_windows(voxels), network, 20_000)
    assert 0.45 < share < 0.62


def test_rates_rise_and_fall() -> None:
    recipe = Recipe(steps=100, rate=1e-2, warm=0.2)
    rates = [one_cycle(recipe, step) for step in range(100)]
    assert max(rates) == pytest.approx(1e-2, rel=0.02)
    assert rates.index(max(rates)) in range(18, 23)
    assert rates[0] < 1e-3
    assert rates[-1] < 1e-4


def test_progress_is_told() -> None:
    net = small_net()
    samples = all_samples(textured((4, 40, 40)), net)
    seen: list[tuple[int, float]] = []
    optimise(net, samples, Recipe(60, 128), progress=lambda s, loss: seen.append((s, loss)))
    assert [step for step, _ in seen] == [50, 60]
