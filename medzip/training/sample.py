"""Training samples: features of voxels drawn from volumes, computed with torch on any device.

The same integers as `medzip.codec.features.features_at` (a test holds them together), at the speed
that fitting needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.codec import features as plain
from medzip.codec.tables import log2_table

if TYPE_CHECKING:
    from medzip.codec.neighbourhood import Neighbourhood

__all__ = ["Samples", "pad", "sample_slab"]


@dataclass
class Samples:
    """Features and targets of n voxels.

    Attributes
    ----------
    q
        int16 (n, inputs), 1/256.
    below, above
        float32 (n,): distance from the reference to the voxel's lower and upper edge, in scales.
    floor
        float32 (n,): the share of probability that is spread over all values, N / 2^24.
    last
        bool (n, 2): whether the voxel is the smallest, the largest of its slab's values.
    """

    q: torch.Tensor
    below: torch.Tensor
    above: torch.Tensor
    floor: torch.Tensor
    last: torch.Tensor

    def __len__(self) -> int:
        return len(self.q)

    def take(self, mask: torch.Tensor) -> Samples:
        """The samples that a boolean mask (n,) selects."""
        return Samples(
            self.q[mask], self.below[mask], self.above[mask], self.floor[mask], self.last[mask]
        )

    @staticmethod
    def concatenate(parts: list[Samples]) -> Samples:
        """All samples of several sets, in order; empties the list, so memory is held once."""
        count = sum(len(part) for part in parts)
        out = Samples(*(_room(count, getattr(parts[0], name)) for name in _FIELDS))
        at = 0
        while parts:
            part = parts.pop(0)
            for name in _FIELDS:
                getattr(out, name)[at : at + len(part)] = getattr(part, name)
            at += len(part)
        return out


_FIELDS = ("q", "below", "above", "floor", "last")


def _room(count: int, like: torch.Tensor) -> torch.Tensor:
    return torch.empty((count, *like.shape[1:]), dtype=like.dtype, device=like.device)


def pad(values: np.ndarray, origin: int, reach: int) -> np.ndarray:
    """A slab with the margins of `medzip.codec.layout`, not skewed.

    Parameters
    ----------
    values
        uint16 (depth, height, width), packed.
    origin
        Stands for what lies outside of the first slice.
    reach
        Margin, voxels.

    Returns
    -------
    numpy.ndarray
        int32 (depth, height + 2 reach, width + 2 reach).
    """
    depth, height, width = values.shape
    out = np.empty((depth, height + 2 * reach, width + 2 * reach), dtype=np.int32)
    top, left = slice(0, reach), slice(0, reach)
    bottom, right = slice(height + reach, None), slice(width + reach, None)
    rows, columns = slice(reach, height + reach), slice(reach, width + reach)
    out[:, rows, columns] = values
    out[:, rows, right] = values[:, :, -1:]
    out[:, reach + 1 : height + reach, left] = values[:, :-1, :1]
    out[:, bottom, :] = np.pad(values[:, -1:, :], ((0, 0), (0, 0), (reach, reach)), mode="edge")
    above = np.full((depth, 1, width + 2 * reach), origin, dtype=np.int32)
    if depth > 1:
        above[1:] = np.pad(values[:-1, :1, :], ((0, 0), (0, 0), (reach, reach)), mode="edge")
    out[:, top, :] = above
    out[1:, reach, left] = values[:-1, 0, :1]
    out[0, reach, left] = origin
    return out


def sample_slab(
    values: np.ndarray,
    origin: int,
    count: int,
    voxels: np.ndarray,
    neighbourhood: Neighbourhood,
    device: str = "cpu",
    chunk: int = 1 << 18,
) -> Samples:
    """Features of some voxels of a slab; those in a flat context are left out.

    Parameters
    ----------
    values
        uint16 (depth, height, width), packed.
    origin, count
        The slab's origin value and number of values N.
    voxels
        int64 (n, 3).
    neighbourhood
        Its offsets.
    device
        Where to compute and keep the samples.
    """
    reach = max(1, neighbourhood.reach)
    flat_volume = torch.from_numpy(pad(values, origin, reach).reshape(-1)).to(device)
    _, height, width = values.shape
    row, plane = width + 2 * reach, (height + 2 * reach) * (width + 2 * reach)
    strides = np.array([plane, row, 1])
    base = voxels @ strides + reach * row + reach
    order = np.minimum(voxels[:, 0], neighbourhood.depth)
    parts = []
    for z in range(neighbourhood.depth + 1):
        chosen = np.flatnonzero(order == z)
        usable = neighbourhood.usable(z)
        shift = torch.from_numpy(neighbourhood.array[:usable] @ strides).to(device)
        for start in range(0, len(chosen), chunk):
            pick = chosen[start : start + chunk]
            parts.append(
                _features(
                    flat_volume,
                    torch.from_numpy(base[pick]).to(device),
                    shift,
                    voxels[pick],
                    z,
                    values.shape,
                    count,
                    neighbourhood,
                )
            )
    return Samples.concatenate(parts)


def _features(
    volume: torch.Tensor,
    base: torch.Tensor,
    shift: torch.Tensor,
    voxels: np.ndarray,
    z: int,
    shape: tuple[int, ...],
    count: int,
    neighbourhood: Neighbourhood,
) -> Samples:
    device = volume.device
    total, usable = len(neighbourhood), len(shift)
    u = volume[base[:, None] + shift[None, :]]
    v = volume[base].to(torch.int64)
    m4 = u[:, list(neighbourhood.nearest(plain.REFERENCE_COUNT, z))].sum(dim=1, dtype=torch.int32)
    d = 4 * u - m4[:, None]
    near = list(neighbourhood.nearest(plain.FLAT_COUNT, z))
    keep = (d[:, near] != 0).any(dim=1)
    d, v, m4 = d[keep], v[keep], m4[keep]
    spread = d.abs().sum(dim=1, dtype=torch.int64) * total // usable
    r = (total << (plain.INPUT_BITS + plain.RECIPROCAL_BITS)) // (spread + 4 * total)
    limit = ((spread + 4 * total) * plain.INPUT_LIMIT // total).to(torch.int32)
    d = torch.minimum(torch.maximum(d, -limit[:, None]), limit[:, None])
    half = 1 << (plain.RECIPROCAL_BITS - 1)
    q = torch.zeros((len(d), total + len(plain.EXTRAS)), dtype=torch.int16, device=device)
    scaled = (d * r.to(torch.int32)[:, None] + half) >> plain.RECIPROCAL_BITS
    q[:, :usable] = scaled.to(torch.int16)
    rest = voxels[keep.cpu().numpy()]
    px, py = plain.position(shape[2])[rest[:, 2]], plain.position(shape[1])[rest[:, 1]]
    extras = np.stack(
        [256 * (rest[:, 0] >= 1), 256 * (rest[:, 0] >= 2), px, py, plain.radius(px, py)], axis=1
    )
    q[:, total + 1 :] = torch.from_numpy(extras.astype(np.int16)).to(device)
    q[:, total] = _log_scale(spread, total).to(torch.int16)
    unit = r.to(torch.float64) / (1 << 26)
    return Samples(
        q,
        ((4 * v - 2 - m4) * unit).to(torch.float32),
        ((4 * v + 2 - m4) * unit).to(torch.float32),
        torch.full((len(v),), count / (1 << 24), dtype=torch.float32, device=device),
        torch.stack([v == 0, v == count - 1], dim=1),
    )


def _log_scale(spread: torch.Tensor, total: int) -> torch.Tensor:
    """As `medzip.codec.features`: log2 of the scale relative to 2^4, in 1/256."""
    n = spread + 4 * total
    exponent = torch.zeros_like(n)
    for step in (16, 8, 4, 2, 1):
        exponent += ((n >> (exponent + step)) > 0) * step
    table = torch.tensor(log2_table(), device=n.device)
    value = (exponent << 8) + table[((n << 6) >> exponent) & 63]
    return value - int(plain.log2_fixed(np.array(4 * total))) - plain.LOG_CENTRE
