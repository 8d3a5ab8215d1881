r"""The predictor in integers: its weights, the proof that they are exact, and a plain forward pass.

    inputs (int8)  ->  hidden layers of int8 weights, clamped ReLU to 0 .. 127  ->  9 outputs

A hidden unit is ``clip((sum w x + b) >> shift, 0, 127)``: weights |w| <= 64, one power of two a
row. |w| <= 64 because int8 matrix products on x86 without VNNI add pairs of products in saturating
16 bits and are exact only then. Head weights have 14 bits and go through int8 products as two
halves, w = 128 hi + lo. Beside the layers stand the weights of the straight prediction
(`medzip.codec.plain.adaptive`), which have the precision that eight bits lack.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medzip.codec.neighbourhood import Neighbourhood, disc
from medzip.codec.plain.features import EXTRAS, FLAT_COUNT, INPUT_LIMIT
from medzip.codec.plain.mixture import COMPONENTS
from medzip.errors import ModelError

__all__ = ["OUTPUTS", "Architecture", "Layer", "Network"]

OUTPUTS = 3 * COMPONENTS
WEIGHT_LIMIT = 64
HEAD_LIMIT = 64 * 128 - 1
ACTIVATION_LIMIT = 127
LINEAR_SUM = 1 << 17
"""Sum of |weights| of a straight prediction: 16.0 at 13 fractional bits."""
MOST_OFFSETS = 1024
MOST_NEAR = 256
"""With differences of 2^18, eight times their sum stays below 2^31."""
MOST_ERRORS = 40
"""With errors below 2^20, their sum times their number stays below 2^31."""
MOST_TAPS = 32
"""With coefficients of 2^18 and inputs of 127, the sum of their products stays below 2^31."""
_INT32 = 1 << 31


@dataclass(frozen=True)
class Architecture:
    """What a network looks like.

    Attributes
    ----------
    squared_radii, right_reach
        The neighbourhood, as in `medzip.codec.neighbourhood.disc`; the straight prediction reads
        all of it.
    near
        How many nearest neighbours are inputs.
    errors
        At how many nearest neighbours the errors are inputs, and make the unit of the distribution.
    taps
        How many coefficients the adaptive correction has.
    hidden
        Units of each hidden layer, multiples of 8.
    activation_bits
        Fractional bits of each hidden layer's activations.
    """

    squared_radii: tuple[int, ...]
    near: int
    errors: int
    taps: int
    hidden: tuple[int, ...]
    activation_bits: tuple[int, ...]
    right_reach: int = 3

    def check(self) -> None:
        """Raise ModelError for a form that is out of the format's limits, before it is built."""
        counts = (self.near, self.errors, self.taps)
        numbers = (*self.squared_radii, *counts, *self.hidden, *self.activation_bits)
        if not (
            all(type(number) is int for number in (*numbers, self.right_reach))
            and 1 <= len(self.squared_radii) <= 8
            and all(0 <= radius <= 400 for radius in self.squared_radii)
            and self.squared_radii[0] >= 5
            and 1 <= self.right_reach <= 20
            and 1 <= len(self.hidden) <= 8
            and all(8 <= units <= 1024 and units % 8 == 0 for units in self.hidden)
            and len(self.activation_bits) == len(self.hidden)
            and all(0 <= bits <= 7 for bits in self.activation_bits)
            and len(self.neighbourhood) <= MOST_OFFSETS
            and all(4 <= count <= len(self.neighbourhood) for count in counts)
            and FLAT_COUNT <= self.near <= MOST_NEAR
            and self.errors <= MOST_ERRORS
            and self.taps <= MOST_TAPS
        ):
            raise ModelError(
                "expected a model form within the limits of docs/format.md (section 5), got "
                f"{self}; use another model"
            )

    @cached_property
    def neighbourhood(self) -> Neighbourhood:
        """The offsets that the straight prediction reads."""
        return disc(self.squared_radii, self.right_reach)

    @cached_property
    def near_list(self) -> tuple[int, ...]:
        """Indices of the neighbours that are inputs."""
        return self.neighbourhood.nearest(self.near, self.neighbourhood.depth)

    @cached_property
    def error_list(self) -> tuple[int, ...]:
        """Indices of the neighbours whose errors are inputs."""
        return self.neighbourhood.nearest(self.errors, self.neighbourhood.depth)

    @cached_property
    def tap_list(self) -> tuple[int, ...]:
        """Indices of the neighbours whose straight errors the correction reads."""
        return self.neighbourhood.nearest(self.taps, self.neighbourhood.depth)

    @property
    def inputs(self) -> int:
        """How many inputs the first layer has."""
        return self.near + self.errors + self.taps + len(EXTRAS)


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
        int32 (depth + 1, K): weights of the straight prediction, 13 fractional bits, for voxels
        with 0, 1, ... slices before them; 0 for neighbours that those lack.

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
        extreme = INPUT_LIMIT
        for number, layer in enumerate(self.hidden):
            _check_layer(layer, sizes[number + 1], sizes[number], WEIGHT_LIMIT, extreme, number)
            extreme = ACTIVATION_LIMIT
        _check_layer(self.head, OUTPUTS, sizes[-1], HEAD_LIMIT, extreme, len(self.hidden))
        self._check_linear()

    def _check_linear(self) -> None:
        neighbourhood = self.architecture.neighbourhood
        kinds = neighbourhood.depth + 1
        if self.linear.shape != (kinds, len(neighbourhood)):
            raise ModelError(
                f"expected {kinds} x {len(neighbourhood)} linear weights, got "
                f"{self.linear.shape}; the model file is damaged"
            )
        if any(self.linear[kind, neighbourhood.usable(kind) :].any() for kind in range(kinds)):
            raise ModelError(
                "expected no linear weight for a missing slice; the model file is damaged"
            )
        worst = int(np.abs(self.linear.astype(np.int64)).sum(axis=1).max())
        if worst > LINEAR_SUM:
            raise ModelError(
                f"expected linear weights whose magnitudes sum to at most {LINEAR_SUM}, got "
                f"{worst}; solve them again with more regularisation"
            )

    @cached_property
    def linear_reach(self) -> int:
        """Differences (quarter units) are clipped to it, so no straight sum leaves 32 bits."""
        worst = int(np.abs(self.linear.astype(np.int64)).sum(axis=1).max())
        return min(1 << 18, (_INT32 - (1 << 11)) // max(1, worst))

    def forward(self, q: np.ndarray) -> np.ndarray:
        """Outputs of n voxels in plain int64: the oracle of the fast kernels.

        Parameters
        ----------
        q
            int64 (n, inputs), as in `medzip.codec.plain.adaptive.Features`.

        Returns
        -------
        numpy.ndarray
            int64 (n, 9).
        """
        x = q.astype(np.int64)
        for layer in self.hidden:
            x = np.clip(_accumulate(layer, x) >> layer.shift, 0, ACTIVATION_LIMIT)
        return np.asarray(_accumulate(self.head, x) >> self.head.shift)


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
