"""Trained weights to integers: rows scaled by powers of two, shifts calibrated on real sequences.

Every row of a matrix gets the largest power of two that its weights, its bias and the format's
limits allow, so that 13 bits and a sign describe the largest weight of each row. Integers replace
floats nowhere else: tables of the gates are the codec's own.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.errors import ModelError
from medzip.papers.codec.attention import IntegerAttention
from medzip.papers.codec.gates import (
    ACTIVATION_LIMIT,
    GATE_BITS,
    INPUT_BITS,
    OUTPUT_BITS,
    SIDE_LIMIT,
    WEIGHT_LIMIT,
)
from medzip.papers.codec.lstm import IntegerLSTM
from medzip.papers.codec.mlp import IntegerMLP
from medzip.papers.training.nets import LEAK, AttentionNet, LSTMNet, MLPNet

if TYPE_CHECKING:
    from medzip.papers.codec.predictor import Predictor
    from medzip.papers.training.nets import SequenceNet

__all__ = ["CALIBRATION", "quantise"]

CALIBRATION = 4096
"""Sequences on which shifts are calibrated, about."""
_BIAS_BITS = 8
"""Biases stand in units of 2^8 of the accumulator."""
_BIAS_LIMIT = (1 << 31) - 1
_MOST_SHIFT = 40
_HEADROOM = 2.0
"""Activations may be so many times those of the calibration before they are clipped."""
_LOGIT_BITS = 8
"""Fractional bits of a logit."""
_FINEST = 24
"""Weights get at most so many fractional bits; rows of zeros would get any number."""


def quantise(net: SequenceNet, x: np.ndarray) -> Predictor:
    """Integers of a trained net.

    Parameters
    ----------
    net
        On the CPU.
    x
        int16 (n, L), 14 fractional bits: sequences to calibrate shifts on, a few thousand.

    Raises
    ------
    ModelError
        The weights do not fit the format (see `IntegerLSTM`, `IntegerMLP`), or are not finite.
    """
    for name, weight in net.named_parameters():
        if not bool(torch.isfinite(weight).all()):
            raise ModelError(
                f"expected finite weights, got others in {name}; train with a smaller rate"
            )
    if isinstance(net, LSTMNet):
        return _lstm(net, x.shape[1])
    if isinstance(net, MLPNet):
        return _mlp(net, x)
    if isinstance(net, AttentionNet):
        return _attention(net, x)
    raise ModelError(
        f"expected an LSTM, MLP or attention, got {type(net).__name__}; train one of these"
    )


def _lstm(net: LSTMNet, length: int) -> IntegerLSTM:
    """States stand in 14 fractional bits, gates in 15: only the rows' scales are to be chosen."""
    units = net.lstm.hidden_size
    weights = {name: _array(weight) for name, weight in net.lstm.named_parameters()}
    recurrent, inputs = weights["weight_hh_l0"], weights["weight_ih_l0"][:, 0]
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    # the cell's rows give twice what enters tanh: tanh(x) = 2 sigmoid(2x) - 1
    twice = np.ones(4 * units)
    twice[2 * units : 3 * units] = 2.0
    recurrent, inputs, bias = recurrent * twice[:, None], inputs * twice, bias * twice
    bits = np.minimum(
        _fraction_bits(np.abs(recurrent).max(axis=1), WEIGHT_LIMIT),
        np.minimum(
            _fraction_bits(np.abs(inputs), SIDE_LIMIT),
            _fraction_bits(np.abs(bias), _BIAS_LIMIT, INPUT_BITS - _BIAS_BITS),
        ),
    )
    bits = np.clip(bits, GATE_BITS - INPUT_BITS + 1, None)
    head, head_bias, head_shift = _head(net, INPUT_BITS)
    return IntegerLSTM(
        length,
        _fixed(recurrent, bits[:, None], np.int16),
        _fixed(inputs, bits, np.int32),
        _fixed(bias, bits + INPUT_BITS - _BIAS_BITS, np.int32),
        (bits + INPUT_BITS - GATE_BITS).astype(np.int32),
        head,
        head_bias,
        head_shift,
    )


@torch.no_grad()
def _mlp(net: MLPNet, x: np.ndarray) -> IntegerMLP:
    """Each layer's activations get the finest scale that leaves room above those of `x`."""
    a = torch.from_numpy(x.astype(np.float32) / (1 << INPUT_BITS))
    entering = INPUT_BITS
    weights, biases, shifts = [], [], []
    for layer in net.hidden:
        assert isinstance(layer, torch.nn.Linear)
        a = torch.nn.functional.leaky_relu(layer(a), LEAK)
        leaving = _activation_bits(a)
        weight, bias, shift = _layer(_array(layer.weight), _array(layer.bias), entering, leaving)
        weights.append(weight)
        biases.append(bias)
        shifts.append(shift)
        entering = leaving
    return IntegerMLP(tuple(weights), tuple(biases), tuple(shifts), *_head(net, entering))


@torch.no_grad()
def _attention(net: AttentionNet, x: np.ndarray) -> IntegerAttention:
    """As `_mlp`; pooled numbers and voxels meet in one layer, whose columns undo their scales."""
    some = torch.from_numpy(x.astype(np.float32) / (1 << INPUT_BITS))
    voxel_bits = _activation_bits(net.embedded(some))
    question_bits = _activation_bits(net.questions(some))
    last_bits = _activation_bits(net.features(some))
    # a row of A and P is a number of all voxels, so their arrays are layers lying down
    embed, place, embed_shift = _layer(
        _array(net.embed).T, _array(net.place).T, INPUT_BITS, voxel_bits
    )
    query = _layer(_array(net.query.weight), _array(net.query.bias), INPUT_BITS, question_bits)
    weight = _array(net.inner.weight).copy()
    weight[:, : -x.shape[1]] *= 2.0 ** (INPUT_BITS - voxel_bits)
    inner = _layer(weight, _array(net.inner.bias), INPUT_BITS, last_bits)
    score_shift = np.array([voxel_bits + question_bits - _LOGIT_BITS], dtype=np.int32)
    return IntegerAttention(
        np.ascontiguousarray(embed.T),
        np.ascontiguousarray(place.T),
        embed_shift,
        *query,
        score_shift,
        *inner,
        *_head(net, last_bits),
    )


def _activation_bits(activations: torch.Tensor) -> int:
    """Fractional bits of a layer's activations: the most that leave room above these."""
    largest = max(float(activations.abs().max()), 2.0**-8)
    return math.floor(math.log2(ACTIVATION_LIMIT / (_HEADROOM * largest)))


def _layer(
    weight: np.ndarray, bias: np.ndarray, entering: int, leaving: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Integers of a layer: weights (out, in), biases (out,) or (out, in), shifts (out,).

    Parameters
    ----------
    weight, bias
        float64; a bias a weight where each product has its own.
    entering, leaving
        Fractional bits of what comes in and goes out.
    """
    rows = len(weight)
    bits = np.minimum(
        _fraction_bits(np.abs(weight).max(axis=1), WEIGHT_LIMIT),
        _fraction_bits(
            np.abs(bias.reshape(rows, -1)).max(axis=1), _BIAS_LIMIT, entering - _BIAS_BITS
        ),
    )
    bits = np.clip(bits, leaving - entering + 1, leaving - entering + _MOST_SHIFT)
    each = bits.reshape(-1, *([1] * (bias.ndim - 1)))
    return (
        _fixed(weight, bits[:, None], np.int16),
        _fixed(bias, each + entering - _BIAS_BITS, np.int32),
        (bits + entering - leaving).astype(np.int32),
    )


def _head(net: SequenceNet, entering: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, bias and shift of the linear output on values of `entering` fractional bits."""
    weight, bias = _array(net.output.weight)[0], _array(net.output.bias)
    bits = np.minimum(
        _fraction_bits(np.abs(weight).max(keepdims=True), SIDE_LIMIT),
        _fraction_bits(np.abs(bias), _BIAS_LIMIT, entering - _BIAS_BITS),
    )
    bits = np.clip(bits, OUTPUT_BITS - entering + 1, OUTPUT_BITS - entering + _MOST_SHIFT)
    return (
        _fixed(weight, bits, np.int32),
        _fixed(bias, bits + entering - _BIAS_BITS, np.int32),
        (bits + entering - OUTPUT_BITS).astype(np.int32),
    )


def _fraction_bits(largest: np.ndarray, limit: int, beside: int = 0) -> np.ndarray:
    """Fractional bits that values up to `largest` may have beside `beside` others; int64."""
    with np.errstate(divide="ignore"):
        bits = np.floor(np.log2(limit / largest)) - beside
    return np.asarray(np.minimum(bits, _FINEST).astype(np.int64))


def _fixed(values: np.ndarray, bits: np.ndarray, dtype: type) -> np.ndarray:
    """Values times 2^bits, rounded."""
    return np.asarray(np.rint(np.ldexp(values, bits)).astype(dtype))


def _array(weight: torch.Tensor) -> np.ndarray:
    return np.asarray(weight.detach().double().cpu().numpy())
