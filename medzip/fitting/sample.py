"""Training samples: what the codec's own engine sees of chosen voxels of a volume.

Inputs and the centre and unit of a voxel's distribution depend on what the predictor has learned
up to there, so whole windows are walked and the chosen voxels kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.codec.fast.engine import Engine

if TYPE_CHECKING:
    from medzip.codec.plain.network import Network
    from medzip.fitting.linear import Window

__all__ = ["Samples", "sample_window"]


@dataclass
class Samples:
    """Inputs and targets of n voxels.

    Attributes
    ----------
    q
        int8 (n, inputs), 1/16.
    below, above
        float32 (n,): distance from the centre to the voxel's lower and upper edge, in units.
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

    def to(self, device: str) -> Samples:
        """The same samples on a device."""
        return Samples(*(getattr(self, name).to(device) for name in _FIELDS))

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


def sample_window(window: Window, network: Network, chosen: np.ndarray) -> Samples:
    """Samples of the chosen voxels of a window; those in a flat context are left out.

    Parameters
    ----------
    window
        Coded as a slab of its own.
    network
        Its linear weights and form are used, its layers are not.
    chosen
        bool (depth, height, width).
    """
    depth, height, width = window.values.shape
    engine = Engine(network, (depth, height, width))
    count = int(chosen.sum())
    q = np.empty((count, network.architecture.inputs), dtype=np.int8)
    centre, reciprocal = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    values = np.empty(count, dtype=np.int64)
    at = 0
    for part in engine.inputs_of(window.values, window.origin, chosen):
        stop = at + len(part[0])
        q[at:stop], centre[at:stop], reciprocal[at:stop], values[at:stop] = part
        at = stop
    q, centre, reciprocal, values = q[:at], centre[:at], reciprocal[:at], values[:at]
    unit = reciprocal / 2.0**26
    away = 16 * values - centre
    return Samples(
        torch.from_numpy(q.copy()),
        torch.from_numpy(((away - 8) * unit).astype(np.float32)),
        torch.from_numpy(((away + 8) * unit).astype(np.float32)),
        torch.full((at,), window.count / (1 << 24), dtype=torch.float32),
        torch.from_numpy(np.stack([values == 0, values == window.count - 1], axis=1)),
    )
