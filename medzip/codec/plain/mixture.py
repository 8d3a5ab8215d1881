"""From the network's outputs to probabilities: a mixture of logistics, in integers (plain NumPy).

A voxel's packed value v lies in [0, N). Its cumulative count below v is

    C(v) = v + ((2^24 - N) * M(v) >> 38),   C(0) = 0, C(N) = 2^24

so each value has a count of at least one, and M is the mixture's CDF at v - 1/2 in 2^-38:

    M(v) = sum_k w_k F(t_k(v)),   t_k(v) = slope_k (v - c) + intercept_k

with F the tabulated logistic CDF (24 bits, interpolated), w_k weights that sum to 2^14, and t in
2^-32. C never decreases because slopes are not negative and the table never decreases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from medzip.codec.tables import LOGISTIC_LIMIT, PRECISION, exp2_table, logistic_table

__all__ = ["COMPONENTS", "Mixture", "cumulative", "exp2_fixed", "mixture_of"]

COMPONENTS = 3
WEIGHT_BITS = 14
T_BITS = 32
LOG_LIMIT = 16 << 8
"""Log-weights are clipped to +-16 octaves."""
SCALE_LIMIT = 6 << 8
"""Log-scales are clipped to +-6 octaves around the unit."""
MEAN_BITS = 12
MEAN_LIMIT = 32 << MEAN_BITS
"""Means are clipped to +-32 units around the centre."""


@dataclass(frozen=True)
class Mixture:
    """Parameters of n voxels' distributions.

    Attributes
    ----------
    centre
        int64 (n,): c, the centre p rounded.
    weight, slope, intercept
        int64 (n, 3).
    """

    centre: np.ndarray
    weight: np.ndarray
    slope: np.ndarray
    intercept: np.ndarray


def exp2_fixed(x: np.ndarray) -> np.ndarray:
    """2^(16 + x / 256) from the format's table, for -16 <= x / 256 <= 16; int64, floored."""
    x = np.asarray(x, dtype=np.int64)
    whole = x >> 8
    value = exp2_table()[x & 255]
    up, down = value << np.maximum(whole, 0), value >> np.maximum(-whole, 0)
    return np.asarray(np.where(whole >= 0, up, down))


def mixture_of(outputs: np.ndarray, centre: np.ndarray, reciprocal: np.ndarray) -> Mixture:
    """Distribution parameters from network outputs.

    Parameters
    ----------
    outputs
        int64 (n, 9): log2-weights in 1/256, means from the centre in units / 2^12, log2-scales (of
        a unit) in 1/256.
    centre, reciprocal
        As in `medzip.codec.plain.adaptive.Features`: p in 1/16, 2^24 / unit.
    """
    log_weight = np.clip(outputs[:, 0:3], -LOG_LIMIT, LOG_LIMIT)
    mean = np.clip(outputs[:, 3:6], -MEAN_LIMIT, MEAN_LIMIT)
    log_scale = np.clip(outputs[:, 6:9], -SCALE_LIMIT, SCALE_LIMIT)
    share = exp2_fixed(np.maximum(log_weight - log_weight.max(axis=1, keepdims=True), -LOG_LIMIT))
    total = share.sum(axis=1, keepdims=True)
    weight = (share << WEIGHT_BITS) // total
    weight[:, 0] = (1 << WEIGHT_BITS) - weight[:, 1] - weight[:, 2]
    inverse = exp2_fixed(-log_scale)
    middle = (centre + 8) >> 4
    slope = (reciprocal[:, None] * inverse) >> 8
    start = ((16 * middle - 8 - centre) * reciprocal) >> 12
    intercept = (start[:, None] - (mean << (16 - MEAN_BITS))) * inverse
    return Mixture(middle, weight, slope, intercept)


def cumulative(mixture: Mixture, values: int) -> np.ndarray:
    """The whole table C(0) .. C(N) of each voxel; int64 (n, N + 1). For the reference decoder."""
    v = np.arange(values + 1, dtype=np.int64)
    table = logistic_table()
    limit = LOGISTIC_LIMIT << T_BITS
    mass = np.zeros((len(mixture.centre), values + 1), dtype=np.int64)
    for k in range(COMPONENTS):
        t = mixture.slope[:, k, None] * (v[None, :] - mixture.centre[:, None])
        t = np.clip(t + mixture.intercept[:, k, None], -limit, limit - 1) + limit
        index = t >> (T_BITS - 5)
        fraction = (t >> (T_BITS - 17)) & 4095
        f = table[index] + (((table[index + 1] - table[index]) * fraction) >> 12)
        mass += mixture.weight[:, k, None] * f
    counts = v + ((((1 << PRECISION) - values) * mass) >> (PRECISION + WEIGHT_BITS))
    counts[:, 0] = 0
    counts[:, values] = 1 << PRECISION
    return counts
