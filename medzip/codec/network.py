r"""The predictor in integers: its weights, the proof that they are exact, and a plain forward pass.

    inputs q (1/256)  ->  hidden layers of int8 weights, clamped ReLU to 0 .. 127  ->  9 outputs
           \--- linear path, int32 weights, from the neighbours to the three means ---/

A hidden unit is ``clip((sum w x + b) >> shift, 0, 127)``: weights |w| <= 64, one power of two a
row. |w| <= 64 because int8 matrix products on x86 without VNNI add pairs of products in saturating
16 bits and are exact only then. Inputs have 13 bits and go through int8 products as two halves, q
= 128 hi + lo; head weights likewise. The linear path and the head carry the precision that 7 bits
lack.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medzip.codec.features import EXTRAS
from medzip.codec.mixture import COMPONENTS
from medzip.codec.neighbourhood import Neighbourhood, disc
from medzip.errors import ModelError

__all__ = ["OUTPUTS", "Architecture", "Layer", "Network"]

OUTPUTS = 3 * COMPONENTS
WEIGHT_LIMIT = 64
HEAD_LIMIT = 64 * 128 - 1
ACTIVATION_LIMIT = 127
INPUT_EXTREME = 4096
INPUTS_LIMIT = 2048
"""Below this a float32 product of int8 operands is exact, too (`medzip.codec.products`)."""
LINEAR_BITS = 14
"""Fractional bits of the linear path's weights."""
MEAN_SHIFT = 10
"""From the linear path's 22 fractional bits to the 12 of a mean."""
_INT32 = 1 << 31


@dataclass(frozen=True)
class Architecture:
    """What a network looks like.

    Attributes
    ----------
    squared_radii, right_reach
        The neighbourhood, as in `medzip.codec.neighbourhood.disc`.
    hidden
        Units of each hidden layer, multiples of 8.
    activation_bits
        Fractional bits of each hidden layer's activations.
    """

    squared_radii: tuple[int, ...]
    hidden: tuple[int, ...]
    activation_bits: tuple[int, ...]
    right_reach: int = 3

    def check(self) -> None:
        """Raise ModelError for a form that is out of the format's limits, before it is built."""
        numbers = (*self.squared_radii, *self.hidden, *self.activation_bits, self.right_reach)
        if not (
            all(type(number) is int for number in numbers)
            and 1 <= len(self.squared_radii) <= 8
            and all(5 <= radius <= 400 for radius in self.squared_radii[:1])
            and all(0 <= radius <= 400 for radius in self.squared_radii)
            and 1 <= self.right_reach <= 20
            and 1 <= len(self.hidden) <= 8
            and all(8 <= units <= 1024 and units % 8 == 0 for units in self.hidden)
            and len(self.activation_bits) == len(self.hidden)
            and all(0 <= bits <= 7 for bits in self.activation_bits)
        ):
            raise ModelError(
                "expected a model form within the limits of docs/format.md (section 5), got "
                f"{self}; use another model"
            )
        if self.inputs >= INPUTS_LIMIT:
            raise ModelError(f"expected fewer than {INPUTS_LIMIT} inputs, got {self.inputs}")

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """The offsets that the network reads."""
        return disc(self.squared_radii, self.right_reach)

    @property
    def inputs(self) -> int:
        """How many inputs the first layer has."""
        return len(self.neighbourhood) + len(EXTRAS)


@dataclass(frozen=True)
class Layer:
    """Integer weights of one layer.

    Attributes
    ----------
    weight
        int16 (out, in).
    bias
        int32 (out,), in units of the accumulator; rounding included.
    shift
        int32 (out,): the accumulator is shifted right by it.
    """

    weight: np.ndarray
    bias: np.ndarray
    shift: np.ndarray


@dataclass(frozen=True)
class Network:
    """A predictor, integers only.

    Attributes
    ----------
    architecture
        Its form.
    hidden
        Its hidden layers.
    head
        Last activations to `OUTPUTS`: log2-weights (1/256), means (1/4096), log2-scales (1/256).
    linear
        int32 (K,): neighbours to all means, 14 fractional bits.

    Raises
    ------
    ModelError
        Shapes do not fit, a weight is out of its range, or a sum could leave 32 bits.
    """

    architecture: Architecture
    hidden: tuple[Layer, ...]
    head: Layer
    linear: np.ndarray

    def __post_init__(self) -> None:
        form = self.architecture
        form.check()
        sizes = (form.inputs, *form.hidden)
        if len(self.hidden) != len(form.hidden) or len(form.activation_bits) != len(form.hidden):
            raise ModelError(
                f"expected {len(form.hidden)} hidden layers, got {len(self.hidden)}; "
                "the model file is damaged"
            )
        extreme = INPUT_EXTREME
        for number, layer in enumerate(self.hidden):
            _check_layer(layer, sizes[number + 1], sizes[number], WEIGHT_LIMIT, extreme, number)
            extreme = ACTIVATION_LIMIT
        _check_layer(self.head, OUTPUTS, sizes[-1], HEAD_LIMIT, extreme, len(self.hidden))
        if self.linear.shape != (len(form.neighbourhood),):
            raise ModelError(
                f"expected {len(form.neighbourhood)} linear weights, got {self.linear.shape}; "
                "the model file is damaged"
            )
        _check_sum(int(np.abs(self.linear.astype(np.int64)).sum()) * INPUT_EXTREME, "linear path")

    def forward(self, q: np.ndarray) -> np.ndarray:
        """Outputs of n voxels in plain int64: the oracle of the fast kernels.

        Parameters
        ----------
        q
            int64 (n, inputs), as in `medzip.codec.features.Features`.

        Returns
        -------
        numpy.ndarray
            int64 (n, 9).
        """
        x = q.astype(np.int64)
        for layer in self.hidden:
            x = np.clip(_accumulate(layer, x) >> layer.shift, 0, ACTIVATION_LIMIT)
        outputs: np.ndarray = _accumulate(self.head, x) >> self.head.shift
        direct = q[:, : len(self.linear)].astype(np.int64) @ self.linear.astype(np.int64)
        outputs[:, COMPONENTS : 2 * COMPONENTS] += (direct >> MEAN_SHIFT)[:, None]
        return outputs


def _accumulate(layer: Layer, x: np.ndarray) -> np.ndarray:
    return np.asarray(x @ layer.weight.astype(np.int64).T + layer.bias)


def _check_layer(
    layer: Layer, outputs: int, inputs: int, limit: int, extreme: int, number: int
) -> None:
    """Shapes, ranges, and the proof that no sum of this layer leaves 32 bits."""
    name = f"layer {number}"
    if layer.weight.shape != (outputs, inputs) or layer.bias.shape != (outputs,):
        raise ModelError(
            f"expected {name} of {outputs} x {inputs}, got {layer.weight.shape}; "
            "the model file is damaged"
        )
    if layer.shift.shape != (outputs,) or layer.shift.min() < 0 or layer.shift.max() > 30:
        raise ModelError(f"expected shifts of 0 to 30 in {name}; the model file is damaged")
    weight = np.abs(layer.weight.astype(np.int64))
    if int(weight.max()) > limit:
        raise ModelError(
            f"expected weights within +-{limit} in {name}, got {int(weight.max())}; "
            "quantise the model again"
        )
    worst = (weight.sum(axis=1) * extreme + np.abs(layer.bias.astype(np.int64))).max()
    _check_sum(int(worst), name)


def _check_sum(worst: int, name: str) -> None:
    if worst >= _INT32:
        raise ModelError(
            f"expected sums below 2^31 in {name}, got up to {worst}; the model cannot be proven "
            "exact and is refused: quantise it again with smaller weights"
        )
