"""The papers' recurrent predictor in integers (plain NumPy).

One LSTM layer reads the sequence voxel by voxel; a linear output follows the last one (MedZip,
section 3; "many-to-one" in the sampling-strategies paper).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from medzip.errors import ModelError
from medzip.papers.codec.form import Form, number
from medzip.papers.codec.gates import (
    GATE_BITS,
    INPUT_BITS,
    OUTPUT_LIMIT,
    SIDE_LIMIT,
    WEIGHT_LIMIT,
    check_array,
    check_shifts,
    shifted,
    sigmoid,
)

__all__ = ["CELL_BITS", "MOST_UNITS", "IntegerLSTM"]

CELL_BITS = 20
"""Fractional bits of the cell: |c| grows by at most 1 a step, so 1024 steps stay within 2^30."""
MOST_UNITS = 512


@dataclass(frozen=True, eq=False)
class IntegerLSTM:
    """One layer of U units over L voxels, and a linear output.

    Gates stand in the order input, forget, cell, output, as in PyTorch; rows of the cell gate give
    *twice* what enters tanh, because tanh(x) = 2 sigmoid(2x) - 1.

    Attributes
    ----------
    length
        L, voxels of the sequence, 1 .. 1024.
    recurrent
        int16 (4U, U), |w| <= 8191: weights of the hidden state.
    inputs
        int32 (4U,), |w| <= 2^20: weights of the voxel, in the scale of the row.
    bias
        int32 (4U,), in 256 units of the row's accumulator.
    shift
        int32 (4U,), 1 .. 40: from a row's accumulator (weight bits + 14) to 15 fractional bits.
    head
        int32 (U,), |w| <= 2^20.
    head_bias, head_shift
        int32 (1,): to 20 fractional bits.

    Raises
    ------
    ModelError
        Shapes do not fit, or a weight or a shift is out of its range. Within the ranges no int8
        product leaves 31 bits and no sum 48.
    """

    kind: ClassVar[str] = "lstm"
    length: int
    recurrent: np.ndarray
    inputs: np.ndarray
    bias: np.ndarray
    shift: np.ndarray
    head: np.ndarray
    head_bias: np.ndarray
    head_shift: np.ndarray

    def __post_init__(self) -> None:
        units = self.units
        if not (1 <= self.length <= 1024 and 8 <= units <= MOST_UNITS and units % 8 == 0):
            raise ModelError(
                f"expected 1 to 1024 voxels and 8 to {MOST_UNITS} units, a multiple of 8, got "
                f"{self.length} and {units}; use another form"
            )
        rows = 4 * units
        check_array(self.recurrent, (rows, units), WEIGHT_LIMIT, "recurrent weights")
        check_array(self.inputs, (rows,), SIDE_LIMIT, "input weights")
        check_array(self.bias, (rows,), (1 << 31) - 1, "biases")
        check_shifts(self.shift, rows, "shifts")
        check_array(self.head, (units,), SIDE_LIMIT, "head weights")
        check_array(self.head_bias, (1,), (1 << 31) - 1, "the head's bias")
        check_shifts(self.head_shift, 1, "the head's shift")

    @property
    def units(self) -> int:
        """U."""
        return int(self.head.size)

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """All integers by name, in the order of the format."""
        return {name: getattr(self, name) for name in self.array_shapes(self.form)}

    @classmethod
    def from_arrays(cls, form: Form, arrays: dict[str, np.ndarray]) -> IntegerLSTM:
        """The inverse of `form` and `arrays`."""
        return cls(number(form, "length"), **arrays)

    @property
    def form(self) -> Form:
        """Sizes, for a model's configuration."""
        return {"length": self.length, "units": self.units}

    @classmethod
    def array_shapes(cls, form: Form) -> dict[str, tuple[int, ...]]:
        """Names and shapes of the arrays of a form, in the order of the format."""
        units = number(form, "units")
        return {
            "recurrent": (4 * units, units),
            "inputs": (4 * units,),
            "bias": (4 * units,),
            "shift": (4 * units,),
            "head": (units,),
            "head_bias": (1,),
            "head_shift": (1,),
        }

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
        voxels = x.astype(np.int64)
        units = self.units
        recurrent = self.recurrent.astype(np.int64).T
        inputs = self.inputs.astype(np.int64)
        hidden = np.zeros((len(x), units), dtype=np.int64)
        cell = np.zeros((len(x), units), dtype=np.int64)
        for step in range(self.length):
            sums = hidden @ recurrent + voxels[:, step, None] * inputs
            gates = sigmoid(shifted(sums, self.bias, self.shift.astype(np.int64)))
            enter, forget = gates[:, :units], gates[:, units : 2 * units]
            new, leave = 2 * gates[:, 2 * units : 3 * units] - (1 << 15), gates[:, 3 * units :]
            cell = ((forget * cell) >> GATE_BITS) + ((enter * new) >> (2 * GATE_BITS - CELL_BITS))
            # the cell in 16 fractional bits is twice the cell in 15
            bent = 2 * sigmoid(cell >> (CELL_BITS - GATE_BITS - 1)) - (1 << 15)
            drop = 2 * GATE_BITS - INPUT_BITS
            hidden = (leave * bent + (1 << (drop - 1))) >> drop
        out = shifted(
            hidden @ self.head.astype(np.int64), self.head_bias, self.head_shift.astype(np.int64)
        )
        return np.asarray(np.clip(out, -OUTPUT_LIMIT, OUTPUT_LIMIT))
