"""Integer matrix products on a device: the first kernel that proves exact there.

`torch._int_mm` is the fastest; a float32 product of integers is exact in any order of summation
while sums of magnitudes stay below 2^24, as they do for every layer that
`medzip.codec.plain.network` admits (64 * 128 * 1024 = 2^23); a float64 product is exact anywhere.
Which one runs is found out by trying it on extreme and on random operands of the very shape that it
will have. TensorFloat-32 is off while float32 products run: it keeps ten bits.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["KINDS", "LEAST_ROWS", "Product", "exact", "full_precision"]

KINDS = ("int8", "float32", "float64")
LEAST_ROWS = 32
"""CUDA's int8 product wants more than 16 rows."""
_MULTIPLE = 16
"""It wants multiples of 8 of all other sizes, and runs best on multiples of 16."""
_TRIAL_ROWS = 1024
"""Rows of the inputs of a trial that differ."""


@contextmanager
def full_precision() -> Iterator[None]:
    """Float32 products on CUDA without TensorFloat-32; the setting is put back."""
    settings = torch.backends.cuda.matmul
    before = settings.allow_tf32
    settings.allow_tf32 = False
    try:
        yield
    finally:
        settings.allow_tf32 = before


def _multiply(kind: str, inputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Inputs int8 (rows, inner) times weights (outputs, inner), transposed; int32."""
    if kind == "int8":
        # both operands with `inner` contiguous: the one order that every int8 kernel takes
        return torch._int_mm(inputs, weights.t())
    return torch.mm(inputs.to(weights.dtype), weights.t()).to(torch.int32)


def _operand(kind: str, weights: np.ndarray, device: torch.device) -> torch.Tensor:
    """Weights as the kernel wants them."""
    kept = torch.int8 if kind == "int8" else getattr(torch, kind)
    return torch.from_numpy(np.ascontiguousarray(weights)).to(device, kept)


@cache
def exact(kind: str, rows: int, inner: int, outputs: int, device: torch.device) -> bool:
    """Whether a kernel is exact for one shape on a device (tried once a process)."""
    generator = np.random.default_rng(0)
    some = min(rows, _TRIAL_ROWS)
    left = generator.random((some, inner)) < 0.5
    right = generator.random((outputs, inner)) < 0.5
    trials = (
        (np.full((some, inner), 127), np.full((outputs, inner), -64)),
        (np.where(left, 127, -128), np.where(right, 64, -64)),
        (generator.integers(-128, 128, left.shape), generator.integers(-64, 65, right.shape)),
    )
    for numbers, weights in trials:
        try:
            operand = _operand(kind, weights.astype(np.int8), device)
            inputs = np.resize(numbers.astype(np.int8), (rows, inner))
            with full_precision():
                product = _multiply(kind, torch.from_numpy(inputs).to(device), operand)
            found = product.cpu().numpy()
        except RuntimeError:  # the kernel does not run here
            return False
        expected = (numbers.astype(np.float64) @ weights.T.astype(np.float64)).astype(np.int32)
        if not np.array_equal(found, np.resize(expected, found.shape)):
            return False
    return True


class Product:
    """The product of int8 inputs with fixed int8 weights; to be called in `full_precision`.

    Parameters
    ----------
    weights
        int8 (outputs, inner), |w| <= 64.
    rows
        Rows of the inputs, at least `LEAST_ROWS`.
    device
        Where it runs.
    kind
        One of `KINDS`; by default the first that is exact.

    Attributes
    ----------
    inner, outputs
        Columns of the inputs and of the sums: those of the weights, padded. What stands in the
        padding of the inputs does not count; sums are 0 in theirs.
    kind
        Which kernel runs.

    Raises
    ------
    ModelError
        No kernel of this device is exact.
    """

    def __init__(
        self, weights: np.ndarray, rows: int, device: torch.device, kind: str | None = None
    ) -> None:
        outputs, inner = (-(-size // _MULTIPLE) * _MULTIPLE for size in weights.shape)
        padded = np.zeros((outputs, inner), dtype=np.int8)
        padded[: weights.shape[0], : weights.shape[1]] = weights
        kinds = KINDS if kind is None else (kind,)
        chosen = next((k for k in kinds if exact(k, rows, inner, outputs, device)), None)
        if chosen is None:
            raise ModelError(
                f"expected an exact integer product among {', '.join(kinds)} on {device}, got "
                "none; use device='cpu'"
            )
        self.inner, self.outputs, self.kind = inner, outputs, chosen
        self._weights = _operand(chosen, padded, device)

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor:
        """Sums of the inputs, int8 (rows, inner); int32 (rows, outputs)."""
        return _multiply(self.kind, inputs, self._weights)
