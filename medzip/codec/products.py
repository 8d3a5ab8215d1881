"""Integer matrix products: int8 where the machine's kernel proves exact, float32 otherwise.

Both give the same integers. `torch._int_mm` is several times faster where it is exact; a float32
product of integers is exact in any order of summation while every sum of magnitudes stays below
2^24, which holds for every layer that `medzip.codec.network` admits with int8 operands and fewer
than 2048 inputs (64 * 128 * 2048 = 2^24).
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch

__all__ = ["GRANULE", "Product", "int8_is_exact"]

GRANULE = 16
"""Columns come in multiples of this: CUDA's int8 product wants multiples of 8, vectors 16."""
_INPUT_LIMIT = 2047


@cache
def int8_is_exact() -> bool:
    """Whether `torch._int_mm` is exact here on extreme operands; tried once a process."""
    generator = np.random.default_rng(0)
    for rows, inner, columns in ((16, 8, 16), (48, 83, 160), (128, 256, 1040), (24, 128, 16)):
        for style in range(3):
            if style == 0:
                left = np.full((rows, inner), -64)
                right = np.full((inner, columns), 127)
            elif style == 1:
                left = np.where(generator.random((rows, inner)) < 0.5, 64, -64)
                right = np.where(generator.random((inner, columns)) < 0.5, 127, -128)
            else:
                left = generator.integers(-64, 65, (rows, inner))
                right = generator.integers(-128, 128, (inner, columns))
            try:
                found = torch._int_mm(
                    torch.from_numpy(left.astype(np.int8)), torch.from_numpy(right.astype(np.int8))
                )
            except RuntimeError:
                return False
            if not np.array_equal(found.numpy(), left @ right):
                return False
    return True


class Product:
    """The product of fixed int8 weights with int8 inputs of changing width.

    Parameters
    ----------
    weights
        int8 (rows, inner), |w| <= 64.
    capacity
        The widest input, columns.
    exact_int8
        Use the int8 kernel; by default where `int8_is_exact`.
    """

    def __init__(self, weights: np.ndarray, capacity: int, exact_int8: bool | None = None) -> None:
        self._int8 = int8_is_exact() if exact_int8 is None else exact_int8
        rows, inner = weights.shape
        if inner > _INPUT_LIMIT:
            raise ValueError(f"expected at most {_INPUT_LIMIT} inputs, got {inner}")
        self._weights = torch.from_numpy(np.ascontiguousarray(weights))
        self._rows, self._inner = rows, inner
        self.inputs = np.zeros(inner * capacity, dtype=np.int8)
        self.sums = np.zeros(rows * capacity, dtype=np.int32)
        self._inputs, self._sums = torch.from_numpy(self.inputs), torch.from_numpy(self.sums)
        if not self._int8:
            self._float_weights = self._weights.to(torch.float32)
            self._float_inputs = torch.zeros(inner * capacity)
            self._float_sums = torch.zeros(rows * capacity)

    def input_view(self, width: int) -> np.ndarray:
        """Where the inputs go: int8 (inner, width), to be written before the call."""
        return self.inputs[: self._inner * width].reshape(self._inner, width)

    def __call__(self, width: int) -> np.ndarray:
        """Sums of the inputs, int32 (rows, width); valid until the next call."""
        inputs = self._inputs[: self._inner * width].view(self._inner, width)
        sums = self._sums[: self._rows * width].view(self._rows, width)
        if self._int8:
            torch._int_mm(self._weights, inputs, out=sums)
        else:
            floats = self._float_inputs[: self._inner * width].view(self._inner, width)
            floats.copy_(inputs)
            result = self._float_sums[: self._rows * width].view(self._rows, width)
            torch.mm(self._float_weights, floats, out=result)
            sums.copy_(result)
        return self.sums[: self._rows * width].reshape(self._rows, width)
