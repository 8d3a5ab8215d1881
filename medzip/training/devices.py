"""What trains: which device, and how exactly it multiplies."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["device_of", "precision_of", "products"]


def device_of(name: str) -> str:
    """Name of a device, "cpu" or "cuda"; "auto" is a GPU where there is one."""
    return ("cuda" if torch.cuda.is_available() else "cpu") if name == "auto" else name


def precision_of(name: str, device: str) -> str:
    """Name of a precision, "float32" or "tf32"; "auto" is "tf32" on a GPU.

    Raises
    ------
    SourceError
        There is none of that name.
    """
    if name not in ("auto", "float32", "tf32"):
        raise SourceError(
            f"expected a precision of auto, float32 or tf32, got {name!r}; check the name"
        )
    return ("tf32" if device == "cuda" else "float32") if name == "auto" else name


@contextmanager
def products(precision: str) -> Iterator[None]:
    """Use a GPU's tensor cores for products of float32 matrices ("tf32"), or do not.

    TF32 keeps 10 bits of each factor and sums in float32. Inputs, hidden weights and activations
    of these networks are integers of at most 8 bits times a power of two, so hidden layers stay
    exact; the head and the gradients round. Halving the accumulator too, as bfloat16 autocasting
    does to a layer's outputs, would not leave them exact.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
