"""A model: a predictor with an identity, as bytes that travel with the voxels it codes.

Three forms: a *base* model is shipped with the package, or lies in a folder of models
(`medzip.codec.folders`), and is referred to by digest; a *fitted* model is the entropy-coded
difference to its base; a *whole* model carries all of its weights. A fourth, the predictors of the
papers, reads itself (`_READERS`).
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from importlib import import_module, resources
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Protocol

import google_crc32c
import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from medzip.canonical import canonical_json
from medzip.codec.fast.engine import Engine
from medzip.codec.fast.layout import Layout
from medzip.codec.folders import VARIABLE, folders_in_use
from medzip.codec.integers import decode_integers, encode_integers
from medzip.codec.plain.network import Architecture, Layer, Network
from medzip.codec.profile import PROFILES, profile_named
from medzip.codec.schedule import wavefront
from medzip.errors import CorruptStreamError, MedZipError, ModelError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

__all__ = [
    "Model",
    "SlabEngine",
    "base_model",
    "model_of",
    "network_digest",
    "read_limited",
    "read_network",
    "reference_of",
    "shipped_digests",
    "shipped_model",
    "shipped_models",
    "write_network",
]

MAGIC = b"MZM\0"
BASE, FITTED, WHOLE, SEQUENCE = range(4)
_READERS = {SEQUENCE: "medzip.papers.codec.model:read_sequence_body"}
"""Who reads the content of kinds that are no network: loaded when a stream asks for it."""
_MOST_CONFIG = 1 << 16
_MOST_WEIGHTS = 1 << 24
_MOST_TENSORS = 4 * _MOST_WEIGHTS + (1 << 16)
"""Bytes of `model.safetensors`: as many integers of 32 bits, and their names."""


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


@dataclass(frozen=True)
class Model:
    """An immutable predictor.

    Attributes
    ----------
    network
        Its weights.
    base
        The network that it starts from: its own for a base model, None for a whole one.
    """

    network: Network
    base: Network | None

    def __reduce__(self) -> tuple[Any, ...]:
        return Model.from_bytes, (self.to_bytes(),)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Model) and self.digest == other.digest

    def __hash__(self) -> int:
        return hash(self.digest)

    @property
    def is_base(self) -> bool:
        """Whether it is its base, unchanged."""
        return self.base is not None and self.network is self.base

    @cached_property
    def base_digest(self) -> str | None:
        """Digest of its base, hexadecimal; None for a whole model."""
        return None if self.base is None else network_digest(self.base)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of `to_bytes`, hexadecimal."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    @property
    def name(self) -> str:
        """What it is, for people."""
        if self.base_digest is None:
            return f"whole-{self.digest[:8]}"
        base = next(
            (name for name in shipped_models() if shipped_digest(name) == self.base_digest),
            f"model-{self.base_digest[:8]}",
        )
        return base if self.is_base else f"{base}-fitted-{self.digest[:8]}"

    @cached_property
    def _bytes(self) -> bytes:
        if self.is_base and self.base_digest is not None:
            body = struct.pack("<B", BASE) + bytes.fromhex(self.base_digest)
        elif self.base is not None and self.base_digest is not None:
            difference = [
                mine.astype(np.int64) - theirs
                for mine, theirs in zip(_arrays(self.network), _arrays(self.base), strict=True)
            ]
            body = struct.pack("<B", FITTED) + bytes.fromhex(self.base_digest)
            body += encode_integers(difference)
        else:
            config = canonical_json(asdict(self.network.architecture))
            body = struct.pack("<BI", WHOLE, len(config)) + config
            body += encode_integers(_arrays(self.network))
        data = MAGIC + body
        return data + struct.pack("<I", google_crc32c.value(data))

    def to_bytes(self) -> bytes:
        """The model as it is stored: 41 bytes for a base model, about 8 kB for a fitted one."""
        return self._bytes

    def engine(self, shape: tuple[int, int, int]) -> SlabEngine:
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

    @staticmethod
    def from_bytes(data: bytes) -> Model:
        """The inverse of `to_bytes`.

        Raises
        ------
        CorruptStreamError
            The bytes are damaged.
        ModelError
            The base model is neither in this package nor in a folder of models, or the weights
            cannot be proven exact.
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
        try:
            return _read_model(data[4], data[5:-4])
        except MedZipError:
            raise
        except (ValueError, KeyError, TypeError, struct.error) as error:
            raise ModelError(
                f"expected a model as docs/format.md has it, got {type(error).__name__}: {error}; "
                "restore it from a copy"
            ) from error


def _read_model(kind: int, body: bytes) -> Model:
    """Content of a model by its kind."""
    if kind == WHOLE:
        return Model(_read_whole(body), None)
    if kind in _READERS:
        module, _, function = _READERS[kind].partition(":")
        model: Model = getattr(import_module(module), function)(body)
        return model
    if kind not in (BASE, FITTED):
        raise ModelError(f"expected model kind 0 to 3, got {kind}; use a newer MedZip")
    digest = body[:32].hex()
    if len(body) < 32 or (kind == BASE and len(body) > 32):
        raise ModelError(f"expected a digest of 32 bytes, got {len(body)}; restore it from a copy")
    base = known_network(digest)
    if kind == BASE:
        return Model(base, base)
    arrays = _arrays(base)
    changes = decode_integers(body[32:], [array.size for array in arrays])
    changed = [
        (array.astype(np.int64).reshape(-1) + change).reshape(array.shape)
        for array, change in zip(arrays, changes, strict=True)
    ]
    return Model(_network(base.architecture, changed), base)


def base_model(profile: str) -> Model:
    """The first of the shipped models that a profile starts from."""
    return shipped_model(profile_named(profile).bases[0])


def shipped_model(name: str) -> Model:
    """A model of this package by name."""
    return model_of(shipped_digest(name))


def model_of(digest: str) -> Model:
    """The unchanged model of a network of this package or of a folder of models, by digest."""
    network = known_network(digest)
    return Model(network, network)


def reference_of(data: bytes) -> str | None:
    """Digest of the network that the bytes of a model refer to; None where they carry their own.

    Nothing is looked up, so that whoever copies a model can copy what it needs too.
    """
    if len(data) < 37 or data[:4] != MAGIC or data[4] not in (BASE, FITTED):
        return None
    return data[5:37].hex()


def shipped_models() -> tuple[str, ...]:
    """Names of the models that profiles start from."""
    return tuple(sorted({name for profile in PROFILES.values() for name in profile.bases}))


@cache
def shipped_digest(name: str) -> str:
    """Digest of a shipped model: SHA-256 over its configuration and integers, hexadecimal."""
    config = json.loads((_models() / name / "config.json").read_bytes())
    return str(config["digest"])


@cache
def shipped_digests() -> dict[str, str]:
    """Names of the folders of medzip/models by digest.

    Any folder counts, also those of bases that no profile starts from any more: what an archive
    refers to stays in the package.
    """
    # modules lie there as well, and the folder of their bytecode
    folders = (folder for folder in _models().iterdir() if (folder / "config.json").is_file())
    names = sorted(folder.name for folder in folders)
    return {shipped_digest(name): name for name in names}


@cache
def known_network(digest: str) -> Network:
    """The network of a digest, from the package or from a folder of models, or ModelError."""
    if digest in shipped_digests():
        return _load_shipped(shipped_digests()[digest])
    for folder in folders_in_use():
        if (folder / digest).is_dir():
            network = read_network(folder / digest)
            if network_digest(network) == digest:
                return network
    raise ModelError(
        f"expected a model of this package or of {VARIABLE}, got a reference to {digest[:16]}; "
        f"name the folder that holds it in {VARIABLE} (an archive's is ARCHIVE/models), or install "
        "the MedZip version that wrote it"
    )


def _models() -> Traversable:
    return resources.files("medzip") / "models"


@cache
def _load_shipped(name: str) -> Network:
    return read_network(_models() / name)


def network_digest(network: Network) -> str:
    """SHA-256 over the canonical configuration and all integers, little-endian int32, in order."""
    state = hashlib.sha256(canonical_json(asdict(network.architecture)))
    for array in _arrays(network):
        state.update(array.astype("<i4").tobytes())
    return state.hexdigest()


def write_network(network: Network) -> dict[str, bytes]:
    """The files of a model directory: `config.json` and `model.safetensors`."""
    tensors = {
        f"{index:02d}": array.astype(np.int32) for index, array in enumerate(_arrays(network))
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
        config = json.loads(read_limited(folder / "config.json", _MOST_CONFIG))
        expected = config.pop("digest")
        architecture = _architecture(config)
        shapes = _shapes(architecture)
        tensors = load_tensors(read_limited(folder / "model.safetensors", _MOST_TENSORS))
        arrays = [tensors[key] for key in sorted(tensors)]
        if [a.shape for a in arrays] != shapes or any(a.dtype != np.int32 for a in arrays):
            raise ModelError(
                f"expected integers of the shapes {shapes} in {folder}, got "
                f"{[a.shape for a in arrays]}; the model is damaged: copy it anew"
            )
        network = _network(architecture, arrays)
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


def read_limited(file: Traversable, limit: int) -> bytes:
    """Bytes of a file of a model, or ModelError where there are more than a model may have.

    No more than the limit is ever read: the folder may be anybody's.
    """
    with file.open("rb") as source:
        data = source.read(limit + 1)
    if len(data) > limit:
        raise ModelError(f"expected at most {limit} bytes in {file}, got more; the model is unsafe")
    return bytes(data)


def _shapes(architecture: Architecture) -> list[tuple[int, ...]]:
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
    if count > _MOST_WEIGHTS:
        raise ModelError(f"expected at most 2^24 weights, got {count}; refused")
    return shapes


def _architecture(config: dict[str, Any]) -> Architecture:
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


def _arrays(network: Network) -> list[np.ndarray]:
    """All integers of a network in the order of the format."""
    out = []
    for layer in (*network.hidden, network.head):
        out += [layer.weight, layer.bias, layer.shift]
    return [*out, network.linear]


def _network(architecture: Architecture, arrays: list[np.ndarray]) -> Network:
    """The inverse of `_arrays`."""
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


def _read_whole(body: bytes) -> Network:
    (length,) = struct.unpack("<I", body[:4])
    if length > _MOST_CONFIG:
        raise ModelError(
            f"expected a configuration below 64 kB, got {length}; the model is damaged"
        )
    architecture = _architecture(json.loads(body[4 : 4 + length]))
    shapes = _shapes(architecture)
    counts = [int(np.prod(shape)) for shape in shapes]
    arrays = decode_integers(body[4 + length :], counts)
    return _network(
        architecture, [a.reshape(shape) for a, shape in zip(arrays, shapes, strict=True)]
    )
