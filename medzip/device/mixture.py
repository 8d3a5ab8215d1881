"""From inputs to distributions and to the intervals of known values, as tensors.

The integers are those of `medzip.codec.plain.network` and `medzip.codec.plain.mixture`. Powers of
two are read from tables over all exponents that the format allows. Shapes are fixed, as in
`medzip.device.walk`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.codec.plain.mixture import (
    COMPONENTS,
    LOG_LIMIT,
    MEAN_BITS,
    MEAN_LIMIT,
    SCALE_LIMIT,
    T_BITS,
    WEIGHT_BITS,
    exp2_fixed,
)
from medzip.codec.plain.network import ACTIVATION_LIMIT, OUTPUTS
from medzip.codec.tables import LOGISTIC_LIMIT, PRECISION, logistic_table
from medzip.device.products import LEAST_ROWS, Product
from medzip.device.words import FLAT, FLAT_QUIET

if TYPE_CHECKING:
    from medzip.codec.plain.network import Network
    from medzip.device.walk import Seen

__all__ = ["Distribution", "Predictor"]

_FRACTION_BITS = 12


@dataclass(frozen=True)
class Distribution:
    """A mixture a lane; int64 (slabs, depth, places), components first.

    Attributes
    ----------
    p
        Its centre, 1/16.
    unit
        2^24 / its unit.
    weights
        (2, ...): of the second and third component.
    inverse, mean
        (3, ...): inverse scales, means.
    """

    p: torch.Tensor
    unit: torch.Tensor
    weights: torch.Tensor
    inverse: torch.Tensor
    mean: torch.Tensor


class Predictor:
    """The network and its mixture for a number of lanes.

    Parameters
    ----------
    network
        The weights.
    lanes
        How many voxels at once.
    device
        Where it runs.
    kind
        As in `medzip.device.products.Product`.
    """

    def __init__(
        self, network: Network, lanes: int, device: torch.device, kind: str | None = None
    ) -> None:
        self._lanes = lanes
        rows = max(LEAST_ROWS, -(-lanes // 8) * 8)
        head = network.head.weight.astype(np.int32)
        high = (head + 64) >> 7
        halves = np.concatenate([high, head - 128 * high])
        self._products = [
            Product(weight.astype(np.int8), rows, device, kind)
            for weight in (*(layer.weight for layer in network.hidden), halves)
        ]
        self._bias, self._shift = [], []
        for layer, product in zip(network.hidden, self._products, strict=False):
            rest = product.outputs - len(layer.bias)
            self._bias.append(torch.from_numpy(np.pad(layer.bias, (0, rest))).to(device))
            self._shift.append(torch.from_numpy(np.pad(layer.shift, (0, rest))).to(device))
        self._head_bias, self._head_shift = (
            torch.from_numpy(array.astype(np.int64)).to(device)[:, None]
            for array in (network.head.bias, network.head.shift)
        )
        self._inputs = torch.zeros((rows, self._products[0].inner), dtype=torch.int8, device=device)
        shares = exp2_fixed(np.arange(-LOG_LIMIT, 1))
        inverses = exp2_fixed(-np.arange(-SCALE_LIMIT, SCALE_LIMIT + 1))
        table = logistic_table()
        self._share, self._inverse, self._logistic, self._rise = (
            torch.from_numpy(array.copy()).to(device)
            for array in (shares, inverses, table[:-1], np.diff(table))
        )

    @property
    def kinds(self) -> tuple[str, ...]:
        """Which kernel multiplies each layer."""
        return tuple(product.kind for product in self._products)

    def __call__(self, seen: Seen) -> Distribution:
        """Distributions of the lanes."""
        inputs = seen.inputs.view(len(seen.inputs), -1)
        self._inputs[: self._lanes, : len(inputs)].copy_(inputs.t())
        sums = self._products[0](self._inputs)
        for bias, shift, product in zip(self._bias, self._shift, self._products[1:], strict=True):
            active = ((sums + bias) >> shift).clamp_(0, ACTIVATION_LIMIT)
            sums = product(active.to(torch.int8))
        sums = sums[: self._lanes].t().to(torch.int64)
        high, low = sums[:OUTPUTS], sums[OUTPUTS : 2 * OUTPUTS]
        outputs = (high * 128 + low + self._head_bias) >> self._head_shift
        outputs = outputs.reshape(OUTPUTS, *seen.p.shape)
        logs = outputs[:COMPONENTS].clamp(-LOG_LIMIT, LOG_LIMIT)
        logs = (logs - logs.amax(0)).clamp_(min=-LOG_LIMIT)
        share = self._share[logs + LOG_LIMIT]
        weights = torch.div(share[1:] << WEIGHT_BITS, share.sum(0), rounding_mode="floor")
        mean = outputs[COMPONENTS : 2 * COMPONENTS].clamp(-MEAN_LIMIT, MEAN_LIMIT)
        scale = outputs[2 * COMPONENTS :].clamp(-SCALE_LIMIT, SCALE_LIMIT)
        inverse = self._inverse[scale + SCALE_LIMIT]
        unit = seen.reciprocal.to(torch.int64) << 2
        return Distribution(seen.p.to(torch.int64), unit, weights, inverse, mean)

    def parameters(self, seen: Seen) -> torch.Tensor:
        """What `medzip.device.words.decode_lanes` reads: int32 (9, slabs, depth, places)."""
        found = self(seen)
        shares = found.weights[0] + (found.weights[1] << (WEIGHT_BITS + 1))
        shares = shares.masked_fill(seen.flat, FLAT).masked_fill(seen.quiet, FLAT_QUIET)
        numbers = (found.p[None], found.unit[None], found.inverse, found.mean, shares[None])
        return torch.cat([number.to(torch.int32) for number in numbers])

    def intervals(self, seen: Seen, values: torch.Tensor, limits: torch.Tensor) -> torch.Tensor:
        """What `medzip.device.words.encode_lanes` reads of known values.

        Parameters
        ----------
        seen
            Of the step.
        values
            int32 (slabs, depth, places).
        limits
            int64 (slabs, 1, 1): N of each.

        Returns
        -------
        torch.Tensor
            int32 (2, slabs, depth, places).
        """
        distribution = self(seen)
        centre = (distribution.p + 8) >> 4
        start = ((16 * centre - 8 - distribution.p) * distribution.unit) >> 12
        slope = (distribution.unit * distribution.inverse) >> 8
        intercept = (start - (distribution.mean << (16 - MEAN_BITS))) * distribution.inverse
        first = ((1 << WEIGHT_BITS) - distribution.weights.sum(0))[None]
        weights = torch.cat([first, distribution.weights])
        below = self._below(values - centre, values, slope, intercept, weights, limits)
        above = self._below(values + 1 - centre, values + 1, slope, intercept, weights, limits)
        reference = distribution.p >> 4
        mark = FLAT - 2 * reference - seen.quiet.to(torch.int64)
        pair = torch.stack(
            [
                torch.where(seen.flat, mark, below),
                torch.where(seen.flat, values.to(torch.int64), above - below),
            ]
        )
        return pair.to(torch.int32)

    def _below(
        self,
        offset: torch.Tensor,
        values: torch.Tensor,
        slope: torch.Tensor,
        intercept: torch.Tensor,
        weights: torch.Tensor,
        limits: torch.Tensor,
    ) -> torch.Tensor:
        """C(v): cumulative counts below values; int64."""
        most = LOGISTIC_LIMIT << T_BITS
        t = (slope * offset + intercept).clamp_(-most, most - 1).add_(most)
        index = t >> (T_BITS - 5)
        fraction = (t >> (T_BITS - 5 - _FRACTION_BITS)) & ((1 << _FRACTION_BITS) - 1)
        part = self._logistic[index] + ((self._rise[index] * fraction) >> _FRACTION_BITS)
        mass = (weights * part).sum(0)
        full = 1 << PRECISION
        counts = values + (((full - limits) * mass) >> (PRECISION + WEIGHT_BITS))
        return counts.masked_fill(values <= 0, 0).masked_fill(values >= limits, full)
