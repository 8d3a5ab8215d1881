"""Model directories to publish: the fast base, changed a little or trained a little."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from medzip.codec.model import Model, base_model, network_digest, write_network
from medzip.registry import write_golden
from medzip.training.base import ARCHITECTURES, BaseRun, train_base
from medzip.training.optimise import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from medzip.codec.network import Network


def changed_network(by: int = 1) -> Network:
    """The network of profile fast with another bias, which predicts about as well."""
    network = base_model("fast").network
    head = dataclasses.replace(network.head, bias=network.head.bias + by)
    return dataclasses.replace(network, head=head)


def trained_network(volume: np.ndarray, steps: int = 400) -> Network:
    """The network of profile fast, trained on a volume."""
    start = base_model("fast").network
    run = BaseRun(30_000, Recipe(steps, 512, rate=3e-3))
    return train_base([("volume", volume)], ARCHITECTURES["fast"], run, start=start).network


def write_model(folder: Path, network: Network, *, golden: bool = True) -> str:
    """Write a model directory; returns its digest."""
    digest = network_digest(network)
    files = dict(write_network(network))
    if golden:
        files |= write_golden(Model(network, digest, is_base=True))
    files["training.json"] = json.dumps({"form": "fast"}).encode()
    files["MODEL_CARD.md"] = b"# A model\n\nof tests \x1b[31m\n"
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return digest
