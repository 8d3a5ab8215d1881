"""What a model is to the codec: a predictor with an identity, as bytes that travel with voxels.

The codec asks a model for an engine and for nothing else; what predicts in it is the business of
its kind. The bytes of a model are framed here, whatever its kind::

    magic, number of the kind, body, CRC-32C

`Model.to_bytes` writes that and `read_model` reads it, the body by the function that `READERS`
names.
"""

from __future__ import annotations

import hashlib
import json
import struct
from abc import ABC, abstractmethod
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

import google_crc32c

from medzip.canonical import canonical_json
from medzip.errors import CorruptStreamError, MedZipError, ModelError

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "MOST_CONFIG",
    "READERS",
    "Model",
    "SlabEngine",
    "join_config",
    "read_model",
    "split_config",
]

MAGIC = b"MZM\0"
READERS = {
    0: "medzip.models.network:read_base",
    1: "medzip.models.network:read_fitted",
    2: "medzip.models.network:read_whole",
    3: "medzip.papers.codec.model:read_sequence",
}
"""Who reads the body of each kind: a function of bytes, loaded when a stream asks for it.

By name, so that the codec imports nothing of what lies above it. A number is part of the format."""
MOST_CONFIG = 1 << 16
"""Bytes of a configuration."""


class SlabEngine(Protocol):
    """What a model codes slabs of one shape with; `medzip.codec.fast.engine` documents it."""

    def encode(
        self, values: list[np.ndarray], origins: list[int], counts: list[int]
    ) -> list[bytes]:
        """Packed slabs to words."""

    def decode(self, data: list[bytes], origins: list[int], counts: list[int]) -> list[np.ndarray]:
        """Words to packed slabs."""

    def predict(self, values: np.ndarray, origin: int) -> np.ndarray:
        """Each voxel's prediction, rounded."""


class Model(ABC):
    """An immutable predictor; two of the same bytes are the same."""

    def __reduce__(self) -> tuple[Any, ...]:
        return read_model, (self.to_bytes(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    @property
    @abstractmethod
    def kind(self) -> int:
        """Its number in `READERS`."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is, for people."""

    @property
    def form(self) -> str:
        """Its sizes, for people."""
        return self.name

    @property
    def base_digest(self) -> str | None:
        """Digest of the network that its bytes refer to, hexadecimal; None if they are complete."""
        return None

    @property
    def origin(self) -> str:
        """Digest of what it starts from, or its own: what its directory is named by."""
        return self.base_digest or self.digest

    @abstractmethod
    def body(self) -> bytes:
        """What its kind's reader makes it from."""

    @abstractmethod
    def engine(self, shape: tuple[int, int, int]) -> SlabEngine:
        """What codes slabs of a shape with it."""

    @abstractmethod
    def encode_plainly(self, values: np.ndarray, origin: int, count: int) -> bytes:
        """Words of a packed slab by the plain definitions: slow, the oracle of `engine`."""

    @abstractmethod
    def store_bytes(self, shape: tuple[int, int, int]) -> int:
        """What the engine's copy of a slab of this shape takes."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `to_bytes`, hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def to_bytes(self) -> bytes:
        """The model as it is stored: 41 bytes for a reference, about 8 kB for a fitted one."""
        return self._bytes

    @cached_property
    def _bytes(self) -> bytes:
        data = MAGIC + struct.pack("<B", self.kind) + self.body()
        return data + struct.pack("<I", google_crc32c.value(data))


def read_model(data: bytes) -> Model:
    """The inverse of `Model.to_bytes`.

    Raises
    ------
    CorruptStreamError
        The bytes are damaged.
    ModelError
        The kind is unknown, its body is not as docs/format.md has it, what it refers to is neither
        in this package nor in a folder of models, or its weights cannot be proven exact.
    """
    if len(data) < 9 or data[:4] != MAGIC:
        raise CorruptStreamError(
            f"expected a model that begins with {MAGIC!r}, got {data[:4]!r}; "
            "restore the object from a copy"
        )
    if struct.unpack("<I", data[-4:])[0] != google_crc32c.value(data[:-4]):
        raise CorruptStreamError(
            "expected a model with a matching CRC-32C, got another; restore it from a copy"
        )
    kind = data[4]
    if kind not in READERS:
        raise ModelError(
            f"expected model kind {min(READERS)} to {max(READERS)}, got {kind}; use a newer MedZip"
        )
    module, _, function = READERS[kind].partition(":")
    read = getattr(import_module(module), function)
    try:
        model: Model = read(data[5:-4])
    except MedZipError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError, struct.error) as error:
        raise ModelError(
            f"expected a model as docs/format.md has it, got {type(error).__name__}: {error}; "
            "restore it from a copy"
        ) from error
    return model


def join_config(config: dict[str, Any], integers: bytes) -> bytes:
    """The body of a model that carries all of itself: its configuration, then its integers."""
    text = canonical_json(config)
    return struct.pack("<I", len(text)) + text + integers


def split_config(body: bytes) -> tuple[Any, bytes]:
    """The inverse of `join_config`; the configuration may be anything that JSON holds."""
    (length,) = struct.unpack("<I", body[:4])
    if length > MOST_CONFIG:
        raise ModelError(
            f"expected a configuration below 64 kB, got {length}; the model is damaged"
        )
    return json.loads(body[4 : 4 + length]), body[4 + length :]
