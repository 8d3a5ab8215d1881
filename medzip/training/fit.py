"""A model for one series: the shipped base, fitted to a sample of the series' own voxels.

Seconds of fitting move the base to the scanner, the kernel, the noise of this series. The changed
weights are stored with it and counted, so the loss holds them too: bits of voxels plus bits of
weights (minimum description length). Small series change few weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from medzip.codec.model import Model, shipped_model
from medzip.codec.packing import check_voxels, choose_packing, histogram, pack
from medzip.codec.profile import Profile, profile_named
from medzip.training.optimise import Recipe, mean_bits, optimise
from medzip.training.qat import MixtureNet
from medzip.training.sample import Samples, sample_slab

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Volume", "draw_samples", "fit_model"]

WINDOWS = 12
"""From how many places along z the sample is drawn."""
WINDOW_SLICES = 8
LEAST_VOXELS = 20_000
"""Below this no fit pays for its weights."""
HELD_OUT = 16
"""One sample in so many decides whether the fit is kept."""


class Volume(Protocol):
    """What a volume must offer: a NumPy array does, a Zarr array too."""

    @property
    def shape(self) -> Any:
        """(z, y, x)."""

    @property
    def dtype(self) -> Any:
        """One of `medzip.codec.packing.DTYPES`."""

    def __getitem__(self, key: slice, /) -> Any:
        """Slices along z."""


def draw_samples(
    volume: Volume, model: Model, count: int, seed: int = 0
) -> tuple[Samples, Samples, float]:
    """Samples of a volume's voxels outside flat contexts.

    Reads a few windows of consecutive slices, evenly spaced, so memory does not grow with the
    series.

    Returns
    -------
    tuple
        Samples to hold out, samples to learn from, and the share of the volume's voxels that are
        not in a flat context.
    """
    slices, height, width = (int(n) for n in volume.shape)
    neighbourhood = model.network.architecture.neighbourhood
    generator = np.random.default_rng(seed)
    span = min(slices, WINDOW_SLICES)
    starts = np.unique(np.linspace(0, slices - span, min(WINDOWS, -(-slices // span))).astype(int))
    each = -(-count // len(starts))
    held, rest = [], []
    drawn = 0
    for start in starts:
        window = np.ascontiguousarray(np.asarray(volume[int(start) : int(start) + span]))
        low, counts = histogram(window)
        packing = choose_packing(window.dtype.name, low, counts)
        values = pack(window, packing)
        # slices that have all of their predecessors stand for a whole slab's
        first = min(neighbourhood.depth, span - 1)
        size = (span - first) * height * width
        flat = np.sort(generator.choice(size, min(each, size), replace=False))
        voxels = np.stack(np.unravel_index(flat, (span - first, height, width)), axis=1)
        voxels[:, 0] += first
        if first:
            extra = max(1, len(voxels) // 32)
            head = generator.integers(0, (first, height, width), (first * extra, 3))
            voxels = np.concatenate([head[np.argsort(head[:, 0], kind="stable")], voxels])
        part = sample_slab(values, int(values[0, 0, 0]), packing.count, voxels, neighbourhood)
        mask = torch.zeros(len(part), dtype=torch.bool)
        mask[::HELD_OUT] = True
        held.append(part.take(mask))
        rest.append(part.take(~mask))
        drawn += len(voxels)
    kept = sum(len(part) for part in held + rest)
    return Samples.concatenate(held), Samples.concatenate(rest), kept / drawn


def fit_model(
    volume: Volume,
    profile: str | Profile = "default",
    *,
    base: Model | None = None,
    seed: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> Model:
    """The model for a volume under a profile.

    Parameters
    ----------
    volume
        (z, y, x) of uint8, int8, uint16 or int16: an array, or anything that slices along z.
    profile
        "fast" takes its base model as it is, "default" fits its own, "max" fits two and keeps the
        better.
    base
        Start from this model instead of the profile's.
    seed
        Of the sample and its order. The same input gives the same model on one machine; another
        machine may fit slightly other weights, which are stored and decode everywhere.
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
    if chosen.fit_voxels == 0 or voxels < LEAST_VOXELS:
        return starts[0]
    check_voxels(np.asarray(volume[0:1]))
    tried = [_fit(volume, start, chosen, seed, progress) for start in starts]
    return min(tried, key=lambda found: found[1])[0]


def _fit(
    volume: Volume,
    start: Model,
    profile: Profile,
    seed: int,
    progress: Callable[[int, float], None] | None,
) -> tuple[Model, float]:
    """The better of a model and its fit, with the bytes that it will take with the voxels."""
    voxels = int(np.prod([int(n) for n in volume.shape]))
    held, rest, share = draw_samples(volume, start, min(profile.fit_voxels, voxels), seed)
    coded = voxels * share / 8
    net = MixtureNet(start.network.architecture)
    net.load(start.network)
    unchanged = start, mean_bits(net, held) * coded + len(start.to_bytes())
    if len(rest) < LEAST_VOXELS:
        return unchanged
    steps = max(1, round(len(rest) * profile.fit_passes / profile.fit_batch))
    recipe = Recipe(steps, profile.fit_batch, rate=profile.fit_rate, warm=0.15, seed=seed)
    optimise(net, rest, recipe, penalty=_WeightCost(net, voxels * share), progress=progress)
    fitted = Model(net.integers(), start.base_digest)
    net.load(fitted.network)
    changed = fitted, mean_bits(net, held) * coded + len(fitted.to_bytes())
    return min(unchanged, changed, key=lambda found: found[1])


@dataclass
class _Anchor:
    value: torch.Tensor
    unit: torch.Tensor


class _WeightCost:
    """What the changed weights cost, in bits a voxel: about log2(1 + |change|) each, smoothed."""

    def __init__(self, net: MixtureNet, voxels: float) -> None:
        fractions = net.fractions or []
        self._scale = 1.0 / voxels
        self._anchors = [
            _Anchor(weight.detach().clone(), torch.exp2(fraction)[:, None])
            for weight, fraction in zip(net.weights, fractions, strict=False)
        ]

    def __call__(self, net: MixtureNet) -> torch.Tensor:
        total = torch.zeros(())
        for weight, anchor in zip(net.weights, self._anchors, strict=True):
            change = (weight - anchor.value).abs() * anchor.unit
            total = total + (2.0 * torch.log2(1 + change)).sum()
        return total * self._scale
