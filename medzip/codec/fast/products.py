"""Integer matrix products: int8 where the machine's kernel proves exact, float32 otherwise.

Both give the same integers. `torch._int_mm` is several times faster where it is exact; a float32
product of integers is exact in any order of summation while every sum of magnitudes stays below
2^24, which holds for every layer that `medzip.codec.plain.network` admits with int8 operands and
fewer than 2048 inputs (64 * 128 * 2048 = 2^24).

Torch is imported where it multiplies: what needs no network decodes without it.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from medzip.cores import one_thread

__all__ = ["GRANULE", "Product", "int8_is_exact"]

GRANULE = 16
"""Columns come in multiples of this: CUDA's int8 product wants multiples of 8, vectors 16."""


@cache
def int8_is_exact(rows: int, inner: int, width: int) -> bool:
    """Whether `torch._int_mm` is exact here for one shape, on extreme and random operands.

    Kernels are chosen by shape, so each shape is tried as it will run (once a process), against
    float64 products, which are exact below 2^53.
    """
    import torch

    generator = np.random.default_rng(0)
    signs = generator.random((rows, inner)) < 0.5, generator.random((inner, width)) < 0.5
    trials = (
        (np.full((rows, inner), -64), np.full((inner, width), 127)),
        (np.where(signs[0], 64, -64), np.where(signs[1], 127, -128)),
        (generator.integers(-64, 65, (rows, inner)), generator.integers(-128, 128, (inner, width))),
    )
    found = torch.empty((rows, width), dtype=torch.int32)
    for left, right in trials:
        operands = [torch.from_numpy(side.astype(np.int8)) for side in (left, right)]
        try:
            with one_thread():
                torch._int_mm(*operands, out=found)
        except RuntimeError:
            return False
        if not np.array_equal(found.numpy(), left.astype(np.float64) @ right.astype(np.float64)):
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
        Use the int8 kernel; by default where `int8_is_exact` for narrow and full inputs.
    """

    def __init__(self, weights: np.ndarray, capacity: int, exact_int8: bool | None = None) -> None:
        import torch

        rows, inner = weights.shape
        if exact_int8 is None:
            widths = {min(width, capacity) for width in (GRANULE, 1024, capacity)}
            exact_int8 = all(int8_is_exact(rows, inner, width) for width in widths)
        self._int8 = exact_int8
        self._weights = torch.from_numpy(np.ascontiguousarray(weights))
        self._rows, self._inner = rows, inner
        self.inputs = np.zeros(inner * capacity, dtype=np.int8)
        self.sums = np.zeros(rows * capacity, dtype=np.int32)
        self._inputs, self._sums = torch.from_numpy(self.inputs), torch.from_numpy(self.sums)
        if not self._int8:
            self._float_weights = self._weights.to(torch.float32)
            self._float_inputs = torch.zeros(inner * capacity)
            self._float_sums = torch.zeros(rows * capacity)

    @property
    def kernel(self) -> str:
        """What multiplies: "int8", or "float32" where that is not proven exact for the shape."""
        return "int8" if self._int8 else "float32"

    def input_view(self, width: int) -> np.ndarray:
        """Where the inputs go: int8 (inner, width), to be written before the call."""
        return self.inputs[: self._inner * width].reshape(self._inner, width)

    def __call__(self, width: int) -> np.ndarray:
        """Sums of the inputs, int32 (rows, width); valid until the next call.

        Always on this thread alone: sharing so small a product costs more than it saves. Whoever
        makes many enters `medzip.cores.one_thread` around them.
        """
        import torch

        if torch.get_num_threads() != 1:
            with one_thread():
                return self(width)
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
