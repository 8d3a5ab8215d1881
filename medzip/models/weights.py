"""A network as files: its form in `config.json`, its integers in `model.safetensors`.

    write_network <-> read_network        the files of a model directory
    arrays_of <-> network_from            its integers in the order of the format

A file may be anybody's: sizes are limited before anything is read, the form before arrays are made.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from medzip.canonical import canonical_json
from medzip.codec.model import MOST_CONFIG
from medzip.codec.plain.network import Architecture, Layer, Network
from medzip.errors import ModelError
from medzip.models.files import MOST_TENSORS, MOST_WEIGHTS, read_limited

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = [
    "architecture_from",
    "array_shapes",
    "arrays_of",
    "network_digest",
    "network_from",
    "read_network",
    "write_network",
]


def network_digest(network: Network) -> str:
    """SHA-256 over the canonical configuration and all integers, little-endian int32, in order."""
    state = hashlib.sha256(canonical_json(asdict(network.architecture)))
    for array in arrays_of(network):
        state.update(array.astype("<i4").tobytes())
    return state.hexdigest()


def write_network(network: Network) -> dict[str, bytes]:
    """The files of a model directory: `config.json` and `model.safetensors`."""
    tensors = {
        f"{index:02d}": array.astype(np.int32) for index, array in enumerate(arrays_of(network))
    }
    config = asdict(network.architecture) | {"digest": network_digest(network)}
    return {
        "config.json": canonical_json(config) + b"\n",
        "model.safetensors": save_tensors(tensors),
    }


def read_network(folder: Traversable) -> Network:
    """A network from a model directory: the inverse of `write_network`.

    Raises
    ------
    ModelError
        The directory is incomplete, or its digest does not match its content.
    """
    try:
        config = json.loads(read_limited(folder / "config.json", MOST_CONFIG))
        expected = config.pop("digest")
        architecture = architecture_from(config)
        shapes = array_shapes(architecture)
        tensors = load_tensors(read_limited(folder / "model.safetensors", MOST_TENSORS))
        arrays = [tensors[key] for key in sorted(tensors)]
        if [a.shape for a in arrays] != shapes or any(a.dtype != np.int32 for a in arrays):
            raise ModelError(
                f"expected integers of the shapes {shapes} in {folder}, got "
                f"{[a.shape for a in arrays]}; the model is damaged: copy it anew"
            )
        network = network_from(architecture, arrays)
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(
            f"expected a model in {folder}, got {type(error).__name__}: {error}; reinstall MedZip, "
            "or copy the model anew"
        ) from error
    if network_digest(network) != expected:
        raise ModelError(
            f"expected the model in {folder} to have digest {expected[:16]}, got "
            f"{network_digest(network)[:16]}; reinstall MedZip, or copy the model anew"
        )
    return network


def architecture_from(config: dict[str, Any]) -> Architecture:
    """The form of a configuration, within its limits before anything is built from it."""
    names = {field.name for field in fields(Architecture)}
    if set(config) != names:
        raise ModelError(f"expected {sorted(names)}, got {sorted(config)}; use a newer MedZip")
    form = Architecture(
        tuple(config["squared_radii"]),
        config["near"],
        config["errors"],
        config["taps"],
        tuple(config["hidden"]),
        tuple(config["activation_bits"]),
        config["right_reach"],
    )
    form.check()
    return form


def array_shapes(architecture: Architecture) -> list[tuple[int, ...]]:
    """Shapes of all arrays of a network, in the order of the format.

    Raises
    ------
    ModelError
        More weights than a model may have.
    """
    sizes = (architecture.inputs, *architecture.hidden, 9)
    shapes: list[tuple[int, ...]] = []
    for fan_in, fan_out in pairwise(sizes):
        shapes += [(fan_out, fan_in), (fan_out,), (fan_out,)]
    neighbourhood = architecture.neighbourhood
    shapes.append((neighbourhood.depth + 1, len(neighbourhood)))
    count = sum(int(np.prod(shape)) for shape in shapes)
    if count > MOST_WEIGHTS:
        raise ModelError(f"expected at most 2^24 weights, got {count}; refused")
    return shapes


def arrays_of(network: Network) -> list[np.ndarray]:
    """All integers of a network in the order of the format."""
    out = []
    for layer in (*network.hidden, network.head):
        out += [layer.weight, layer.bias, layer.shift]
    return [*out, network.linear]


def network_from(architecture: Architecture, arrays: list[np.ndarray]) -> Network:
    """The inverse of `arrays_of`; the integers may be of any type that holds them."""
    layers = [
        Layer(
            _narrow(arrays[i], np.int16),
            _narrow(arrays[i + 1], np.int32),
            _narrow(arrays[i + 2], np.int32),
        )
        for i in range(0, len(arrays) - 1, 3)
    ]
    return Network(architecture, tuple(layers[:-1]), layers[-1], _narrow(arrays[-1], np.int32))


def _narrow(array: np.ndarray, dtype: type) -> np.ndarray:
    info = np.iinfo(dtype)
    if array.size and (int(array.min()) < info.min or int(array.max()) > info.max):
        raise ModelError(
            f"expected weights of {info.bits} bits, got {int(array.min())} to {int(array.max())}; "
            "the model is damaged"
        )
    return np.ascontiguousarray(array, dtype=dtype)
