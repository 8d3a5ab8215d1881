"""A model for one series: the shipped base, fitted to a sample of the series' own voxels.

The straight prediction is solved at once; seconds of fitting then move the base to the scanner,
the kernel, the noise of this series. The changed weights are stored with it and counted, so the
loss holds them too: bits of voxels plus bits of weights (minimum description length). Small series
change few weights.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from medzip.codec.arrangement import PLAIN, arrangement_of
from medzip.codec.voxels import check_voxels
from medzip.cores import on_threads
from medzip.fitting.linear import Window, solve_linear, straight_bits
from medzip.fitting.optimise import Recipe, mean_bits, optimise
from medzip.fitting.qat import MixtureNet
from medzip.fitting.sample import Samples, sample_window
from medzip.models.network import network_of, shipped_model, with_network
from medzip.profile import Profile, profile_named, slab_depth

if TYPE_CHECKING:
    from collections.abc import Callable

    from medzip.codec.arrangement import Arrangement
    from medzip.codec.model import Model
    from medzip.codec.plain.network import Network

__all__ = ["Volume", "draw_samples", "fit_model", "read_windows", "straightened"]

WINDOWS = 6
"""From how many places along z the sample is drawn."""
WINDOW_SLICES = 8
CONTEXT_SLICES = 2
"""So many more stand before a window's: what is drawn from it has slices before it, as most of a
slab has."""
LEAST_VOXELS = 20_000
"""Below this no fit pays for its weights."""
RECOVERED = 0.75
"""Share of a better straight prediction's gain that a model makes up for without it."""
ERROR_BITS = 3.3
"""What errors cost beyond the mean of their logarithms, in bits, if they are Laplacian."""
HELD_OUT = 16
"""One sample in so many decides whether the fit is kept."""


class Volume(Protocol):
    """What a volume must offer: a NumPy array does, a Zarr array too."""

    @property
    def shape(self) -> Any:
        """(z, y, x)."""

    @property
    def dtype(self) -> Any:
        """One of `medzip.codec.voxels.DTYPES`."""

    def __getitem__(self, key: slice, /) -> Any:
        """Slices along z."""


def read_windows(volume: Volume) -> list[Window]:
    """A few windows of consecutive slices, evenly spaced, so memory does not grow with a series.

    Those of a short series touch but for their context: where a voxel is in two windows, it may be
    learned from in one and judge the fit in the other, which then seems better than it is.
    """
    slices, height, width = (int(n) for n in volume.shape)
    depth = slab_depth((slices, height, width), "default")
    arrangement = arrangement_of((depth, height, width))
    if arrangement != PLAIN:
        return _arranged_windows(volume, depth, arrangement)
    span = min(slices, CONTEXT_SLICES + WINDOW_SLICES)
    count = min(WINDOWS, max(1, -(-(slices - CONTEXT_SLICES) // WINDOW_SLICES)))
    starts = np.unique(np.linspace(0, slices - span, count).astype(int))
    return [
        Window.of(np.ascontiguousarray(np.asarray(volume[int(start) : int(start) + span])))
        for start in starts
    ]


def _arranged_windows(volume: Volume, depth: int, arrangement: Arrangement) -> list[Window]:
    """Whole slabs, as they are coded, where their axes change places."""
    last = int(volume.shape[0]) - depth
    starts = np.unique(np.linspace(0, last, min(WINDOWS, 1 + last // depth)).astype(int))
    return [
        Window.of(arrangement.arrange(np.asarray(volume[int(z) : int(z) + depth]))) for z in starts
    ]


def draw_samples(
    windows: list[Window], network: Network, count: int, seed: int = 0
) -> tuple[Samples, Samples, float]:
    """Samples of a volume's voxels outside flat contexts.

    Returns
    -------
    tuple
        Samples to hold out, samples to learn from, and the share of the volume's voxels that are
        not in a flat context.
    """
    generator = np.random.default_rng(seed)
    depth = network.architecture.neighbourhood.depth
    held, rest = [], []
    masks = []
    for window in windows:
        shape = window.values.shape
        # slices that have all of their predecessors stand for a whole slab's
        first = min(depth, shape[0] - 1)
        share = count / len(windows) / window.values[first:].size
        chance = np.full(shape[0], share)
        chance[:first] /= 8
        masks.append(generator.random(shape, dtype=np.float32) < chance[:, None, None])
    parts = on_threads(
        lambda at: sample_window(at[0], network, at[1]), list(zip(windows, masks, strict=True))
    )
    for part in parts:
        mask = torch.zeros(len(part), dtype=torch.bool)
        mask[::HELD_OUT] = True
        held.append(part.take(mask))
        rest.append(part.take(~mask))
    kept = sum(len(part) for part in held + rest)
    drawn = sum(int(chosen.sum()) for chosen in masks)
    return Samples.concatenate(held), Samples.concatenate(rest), kept / max(1, drawn)


def fit_model(
    volume: Volume,
    profile: str | Profile = "default",
    *,
    base: Model | None = None,
    seed: int = 0,
    device: str = "cpu",
    progress: Callable[[int, float], None] | None = None,
) -> Model:
    """The model for a volume under a profile.

    Parameters
    ----------
    volume
        (z, y, x) of uint8, int8, uint16 or int16: an array, or anything that slices along z.
    profile
        "fast" solves the straight prediction of its base and trains nothing, "default" fits its
        base, "max" fits its bases and keeps the best.
    base
        Start from this model instead of the profile's.
    seed
        Of the sample and its order. The same input gives the same model on one machine; another
        machine may fit slightly other weights, which are stored and decode everywhere.
    device
        Where to fit: "cpu" or "cuda".
    progress
        Called with the step and the loss (bits a voxel).

    Returns
    -------
    Model
        Fitted where that pays for the weights it adds, the base model otherwise.
    """
    chosen = profile_named(profile) if isinstance(profile, str) else profile
    starts = [shipped_model(name) for name in chosen.bases] if base is None else [base]
    voxels = int(np.prod([int(n) for n in volume.shape]))
    if voxels < LEAST_VOXELS:
        return starts[0]
    check_voxels(volume[0:1])
    windows = read_windows(volume)
    starts = [straightened(windows, start, voxels, chosen.linear_voxels, seed) for start in starts]
    if chosen.fit_voxels == 0:
        return starts[0]

    def fitted(start: Model) -> tuple[Model, float]:
        return _fit(windows, start, voxels, chosen, seed, progress, device)

    tried = on_threads(fitted, starts) if device == "cpu" else [fitted(start) for start in starts]
    return min(tried, key=lambda found: found[1])[0]


def straightened(windows: list[Window], start: Model, voxels: int, count: int, seed: int) -> Model:
    """A model with a straight prediction solved for the volume, where that pays for its weights.

    What it saves is taken from the errors' logarithms on other voxels than it was solved from; the
    correction and the network would have made up for most of them, hence `RECOVERED`.
    """
    network = network_of(start)
    neighbourhood = network.architecture.neighbourhood
    count = min(count, voxels // 8)
    linear = solve_linear(windows, neighbourhood, count, seed)
    solved = with_network(start, dataclasses.replace(network, linear=linear))
    candidates = (network.linear, linear)
    before, after = straight_bits(windows, neighbourhood, candidates, count // 4, seed + 1)
    saved = (before - after) * (1 - RECOVERED) * voxels / 8
    # what takes as many bits as it has is stored as it is, whatever predicts it
    saved = min(saved, (_plain_bits(windows) - after - ERROR_BITS) * voxels / 8)
    return solved if saved > len(solved.to_bytes()) - len(start.to_bytes()) else start


def _plain_bits(windows: list[Window]) -> int:
    """Bits that a voxel takes where nothing is coded."""
    return 8 if all(window.count <= 256 for window in windows) else 16


def _fit(
    windows: list[Window],
    start: Model,
    voxels: int,
    profile: Profile,
    seed: int,
    progress: Callable[[int, float], None] | None,
    device: str = "cpu",
) -> tuple[Model, float]:
    """The better of a model and its fit, with the bytes that it will take with the voxels."""
    network, count = network_of(start), min(profile.fit_voxels, voxels)
    held, rest, share = draw_samples(windows, network, count, seed)
    held, rest = held.to(device), rest.to(device)
    coded = voxels * share / 8
    net = MixtureNet(network.architecture).to(device)
    net.load(network)
    plain = _plain_bits(windows)
    unchanged = start, min(mean_bits(net, held), plain) * coded + len(start.to_bytes())
    if len(rest) < LEAST_VOXELS:
        return unchanged
    visits = min(profile.fit_visits, profile.fit_passes * len(rest))
    steps = max(1, round(visits / profile.fit_batch))
    recipe = Recipe(steps, profile.fit_batch, rate=profile.fit_rate, warm=0.15, seed=seed)
    optimise(net, rest, recipe, penalty=_WeightCost(net, voxels * share), progress=progress)
    fitted = with_network(start, net.integers())
    net.load(fitted.network)
    # of a short series most voxels were learned from, which is what counts: they will be coded
    seen = min(1.0, len(rest) / (voxels * share))
    few = torch.arange(len(rest), device=device) % max(1, len(rest) // len(held)) == 0
    bits = seen * mean_bits(net, rest.take(few)) + (1 - seen) * mean_bits(net, held)
    changed = fitted, min(bits, plain) * coded + len(fitted.to_bytes())
    return min(unchanged, changed, key=lambda found: found[1])


@dataclass
class _Anchor:
    value: torch.Tensor
    unit: torch.Tensor


class _WeightCost:
    """What the changed weights cost, in bits a voxel: about 4 log2(1 + |change|) each, smoothed.

    An unchanged weight costs a fraction of a bit, one that changed by one unit some three.
    """

    def __init__(self, net: MixtureNet, voxels: float) -> None:
        fractions = net.fractions or []
        self._scale = 1.0 / voxels
        self._anchors = [
            _Anchor(weight.detach().clone(), torch.exp2(fraction)[:, None])
            for weight, fraction in zip(net.weights, fractions, strict=False)
        ]

    def __call__(self, net: MixtureNet) -> torch.Tensor:
        total = torch.zeros((), device=net.head.device)
        for weight, anchor in zip(net.weights, self._anchors, strict=True):
            change = (weight - anchor.value).abs() * anchor.unit
            total = total + (4.0 * torch.log2(1 + change)).sum()
        return total * self._scale
