"""Models of the codec's own network: as a base, fitted, or whole (kinds 0, 1 and 2).

A *base* model is a network that a stream names by digest: one of the package, or of a folder of
models (`medzip.models.folders`). A *fitted* model is the entropy-coded difference to its base. A
*whole* model carries all of its weights.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.fast.engine import Engine
from medzip.codec.fast.layout import Layout
from medzip.codec.integers import decode_integers, encode_integers
from medzip.codec.model import MAGIC, Model, join_config, split_config
from medzip.codec.schedule import wavefront
from medzip.errors import ModelError
from medzip.models.shelf import known_network, network_name, shipped_digest
from medzip.models.weights import (
    architecture_from,
    array_shapes,
    arrays_of,
    network_digest,
    network_from,
    read_network,
)
from medzip.profile import profile_named

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from medzip.codec.plain.network import Network

__all__ = [
    "NetworkModel",
    "base_model",
    "model_of",
    "network_of",
    "read_base",
    "read_directory",
    "read_fitted",
    "read_whole",
    "reference_of",
    "shipped_model",
    "with_network",
]

BASE, FITTED, WHOLE = range(3)
_DIGEST_BYTES = 32


@dataclass(frozen=True, eq=False, repr=False)
class NetworkModel(Model):
    """A network, and how it is stored.

    Attributes
    ----------
    network
        Its weights.
    base
        The network that it starts from: its own for a base model, None for a whole one.
    """

    network: Network
    base: Network | None

    @property
    def kind(self) -> int:
        """`BASE`, `FITTED` or `WHOLE`."""
        if self.base is None:
            return WHOLE
        return BASE if self.network is self.base else FITTED

    @property
    def name(self) -> str:
        """What it is, for people."""
        if self.base_digest is None:
            return f"whole-{self.digest[:8]}"
        base = network_name(self.base_digest)
        return base if self.kind == BASE else f"{base}-fitted-{self.digest[:8]}"

    @property
    def form(self) -> str:
        """Its sizes, for people."""
        form = self.network.architecture
        return f"{len(form.neighbourhood)} voxels, {'-'.join(map(str, form.hidden))}"

    @cached_property
    def base_digest(self) -> str | None:
        """Digest of its base, hexadecimal; None for a whole model."""
        return None if self.base is None else network_digest(self.base)

    def body(self) -> bytes:
        """Digest of the base and the difference to it, or form and integers."""
        if self.base is None or self.base_digest is None:
            integers = encode_integers(arrays_of(self.network))
            return join_config(asdict(self.network.architecture), integers)
        reference = bytes.fromhex(self.base_digest)
        if self.kind == BASE:
            return reference
        difference = [
            mine.astype(np.int64) - theirs
            for mine, theirs in zip(arrays_of(self.network), arrays_of(self.base), strict=True)
        ]
        return reference + encode_integers(difference)

    def engine(self, shape: tuple[int, int, int]) -> Engine:
        """What codes slabs of a shape with it."""
        return Engine(self.network, shape)

    def encode_plainly(self, values: np.ndarray, origin: int, count: int) -> bytes:
        """Words of a packed slab by the plain definitions: slow, the oracle of `engine`."""
        from medzip.codec.plain.reference import encode_reference

        return encode_reference(values, origin, count, self.network)

    def store_bytes(self, shape: tuple[int, int, int]) -> int:
        """What the engine's store of a slab of this shape takes."""
        neighbourhood = self.network.architecture.neighbourhood
        layout = Layout.of(shape, neighbourhood, wavefront(neighbourhood))
        return 2 * math.prod(layout.store_shape)


def read_base(body: bytes) -> NetworkModel:
    """A base model from its body."""
    if len(body) != _DIGEST_BYTES:
        raise _no_reference(body)
    return model_of(body.hex())


def read_fitted(body: bytes) -> NetworkModel:
    """A fitted model from its body."""
    if len(body) < _DIGEST_BYTES:
        raise _no_reference(body)
    base = known_network(body[:_DIGEST_BYTES].hex())
    arrays = arrays_of(base)
    changes = decode_integers(body[_DIGEST_BYTES:], [array.size for array in arrays])
    integers = [
        (array.astype(np.int64).reshape(-1) + change).reshape(array.shape)
        for array, change in zip(arrays, changes, strict=True)
    ]
    return NetworkModel(network_from(base.architecture, integers), base)


def _no_reference(body: bytes) -> ModelError:
    return ModelError(
        f"expected a digest of {_DIGEST_BYTES} bytes, got {len(body)}; restore it from a copy"
    )


def read_whole(body: bytes) -> NetworkModel:
    """A whole model from its body."""
    config, integers = split_config(body)
    architecture = architecture_from(config)
    shapes = array_shapes(architecture)
    flat = decode_integers(integers, [math.prod(shape) for shape in shapes])
    arrays = [array.reshape(shape) for array, shape in zip(flat, shapes, strict=True)]
    return NetworkModel(network_from(architecture, arrays), None)


def reference_of(data: bytes) -> str | None:
    """Digest of the network that the bytes of a model refer to; None where they carry their own.

    Nothing is looked up, so that whoever copies a model can copy what it needs too.
    """
    if len(data) < 5 + _DIGEST_BYTES or data[:4] != MAGIC or data[4] not in (BASE, FITTED):
        return None
    return data[5 : 5 + _DIGEST_BYTES].hex()


def model_of(digest: str) -> NetworkModel:
    """The unchanged model of a network of this package or of a folder of models, by digest."""
    network = known_network(digest)
    return NetworkModel(network, network)


def shipped_model(name: str) -> NetworkModel:
    """A model of this package by name."""
    return model_of(shipped_digest(name))


def base_model(profile: str) -> NetworkModel:
    """The first of the shipped models that a profile starts from."""
    return shipped_model(profile_named(profile).bases[0])


def read_directory(folder: Traversable) -> NetworkModel:
    """The unchanged model of a model directory; errors as `read_network` has them."""
    network = read_network(folder)
    return NetworkModel(network, network)


def network_of(model: Model) -> Network:
    """The network of a model: what devices and fitting work on.

    Raises
    ------
    ModelError
        It predicts by something else.
    """
    return _own(model).network


def with_network(model: Model, network: Network) -> NetworkModel:
    """Other weights that start from what `model` starts from; errors as `network_of` has them."""
    return NetworkModel(network, _own(model).base)


def _own(model: Model) -> NetworkModel:
    if not isinstance(model, NetworkModel):
        raise ModelError(
            f"expected a model of the codec's own network, got {model!r}; use it with "
            "device='cpu' and without fitting"
        )
    return model
