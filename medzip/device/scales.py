"""Lists of neighbours and their local scales, as tensors (`medzip.codec.plain.features.Scale`).

Everything is int32 but for products that could leave it: the bounds are those of the CPU's kernels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.codec.plain.features import INPUT_LIMIT, SCALED_BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Nearest", "Scale", "scale_of", "scaled", "total_of"]


@dataclass(frozen=True)
class Scale:
    """A local scale of every lane; int32 tensors (slabs, depth, places)."""

    total: torch.Tensor
    limit: torch.Tensor
    reciprocal: torch.Tensor
    count: int


class Nearest:
    """One of the network's lists of neighbours, and which of them exist in a slab's slices.

    Parameters
    ----------
    indices
        Of the neighbours.
    planes
        int64 (K,): how many slices before it each neighbour of a voxel is.
    kinds
        int64 (depth,): how many slices before it each slice can read.
    device
        Where the tensors lie.
    """

    def __init__(
        self,
        indices: Sequence[int],
        planes: np.ndarray,
        kinds: np.ndarray,
        device: torch.device,
    ) -> None:
        exist = planes[list(indices)][:, None] <= kinds[None, :]
        self.count = len(indices)
        self.indices = torch.tensor(indices, device=device)
        self.exist = torch.from_numpy(exist.astype(np.int32)).to(device)[:, None, :, None]
        self.used = torch.from_numpy(exist.sum(axis=0)).to(device)[:, None]


def total_of(values: torch.Tensor, chosen: Nearest, floor: int) -> torch.Tensor:
    """Sum of magnitudes as if none were missing, and a floor for each; int32."""
    total = values.abs().sum(0, dtype=torch.int32).to(torch.int64) * chosen.count
    total = torch.div(total, chosen.used, rounding_mode="floor")
    return (total + floor * chosen.count).to(torch.int32)


def scale_of(total: torch.Tensor, count: int) -> Scale:
    """The scale of a sum of magnitudes, floors included, int32."""
    limit = (total << 3) >> (count.bit_length() - 1)
    whole = torch.full_like(total, count << (SCALED_BITS + 4), dtype=torch.int64)
    reciprocal = torch.div(whole, total, rounding_mode="floor").to(torch.int32)
    return Scale(total, limit, reciprocal, count)


def scaled(values: torch.Tensor, scale: Scale) -> torch.Tensor:
    """`medzip.codec.plain.features.scaled`; int32, products below 2^31."""
    q = torch.minimum(torch.maximum(values, -scale.limit), scale.limit)
    q = q.mul_(scale.reciprocal).add_(1 << (SCALED_BITS - 1)).bitwise_right_shift_(SCALED_BITS)
    return q.clamp_(-INPUT_LIMIT, INPUT_LIMIT)
