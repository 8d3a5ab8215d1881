"""The table of the conditional back-end, fitted: a mixture of logistics by size of recent errors.

predictions of whole slices -> errors -> contexts -> maximum likelihood, first over all voxels,
then for each context from there -> integers
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.codec.plain.mixture import COMPONENTS
from medzip.codec.tables import PRECISION
from medzip.papers.codec.backends import (
    CONTEXTS,
    context_of,
    default_table,
    mixture_at,
    scale_at,
)
from medzip.papers.codec.shapes import shape_named

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ErrorSamples", "error_samples", "fit_table", "table_bits"]

_LEAST = 200
"""A context with fewer voxels keeps the parameters of all."""
_STEPS = 120
_RATE = 0.05
_LOG, _MEAN = 256.0, 4096.0
"""Steps of a table: log2-weights and log2-scales in 1/256, means in 1/4096 units."""
_LIMITS = torch.tensor([8.0] * 6 + [5.5] * 3)


@dataclass(frozen=True)
class ErrorSamples:
    """What the distribution is fitted to.

    Attributes
    ----------
    below, above
        float32 (n,): from the prediction to the voxel's lower and upper edge, in units.
    context
        int64 (n,): row of the table.
    first, last
        bool (n,): the voxel is the smallest, the largest value of its slab; its edge is open.
    floor
        float32 (n,): the share of probability that is spread over all values.
    """

    below: torch.Tensor
    above: torch.Tensor
    context: torch.Tensor
    first: torch.Tensor
    last: torch.Tensor
    floor: torch.Tensor

    def __len__(self) -> int:
        return len(self.below)

    def take(self, which: torch.Tensor) -> ErrorSamples:
        """The samples of a mask or of indices."""
        return ErrorSamples(
            self.below[which],
            self.above[which],
            self.context[which],
            self.first[which],
            self.last[which],
            self.floor[which],
        )

    @staticmethod
    def concatenate(parts: Sequence[ErrorSamples]) -> ErrorSamples:
        """All samples of several sets, in order."""
        names = ("below", "above", "context", "first", "last", "floor")
        return ErrorSamples(*(torch.cat([getattr(p, name) for p in parts]) for name in names))


def error_samples(
    values: np.ndarray, predicted: np.ndarray, shape: str, count: int
) -> ErrorSamples:
    """Errors of a slab with what the coder knows of their size, one sample a voxel.

    Parameters
    ----------
    values
        uint16 (depth, height, width), packed.
    predicted
        int64 of the same shape: p in 1/16 of a packed value.
    shape, count
        Name of the neighbourhood; N.
    """
    voxels = np.indices(values.shape).reshape(3, -1).T.astype(np.int64)
    flat, p = values.reshape(-1).astype(np.int64), predicted.reshape(-1).astype(np.int64)
    errors = 16 * values.astype(np.int64) - predicted
    scale = scale_at(errors, voxels, shape_named(shape), count)
    # The unit is read off a mixture of scale 1: slopes are 2^32 / unit a packed value.
    plain = mixture_at(scale, p, np.zeros((CONTEXTS, 3 * COMPONENTS), dtype=np.int64))
    unit = plain.slope[:, 0] / 2.0**32
    away = flat - p / 16.0
    return ErrorSamples(
        torch.from_numpy(((away - 0.5) * unit).astype(np.float32)),
        torch.from_numpy(((away + 0.5) * unit).astype(np.float32)),
        torch.from_numpy(context_of(scale)),
        torch.from_numpy(flat == 0),
        torch.from_numpy(flat == count - 1),
        torch.full((len(flat),), count / 2.0**PRECISION, dtype=torch.float32),
    )


def fit_table(samples: ErrorSamples, most: int = 60_000, seed: int = 0) -> np.ndarray:
    """The table of maximum likelihood.

    Parameters
    ----------
    samples
        Of predictions by the integer model itself.
    most
        Voxels that are used, drawn at random.
    seed
        Of that draw.

    Returns
    -------
    numpy.ndarray
        int32 (32, 9), as `medzip.papers.codec.backends` reads it.
    """
    chosen = np.random.default_rng((seed, 3)).permutation(len(samples))[:most]
    samples = samples.take(torch.from_numpy(np.sort(chosen)))
    start = torch.tensor(default_table()[0] / _steps(), dtype=torch.float32)
    one = samples.take(torch.arange(len(samples)))
    one.context.zero_()
    everywhere = _optimise(one, start[None, :])
    parameters = everywhere.repeat(CONTEXTS, 1)
    sizes = torch.bincount(samples.context, minlength=CONTEXTS)
    fitted = _optimise(samples, parameters)
    enough = sizes >= _LEAST
    parameters[enough] = fitted[enough]
    integers = np.rint(parameters.numpy() * _steps()).astype(np.int32)
    # with very few voxels the rounded fit may be worth less than what it started from
    plain = default_table()
    better = table_bits(samples, integers) <= table_bits(samples, plain)
    return integers if better else plain


def table_bits(samples: ErrorSamples, table: np.ndarray) -> float:
    """Mean bits a voxel that a table gives to samples."""
    parameters = torch.tensor(table / _steps(), dtype=torch.float32)
    with torch.no_grad():
        return float(_bits(samples, parameters[samples.context]).mean())


def _steps() -> np.ndarray:
    return np.array([_LOG] * 3 + [_MEAN] * 3 + [_LOG] * 3)


def _optimise(samples: ErrorSamples, start: torch.Tensor) -> torch.Tensor:
    """Adam over all samples at once: there are few parameters, and no noise to average out."""
    parameters = start.clone().requires_grad_(True)
    adam = torch.optim.Adam([parameters], lr=_RATE)
    weight = 1.0 / torch.bincount(samples.context, minlength=len(start)).clamp(min=1).float()
    each = weight[samples.context]
    for step in range(_STEPS):
        adam.param_groups[0]["lr"] = _RATE * (1 - step / _STEPS)
        # each context counts alike, as its parameters are its own
        loss = (_bits(samples, parameters[samples.context]) * each).sum()
        adam.zero_grad()
        loss.backward()
        adam.step()
        with torch.no_grad():
            parameters.clamp_(-_LIMITS, _LIMITS)
    return parameters.detach()


def _bits(samples: ErrorSamples, parameters: torch.Tensor) -> torch.Tensor:
    """-log2 of the probability of each sample under its parameters (n, 9)."""
    log_weight, mean, log_scale = parameters.split(COMPONENTS, dim=1)
    weight = torch.softmax(log_weight * float(np.log(2)), dim=1)
    inverse = torch.exp2(-log_scale)
    upper = (samples.above[:, None] - mean) * inverse
    lower = (samples.below[:, None] - mean) * inverse
    high = torch.where(samples.last[:, None], torch.ones(()), torch.sigmoid(upper))
    low = torch.where(samples.first[:, None], torch.zeros(()), torch.sigmoid(lower))
    # on the right of the centre both are near one: their difference is exact on the left
    mirrored = torch.sigmoid(-lower) - torch.where(
        samples.last[:, None], torch.zeros(()), torch.sigmoid(-upper)
    )
    mass = torch.where((lower > 0) & ~samples.first[:, None], mirrored, high - low)
    share = (weight * mass.clamp(min=0)).sum(dim=1)
    return -torch.log2(share * (1 - samples.floor) + 2.0**-PRECISION)
