"""The predictors in floating point: the twins of those in `medzip.papers.codec`.

Each maps a sequence, float32 (n, L) in [-1, 1] with the nearest voxel last, to one value, float32
(n,), of the same scale.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import nn

from medzip.papers.codec.shapes import shape_named

if TYPE_CHECKING:
    from medzip.papers.training.configurations import SequenceRun

__all__ = ["LEAK", "AttentionNet", "LSTMNet", "MLPNet", "SequenceNet", "make_net", "solve_output"]

LEAK = 0.01
"""Slope of LeakyReLU below zero (its usual value; the slides name none)."""
_RIDGE = 1e-2
"""Share of the mean power of a hidden value that is added to its own: without it the solution has
weights of hundreds, which cost the integers their precision and the first steps their direction."""


class SequenceNet(nn.Module):
    """What all predictors share: hidden values, then a linear output.

    Attributes
    ----------
    output
        Linear, one value.
    """

    output: nn.Linear

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Hidden values (n, width) in front of the output layer."""
        raise NotImplementedError

    def prunable(self) -> list[nn.Parameter]:
        """Weights that pruning may set to zero: all matrices between hidden values."""
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Predictions (n,) of sequences (n, L)."""
        predicted: torch.Tensor = self.output(self.features(x)).squeeze(1)
        return predicted


class LSTMNet(SequenceNet):
    """One LSTM layer, one scalar a step, and the last hidden state to a linear output.

    medzip (ICPR 2020) and sampling-strategies (2022, section 3.3.1): 128 units.
    """

    def __init__(self, units: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, units, batch_first=True)
        self.output = nn.Linear(units, 1)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The hidden state after the last voxel, (n, units)."""
        _, (h, _) = self.lstm(x.unsqueeze(2))
        last: torch.Tensor = h[0]
        return last

    def prunable(self) -> list[nn.Parameter]:
        """The recurrent matrix."""
        return [dict(self.lstm.named_parameters())["weight_hh_l0"]]


class MLPNet(SequenceNet):
    """Fully connected layers with LeakyReLU, then a linear output (local-sampling, 2020)."""

    def __init__(self, inputs: int, hidden: tuple[int, ...]) -> None:
        super().__init__()
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise((inputs, *hidden)))
        self.output = nn.Linear(hidden[-1], 1)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The last hidden layer, (n, width)."""
        for layer in self.hidden:
            x = nn.functional.leaky_relu(layer(x), LEAK)
        return x

    def prunable(self) -> list[nn.Parameter]:
        """The matrices of all hidden layers."""
        return [
            weight for name, weight in self.hidden.named_parameters() if name.endswith("weight")
        ]


class AttentionNet(SequenceNet):
    """Attention over the sequence, one question a head, then one layer and a linear output.

    The papers' future work, in the form of `medzip.papers.codec.attention`:

        e_t = leaky(A_t x_t + P_t), u_h = leaky(Q_h x), a_ht = softmax_t(u_h e_t), base 2
        y = leaky(layer(sum_t a_ht e_t for all heads, x))

    Parameters
    ----------
    length
        L, voxels of the sequence.
    width, heads, inner
        Numbers a voxel and a head; heads; units of the last layer.
    """

    def __init__(self, length: int, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.embed = nn.Parameter(torch.randn(length, width) / 2)
        self.place = nn.Parameter(torch.randn(length, width) / 2)
        self.query = nn.Linear(length, heads * width)
        self.inner = nn.Linear(heads * width + length, inner)
        self.output = nn.Linear(inner, 1)

    def embedded(self, x: torch.Tensor) -> torch.Tensor:
        """e, (n, L, width)."""
        return nn.functional.leaky_relu(x[:, :, None] * self.embed + self.place, LEAK)

    def questions(self, x: torch.Tensor) -> torch.Tensor:
        """u, (n, heads, width)."""
        return nn.functional.leaky_relu(self.query(x), LEAK).reshape(len(x), self.heads, -1)

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """What the last layer gets: pooled numbers of all heads, then the sequence."""
        e = self.embedded(x)
        logits = torch.einsum("nhj,ntj->nht", self.questions(x), e)
        share = torch.softmax(logits * math.log(2), dim=2)
        pooled = torch.einsum("nht,ntj->nhj", share, e)
        return torch.cat([pooled.flatten(1), x], dim=1)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The last layer, (n, inner)."""
        return nn.functional.leaky_relu(self.inner(self.seen(x)), LEAK)

    def prunable(self) -> list[nn.Parameter]:
        """Questions and the last layer."""
        names = ("query.weight", "inner.weight")
        return [weight for name, weight in self.named_parameters() if name in names]


def make_net(run: SequenceRun) -> SequenceNet:
    """The net of a configuration, with random weights of torch's generator."""
    if run.kind == "lstm":
        return LSTMNet(run.hidden[0])
    if run.kind == "attention":
        return AttentionNet(len(shape_named(run.shape)), *run.hidden)
    return MLPNet(len(shape_named(run.shape)), run.hidden)


@torch.no_grad()
def solve_output(net: SequenceNet, x: torch.Tensor, y: torch.Tensor) -> None:
    """Set the output layer to its least-squares solution over the hidden values (in place).

    Parameters
    ----------
    net
        Its hidden part stays.
    x, y
        Sequences (n, L) and targets (n,), float32.
    """
    h = torch.cat([net.features(part) for part in x.split(4096)]).double()
    mean, centre = h.mean(0), y.double().mean()
    moved = h - mean
    gram = moved.T @ moved
    gram += _RIDGE * (gram.diagonal().mean() + 1e-12) * torch.eye(len(gram), dtype=torch.float64)
    weight = torch.linalg.solve(gram, moved.T @ (y.double() - centre))
    net.output.weight.copy_(weight.float()[None, :])
    net.output.bias.copy_((centre - mean @ weight).float())
