"""Model directories to publish: the fast base, changed a little or much."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

import numpy as np

from medzip.models import NetworkModel, base_model, write_golden
from medzip.models.weights import network_digest, write_network
from medzip.testing.series import write_slice

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.codec.plain.network import Network

__all__ = ["changed_network", "odd_volume", "tuned_network", "write_model", "write_odd_series"]


def changed_network(by: int = 1) -> Network:
    """The network of profile fast with another bias, which predicts about as well."""
    network = base_model("fast").network
    head = dataclasses.replace(network.head, bias=network.head.bias + by)
    return dataclasses.replace(network, head=head)


def tuned_network(by: int) -> Network:
    """The network of profile fast with distributions wider by 2 ** (by / 256).

    A little wider (32 to 64) is better for `odd_volume`, much wider is bad for everything.
    """
    network = base_model("fast").network
    bias = network.head.bias.copy()
    bias[6:9] += (by << network.head.shift[6:9]).astype(bias.dtype)
    return dataclasses.replace(network, head=dataclasses.replace(network.head, bias=bias))


def write_model(folder: Path, network: Network, *, golden: bool = True) -> str:
    """Write a model directory; returns its digest."""
    digest = network_digest(network)
    files = dict(write_network(network))
    if golden:
        small = odd_volume(7, (2, 12, 12))
        files |= write_golden(NetworkModel(network, network), small)
    files["training.json"] = json.dumps({"form": "fast"}).encode()
    files["MODEL_CARD.md"] = b"# A model\n\nof tests \x1b[31m\n"
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return digest


def odd_volume(seed: int, shape: tuple[int, int, int] = (8, 49, 50)) -> np.ndarray:
    """Voxels with three kinds of noise at a time, which no model of scanners expects, int16.

    Too few for a straight prediction of their own, which would take most of the time; of more than
    256 values, so that a bad model shows: what coding does not make smaller is stored as it is.
    """
    generator = np.random.default_rng(seed)
    z, y, x = np.indices(shape)
    steps = generator.choice([-40, 0, 40], shape) + generator.normal(0, 0.6, shape)
    values = 900 + 120 * np.sin(x / 9) * np.cos(y / 8 + z / 9) + steps
    return np.asarray(values, dtype=np.int16)


def write_odd_series(folder: Path, seed: int) -> None:
    """Write a series of such voxels as DICOM files."""
    for z, pixels in enumerate(odd_volume(seed)):
        write_slice(
            folder / f"{z:02d}.dcm",
            pixels,
            series=f"1.2.9.{seed}",
            position=(0, 0, 2.0 * z),
            instance=z + 1,
        )
