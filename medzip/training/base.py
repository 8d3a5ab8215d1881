"""Base models: one network for all scanners, trained on a corpus of volumes.

    volumes -> packed slabs -> straight predictions, solved for each -> samples (evenly per volume)
    -> optimise -> integers -> model directory

Read top to bottom; `medzip train` runs it. The shipped models were made with it, their cards
say from what.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.codec.plain.features import EXTRAS
from medzip.fitting.linear import LINEAR_VOXELS, Window, solve_linear
from medzip.fitting.optimise import Recipe, mean_bits, optimise
from medzip.fitting.qat import MixtureNet
from medzip.fitting.sample import Samples, sample_window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from medzip.codec.plain.network import Architecture, Network

__all__ = ["BaseRun", "Trained", "train_base"]

log = logging.getLogger("medzip.training")

POSITIONS = len(EXTRAS) - EXTRAS.index("x")
"""Coordinates are the last inputs; a base model must not rely on them, a fitted one may."""


@dataclass(frozen=True)
class BaseRun:
    """How to train a base model.

    Attributes
    ----------
    per_volume
        Voxels drawn from each volume.
    recipe
        Of the optimisation.
    device
        "cpu" or "cuda".
    seed
        Of the first weights and of the sample.
    """

    per_volume: int = 250_000
    recipe: Recipe = field(default_factory=lambda: Recipe(10_000, 4096, rate=4e-3))
    device: str = "cpu"
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """What training gave.

    Attributes
    ----------
    network
        Integers, ready to ship.
    bits
        Bits per voxel outside flat contexts, on held-out voxels of each volume.
    voxels
        How many voxels it learned from.
    seconds
        How long that took.
    """

    network: Network
    bits: dict[str, float]
    voxels: int
    seconds: float


def train_base(
    volumes: Iterable[tuple[str, np.ndarray]],
    architecture: Architecture,
    run: BaseRun,
    start: Network | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Trained:
    """Train a base model.

    Parameters
    ----------
    volumes
        Name and voxels (z, y, x) of each, read one at a time.
    architecture
        Form of the network.
    run
        How to train.
    start
        Go on from this network instead of from random weights.
    progress
        Called with the step and the loss (bits a voxel outside flat contexts).
    """
    began = time.perf_counter()
    torch.manual_seed(run.seed)
    held: dict[str, Samples] = {}
    parts: list[Samples] = []
    windows: list[Window] = []
    for number, (name, voxels) in enumerate(volumes):
        window = Window.of(voxels)
        windows.append(_central(window))
        samples = _draw(window, architecture, run, number)
        if len(samples) < 1000:
            log.info("%s: only %d voxels outside flat contexts, left out", name, len(samples))
            continue
        mask = torch.zeros(len(samples), dtype=torch.bool)
        mask[::50] = True
        held[name] = samples.take(mask)
        parts.append(samples.take(~mask))
    everything = Samples.concatenate(parts).to(run.device)
    log.info("%d voxels of %d volumes", len(everything), len(held))
    net = MixtureNet(architecture).to(run.device)
    if start is not None:
        net.load(start)
        net.fractions = None
    optimise(net, everything, run.recipe, progress=progress)
    net.straight = solve_linear(windows, architecture.neighbourhood, LINEAR_VOXELS * len(windows))
    network = net.integers()
    check = MixtureNet(architecture).to(run.device)
    check.load(network)
    bits = {name: mean_bits(check, samples.to(run.device)) for name, samples in held.items()}
    return Trained(network, bits, len(everything), time.perf_counter() - began)


def _central(window: Window, slices: int = 4) -> Window:
    """A few slices of a volume, from which all volumes together solve one straight prediction."""
    first = max(0, (len(window.values) - slices) // 2)
    values = window.values[first : first + slices]
    return Window(values, int(values[0, 0, 0]), window.count)


def _draw(window: Window, architecture: Architecture, run: BaseRun, number: int) -> Samples:
    """A sample of one volume and its mirror images, without its coordinates.

    A mirrored volume is as good an example, and noise seen from both sides keeps the base from
    learning the handedness of a few scanners. Each is seen through the straight prediction that it
    would be coded with.
    """
    generator = np.random.default_rng((run.seed, number))
    values = window.values
    views = (values, values[:, :, ::-1], values[::-1, ::-1])
    parts = []
    for view, share in zip(views, (0.5, 0.25, 0.25), strict=True):
        view = np.ascontiguousarray(view)
        seen = Window(view, int(view[0, 0, 0]), window.count)
        net = MixtureNet(architecture)
        net.straight = solve_linear([seen], architecture.neighbourhood, LINEAR_VOXELS)
        chosen = generator.random(view.shape) < run.per_volume * share / view.size
        parts.append(sample_window(seen, net.integers(), chosen))
    samples = Samples.concatenate(parts)
    samples.q[:, -POSITIONS:] = 0
    return samples
