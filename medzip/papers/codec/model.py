"""A sequence predictor with an identity: a model of the codec like any other (kind 3)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

from medzip.canonical import canonical_json
from medzip.codec.model import MOST_CONFIG, Model, join_config, split_config
from medzip.errors import MedZipError, ModelError
from medzip.models.files import MOST_TENSORS, MOST_WEIGHTS, read_limited
from medzip.papers.codec.backends import BACKENDS, CONDITIONAL, check_table
from medzip.papers.codec.engine import SequenceEngine
from medzip.papers.codec.predictor import PREDICTORS
from medzip.papers.codec.shapes import SequenceShape, shape_named
from medzip.papers.codec.weights import decode_weights, encode_weights

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from medzip.papers.codec.predictor import Predictor

__all__ = [
    "SequenceModel",
    "read_sequence",
    "read_sequence_model",
    "write_sequence_model",
]

_KEYS = {"backend", "form", "kind", "shape"}


@dataclass(frozen=True, eq=False, repr=False)
class SequenceModel(Model):
    """An immutable predictor over a sequence of neighbours, with the coder of what it leaves.

    Attributes
    ----------
    predictor
        `IntegerLSTM` or another of `medzip.papers.codec.predictor.PREDICTORS`.
    shape_name
        A key of `medzip.papers.codec.shapes.SHAPES`, as long as the predictor wants.
    backend
        "order0": residuals by an adaptive order-0 coder, as published. "conditional": a mixture of
        logistics around the prediction, as wide as recent errors were.
    table
        int32 (32, 9), the mixture's parameters by size of recent errors
        (`medzip.papers.codec.backends`); None for "order0".

    Raises
    ------
    ModelError
        They do not fit together.
    """

    predictor: Predictor
    shape_name: str
    backend: str
    table: np.ndarray | None = None

    kind = 3

    def __post_init__(self) -> None:
        voxels = len(self.shape)
        if voxels != self.predictor.length:
            raise ModelError(
                f"expected a predictor of {voxels} voxels for {self.shape_name}, got one of "
                f"{self.predictor.length}; train one for this shape"
            )
        if self.backend not in BACKENDS:
            raise ModelError(
                f"expected a back-end among {', '.join(BACKENDS)}, got {self.backend!r}; choose one"
            )
        check_table(self.table, self.backend)

    @property
    def name(self) -> str:
        """What it is, for people."""
        return f"{self.predictor.kind}-{self.shape_name}-{self.backend}-{self.digest[:8]}"

    @property
    def shape(self) -> SequenceShape:
        """Its neighbourhood."""
        return shape_named(self.shape_name)

    def engine(self, shape: tuple[int, int, int]) -> SequenceEngine:
        """What codes slabs of a shape with it."""
        return SequenceEngine(self.predictor, self.shape, self.table, shape)

    def store_bytes(self, shape: tuple[int, int, int]) -> int:
        """What the padded copy of a slab takes."""
        near, reach = self.shape.neighbourhood, self.shape.neighbourhood.reach
        margins = (near.depth, 2 * reach, 2 * reach)
        return 2 * math.prod(n + margin for n, margin in zip(shape, margins, strict=True))

    def encode_plainly(self, values: np.ndarray, origin: int, count: int) -> bytes:
        """Words of a packed slab by the plain definitions: slow, the oracle of `engine`."""
        from medzip.papers.codec.plain import encode_plain

        del origin
        return encode_plain(values, count, self.predictor, self.shape, self.table)

    @property
    def _config(self) -> dict[str, Any]:
        return {
            "backend": self.backend,
            "form": self.predictor.form,
            "kind": self.predictor.kind,
            "shape": self.shape_name,
        }

    @property
    def _arrays(self) -> dict[str, np.ndarray]:
        """All integers by name, in the order of the format."""
        table = {} if self.table is None else {"table": self.table}
        return self.predictor.arrays | table

    def body(self) -> bytes:
        """Configuration and integers."""
        return join_config(self._config, encode_weights(list(self._arrays.values())))


def read_sequence(body: bytes) -> SequenceModel:
    """A model from its body."""
    config, integers = split_config(body)
    shapes = _array_shapes(config)
    arrays = decode_weights(integers, [math.prod(shape) for shape in shapes.values()])
    return _build(config, dict(zip(shapes, arrays, strict=True)))


def write_sequence_model(model: SequenceModel) -> dict[str, bytes]:
    """The files of a model directory: `config.json` and `model.safetensors`."""
    tensors = {name: np.ascontiguousarray(a, np.int32) for name, a in model._arrays.items()}
    return {
        "config.json": canonical_json(model._config | {"digest": model.digest}) + b"\n",
        "model.safetensors": save_tensors(tensors),
    }


def read_sequence_model(folder: Traversable) -> SequenceModel:
    """A model from a model directory: the inverse of `write_sequence_model`.

    Raises
    ------
    ModelError
        The directory is incomplete, or its digest does not match its content.
    """
    try:
        config = json.loads(read_limited(folder / "config.json", MOST_CONFIG))
        expected = config.pop("digest")
        tensors = load_tensors(read_limited(folder / "model.safetensors", MOST_TENSORS))
        model = _build(config, tensors)
    except MedZipError:
        raise
    except Exception as error:
        raise ModelError(
            f"expected a sequence model in {folder}, got {type(error).__name__}: {error}; "
            "restore it from a copy"
        ) from error
    if model.digest != expected:
        raise ModelError(
            f"expected the model in {folder} to have digest {str(expected)[:16]}, got "
            f"{model.digest[:16]}; restore it from a copy"
        )
    return model


def _array_shapes(config: Any) -> dict[str, tuple[int, ...]]:
    """Arrays of a configuration, within the format's limits before any is made."""
    if (
        not isinstance(config, dict)
        or set(config) != _KEYS
        or config["kind"] not in PREDICTORS
        or not isinstance(config["form"], dict)
    ):
        raise ModelError(
            f"expected {sorted(_KEYS)} of a kind among {', '.join(PREDICTORS)}, got "
            f"{str(config)[:200]}; use a newer MedZip"
        )
    shapes = PREDICTORS[config["kind"]].array_shapes(config["form"])
    if config["backend"] == CONDITIONAL:
        shapes |= {"table": BACKENDS[CONDITIONAL]}
    total = sum(math.prod(shape) for shape in shapes.values())
    if total > MOST_WEIGHTS:
        raise ModelError(f"expected at most 2^24 weights, got {total}; refused")
    return shapes


def _build(config: Any, arrays: dict[str, np.ndarray]) -> SequenceModel:
    """A model from its configuration and its integers, of any shape and type that hold them."""
    shapes = _array_shapes(config)
    if set(arrays) != set(shapes):
        raise ModelError(f"expected {sorted(shapes)}, got {sorted(arrays)}; the model is damaged")
    found = {}
    for name, shape in shapes.items():
        array = arrays[name]
        if array.dtype.kind != "i" or int(np.abs(array.astype(np.int64)).max(initial=0)) >> 31:
            raise ModelError(f"expected {name} of 32 bits, got {array.dtype}; the model is damaged")
        found[name] = array.reshape(shape).astype(np.int32)
    table = found.pop("table", None)
    predictor = PREDICTORS[config["kind"]].from_arrays(config["form"], found)
    if predictor.form != config["form"]:
        raise ModelError(
            f"expected the form {predictor.form}, got {config['form']}; the model is damaged"
        )
    return SequenceModel(predictor, config["shape"], config["backend"], table)
