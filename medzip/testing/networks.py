"""Small networks with random weights: exactness must not depend on how good a model is."""

from __future__ import annotations

import numpy as np
import torch

from medzip.codec.plain.network import Architecture, Network
from medzip.fitting.qat import MixtureNet

__all__ = ["FORMS", "random_network", "random_straight"]

FORMS = {
    "deep": Architecture((20, 9, 4), 40, 24, 32, (64, 32), (4, 4)),
    "small": Architecture((10, 5, 1), 20, 13, 15, (32, 16), (4, 5)),
    "plane": Architecture((10,), 12, 8, 4, (16,), (4,)),
}


def random_network(name: str, seed: int = 0) -> Network:
    """A network of one of `FORMS`; odd seeds have large straight predictions."""
    form = FORMS[name]
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        net = MixtureNet(form)
    generator = np.random.default_rng(seed)
    net.straight = random_straight(form, generator, 800 if seed % 2 else 80)
    return net.integers()


def random_straight(form: Architecture, generator: np.random.Generator, size: int) -> np.ndarray:
    """Weights of a straight prediction; large ones make the correction diverge and be clipped."""
    neighbourhood = form.neighbourhood
    out = np.zeros((neighbourhood.depth + 1, len(neighbourhood)), dtype=np.int32)
    for kind in range(neighbourhood.depth + 1):
        usable = neighbourhood.usable(kind)
        out[kind, :usable] = generator.integers(-size, size + 1, usable)
    return out
