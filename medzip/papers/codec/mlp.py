"""The papers' fully connected predictor in integers (plain NumPy).

Layers of 1024, 512, 256 and 128 units with LeakyReLU(0.01) and a linear output (local-sampling
paper, 2020); any sizes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain, pairwise
from typing import ClassVar

import numpy as np

from medzip.errors import ModelError
from medzip.papers.codec.form import Form, number, numbers
from medzip.papers.codec.gates import (
    ACTIVATION_LIMIT,
    OUTPUT_LIMIT,
    SIDE_LIMIT,
    WEIGHT_LIMIT,
    check_array,
    check_shifts,
    shifted,
)

__all__ = ["LEAK", "LEAK_BITS", "IntegerMLP", "leaky"]

LEAK_BITS = 16
LEAK = 655
"""0.01 in 16 fractional bits: the slope of LeakyReLU below zero."""


def leaky(y: np.ndarray) -> np.ndarray:
    """LeakyReLU, then limits that two int8 halves hold; int64."""
    bent = np.where(y < 0, (y * LEAK) >> LEAK_BITS, y)
    return np.asarray(np.clip(bent, -ACTIVATION_LIMIT, ACTIVATION_LIMIT))


@dataclass(frozen=True, eq=False)
class IntegerMLP:
    """Fully connected layers over L voxels, and a linear output.

    Attributes
    ----------
    weights
        Of each hidden layer, int16 (out, in), |w| <= 8191; the first has L inputs.
    biases
        int32 (out,) each, in 256 units of the accumulator.
    shifts
        int32 (out,) each, 1 .. 40: from the accumulator to the layer's own scale, which the
        weights of the next one undo.
    head
        int32 (last,), |w| <= 2^20.
    head_bias, head_shift
        int32 (1,): to 20 fractional bits.

    Raises
    ------
    ModelError
        Shapes do not fit, or a weight or a shift is out of its range. Within the ranges no int8
        product leaves 31 bits and no sum 48.
    """

    kind: ClassVar[str] = "mlp"
    weights: tuple[np.ndarray, ...]
    biases: tuple[np.ndarray, ...]
    shifts: tuple[np.ndarray, ...]
    head: np.ndarray
    head_bias: np.ndarray
    head_shift: np.ndarray

    def __post_init__(self) -> None:
        sizes = (self.length, *self.hidden)
        if not (1 <= len(self.hidden) <= 8 and all(1 <= size <= 1024 for size in sizes)):
            raise ModelError(
                f"expected 1 to 8 layers of 1 to 1024 units on as many voxels, got {sizes}; "
                "use another form"
            )
        if any(units % 8 for units in self.hidden):
            raise ModelError(f"expected units in multiples of 8, got {self.hidden}; widen them")
        layers = zip(pairwise(sizes), self.weights, self.biases, self.shifts, strict=True)
        for layer, ((fan_in, fan_out), weight, bias, shift) in enumerate(layers):
            check_array(weight, (fan_out, fan_in), WEIGHT_LIMIT, f"weights of layer {layer}")
            check_array(bias, (fan_out,), (1 << 31) - 1, f"biases of layer {layer}")
            check_shifts(shift, fan_out, f"shifts of layer {layer}")
        check_array(self.head, (sizes[-1],), SIDE_LIMIT, "head weights")
        check_array(self.head_bias, (1,), (1 << 31) - 1, "the head's bias")
        check_shifts(self.head_shift, 1, "the head's shift")

    @property
    def length(self) -> int:
        """L, voxels of the sequence."""
        return int(self.weights[0].shape[1])

    @property
    def hidden(self) -> tuple[int, ...]:
        """Units of each hidden layer."""
        return tuple(len(weight) for weight in self.weights)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All integers by name, in the order of the format."""
        layers = zip(self.weights, self.biases, self.shifts, strict=True)
        values = [*chain.from_iterable(layers), self.head, self.head_bias, self.head_shift]
        return dict(zip(self.array_shapes(self.form), values, strict=True))

    @classmethod
    def from_arrays(cls, form: Form, arrays: dict[str, np.ndarray]) -> IntegerMLP:
        """The inverse of `form` and `arrays`."""
        layers = range(len(numbers(form, "hidden")))
        weights, biases, shifts = (
            tuple(arrays[f"{name}_{layer}"] for layer in layers)
            for name in ("weight", "bias", "shift")
        )
        return cls(
            weights, biases, shifts, arrays["head"], arrays["head_bias"], arrays["head_shift"]
        )

    @property
    def form(self) -> Form:
        """Sizes, for a model's configuration."""
        return {"length": self.length, "hidden": list(self.hidden)}

    @classmethod
    def array_shapes(cls, form: Form) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the arrays of a form, in the order of the format."""
        length, hidden = number(form, "length"), numbers(form, "hidden")
        shapes: dict[str, tuple[int, ...]] = {}
        for layer, (fan_in, fan_out) in enumerate(pairwise([length, *hidden])):
            shapes |= {
                f"weight_{layer}": (fan_out, fan_in),
                f"bias_{layer}": (fan_out,),
                f"shift_{layer}": (fan_out,),
            }
        return shapes | {"head": (hidden[-1],), "head_bias": (1,), "head_shift": (1,)}

    def forward(self, x: np.ndarray) -> np.ndarray:
        """Predictions in plain int64: the oracle of the fast kernels.

        Parameters
        ----------
        x
            int16 (n, L): sequences, 14 fractional bits.

        Returns
        -------
        numpy.ndarray
            int64 (n,): normalised predictions, 20 fractional bits, within +-2.
        """
        a = x.astype(np.int64)
        for weight, bias, shift in zip(self.weights, self.biases, self.shifts, strict=True):
            a = leaky(shifted(a @ weight.astype(np.int64).T, bias, shift.astype(np.int64)))
        out = shifted(
            a @ self.head.astype(np.int64), self.head_bias, self.head_shift.astype(np.int64)
        )
        return np.asarray(np.clip(out, -OUTPUT_LIMIT, OUTPUT_LIMIT))
