"""The network while it is trained: float weights seen through the integers that they will become.

Forward passes round weights and activations as the integer network does; gradients pass through
the rounding (straight-through), so what is learned is what is coded. `MixtureNet.integers` and
`MixtureNet.load` are inverse up to that rounding.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from medzip.codec.plain.mixture import COMPONENTS, LOG_LIMIT, MEAN_BITS, MEAN_LIMIT, SCALE_LIMIT
from medzip.codec.plain.network import (
    ACTIVATION_LIMIT,
    HEAD_LIMIT,
    OUTPUTS,
    WEIGHT_LIMIT,
    Architecture,
    Layer,
    Network,
)

if TYPE_CHECKING:
    from medzip.fitting.sample import Samples

__all__ = ["MixtureNet", "bits"]

INPUT_BITS = 4
"""Fractional bits of an input."""
_HEAD_TARGET = np.repeat([8, MEAN_BITS, 8], COMPONENTS)
"""Fractional bits of each output."""


class MixtureNet(nn.Module):
    """Float twin of `medzip.codec.plain.network.Network`.

    Parameters
    ----------
    architecture
        Its form.

    Attributes
    ----------
    straight
        int32 (depth + 1, K): weights of the straight prediction, solved and not trained
        (`medzip.fitting.linear`); they pass through.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.architecture = architecture
        sizes = (architecture.inputs, *architecture.hidden)
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for fan_in, fan_out in pairwise(sizes):
            self.weights.append(nn.Parameter(torch.randn(fan_out, fan_in) * math.sqrt(2 / fan_in)))
            self.biases.append(nn.Parameter(torch.zeros(fan_out)))
        self.head = nn.Parameter(torch.randn(OUTPUTS, sizes[-1]) * 0.5 / math.sqrt(sizes[-1]))
        start = torch.zeros(OUTPUTS)
        start[2 * COMPONENTS :] = torch.tensor([-0.8, 0.2, -1.5])
        self.head_bias = nn.Parameter(start)
        neighbourhood = architecture.neighbourhood
        self.straight = np.zeros((neighbourhood.depth + 1, len(neighbourhood)), dtype=np.int32)
        self.fractions: list[torch.Tensor] | None = None

    def forward(self, q: torch.Tensor) -> torch.Tensor:
        """Outputs (n, 9) in real units: octaves, units of the distribution, octaves."""
        x = q.to(torch.float32) / (1 << INPUT_BITS)
        for number, fraction in enumerate(self.architecture.activation_bits):
            weight = _rounded_rows(self.weights[number], self._fraction(number))
            x = torch.nn.functional.linear(x, weight, self.biases[number])
            x = _activation(x, fraction)
        return torch.nn.functional.linear(x, self.head, self.head_bias)

    def _fraction(self, number: int) -> torch.Tensor:
        """Fractional bits of each row of a hidden layer's weights."""
        if self.fractions is not None:
            return self.fractions[number]
        return _row_fraction(self.weights[number], WEIGHT_LIMIT)

    def integers(self) -> Network:
        """The integer network that these weights mean."""
        hidden = []
        unit_bits = INPUT_BITS
        with torch.no_grad():
            for number, target in enumerate(self.architecture.activation_bits):
                bias = self.biases[number]
                fraction = _whole(self._fraction(number))
                hidden.append(
                    _quantise(
                        self.weights[number],
                        bias,
                        WEIGHT_LIMIT,
                        fraction,
                        unit_bits,
                        np.full(len(bias), target),
                    )
                )
                unit_bits = target
            fraction = np.maximum(_whole(self._head_fraction()), _HEAD_TARGET - unit_bits)
            head = _quantise(
                self.head, self.head_bias, HEAD_LIMIT, fraction, unit_bits, _HEAD_TARGET
            )
        return Network(self.architecture, tuple(hidden), head, self.straight)

    def _head_fraction(self) -> torch.Tensor:
        if self.fractions is not None:
            return self.fractions[-1]
        return _row_fraction(self.head, HEAD_LIMIT)

    def load(self, network: Network) -> None:
        """Take the weights of an integer network, and keep its rows' fractional bits."""
        unit_bits = INPUT_BITS
        self.straight = network.linear
        self.fractions = []
        with torch.no_grad():
            for number, layer in enumerate(network.hidden):
                target = np.full(len(layer.bias), self.architecture.activation_bits[number])
                self.fractions.append(
                    _restore(self.weights[number], self.biases[number], layer, unit_bits, target)
                )
                unit_bits = self.architecture.activation_bits[number]
            self.fractions.append(
                _restore(self.head, self.head_bias, network.head, unit_bits, _HEAD_TARGET)
            )


def bits(outputs: torch.Tensor, samples: Samples, pick: torch.Tensor | slice) -> torch.Tensor:
    """Code length of voxels, bits (n,): the discretised mixture's mass, as the codec has it."""
    log_weight, mean, log_scale = outputs.split(COMPONENTS, dim=1)
    log_weight = log_weight.clamp(-LOG_LIMIT / 256, LOG_LIMIT / 256)
    mean = mean.clamp(-MEAN_LIMIT / (1 << MEAN_BITS), MEAN_LIMIT / (1 << MEAN_BITS))
    log_scale = log_scale.clamp(-SCALE_LIMIT / 256, SCALE_LIMIT / 256)
    weight = torch.softmax(log_weight * math.log(2), dim=1)
    inverse = torch.exp2(-log_scale)
    low = (samples.below[pick, None] - mean) * inverse
    high = (samples.above[pick, None] - mean) * inverse
    # sigmoid(high) - sigmoid(low) without cancellation in the upper tail
    flip = torch.where(low + high > 0, -1.0, 1.0)
    a, b = torch.sigmoid(high * flip), torch.sigmoid(low * flip)
    first, last = samples.last[pick, 0, None], samples.last[pick, 1, None]
    mass = (a - b) * flip
    mass = torch.where(first, torch.sigmoid(high), mass)
    mass = torch.where(last, torch.sigmoid(-low), mass)
    probability = (weight * mass).sum(dim=1) * (1 - samples.floor[pick]) + 2.0**-24
    return -torch.log2(probability)


def _row_fraction(weight: torch.Tensor, limit: int) -> torch.Tensor:
    """Fractional bits of each row: the most that keep it within the limit."""
    largest = weight.detach().abs().amax(dim=1).clamp(min=2.0**-10)
    return torch.floor(torch.log2((limit + 0.49) / largest)).clamp(max=14)


def _rounded_rows(weight: torch.Tensor, fraction: torch.Tensor) -> torch.Tensor:
    unit = torch.exp2(fraction)[:, None]
    rounded = torch.round(weight.detach() * unit).clamp(-WEIGHT_LIMIT, WEIGHT_LIMIT) / unit
    return weight + (rounded - weight.detach())


def _activation(x: torch.Tensor, fraction: int) -> torch.Tensor:
    unit = float(1 << fraction)
    clipped = x.clamp(0, ACTIVATION_LIMIT / unit)
    with torch.no_grad():
        error = torch.round(clipped * unit) / unit - clipped
    return clipped + error


def _whole(fraction: torch.Tensor) -> np.ndarray:
    return fraction.cpu().numpy().astype(np.int64)


def _quantise(
    weight: torch.Tensor,
    bias: torch.Tensor,
    limit: int,
    fraction: np.ndarray,
    unit_bits: int,
    target: np.ndarray,
) -> Layer:
    w = np.rint(weight.double().cpu().numpy() * 2.0 ** fraction[:, None])
    w = np.clip(w, -limit, limit)
    shift = fraction + unit_bits - target
    b = np.rint(bias.double().cpu().numpy() * 2.0 ** (fraction + unit_bits))
    half = np.where(shift > 0, 2.0 ** (shift - 1.0), 0)
    return Layer(w.astype(np.int16), (b + half).astype(np.int32), shift.astype(np.int32))


def _restore(
    weight: nn.Parameter, bias: nn.Parameter, layer: Layer, unit_bits: int, target: np.ndarray
) -> torch.Tensor:
    """Weights of a layer to floats; returns the fractional bits of its rows."""
    fraction = layer.shift.astype(np.int64) + target - unit_bits
    half = np.where(layer.shift > 0, 2.0 ** (layer.shift - 1.0), 0)
    weight.copy_(torch.from_numpy(layer.weight / 2.0 ** fraction[:, None]))
    bias.copy_(torch.from_numpy((layer.bias - half) / 2.0 ** (fraction + unit_bits)))
    return torch.from_numpy(fraction.astype(np.float32)).to(weight.device)
