"""Small networks with random weights: exactness must not depend on how good a model is."""

from __future__ import annotations

import torch

from medzip.codec.network import Architecture, Network
from medzip.training.qat import MixtureNet

FORMS = {
    "deep": Architecture((20, 9, 4), (64, 32), (4, 4)),
    "small": Architecture((10, 5, 1), (32, 16), (4, 5)),
    "plane": Architecture((5,), (16,), (4,)),
}


def random_network(name: str, seed: int = 0) -> Network:
    torch.manual_seed(seed)
    net = MixtureNet(FORMS[name])
    with torch.no_grad():
        net.linear += torch.randn(len(net.linear)) * 0.1
    return net.integers()
