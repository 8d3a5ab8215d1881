"""Entropy of rounded values: of a Gaussian by its variance, of any by their counts."""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["marginal_entropy", "rounded_entropy"]


def marginal_entropy(values: NDArray[Any]) -> float:
    """Return the entropy of single values in bits, corrected for their number (Miller, Madow).

    The most frequent value stands for itself; of the others, an eighth of their standard deviation
    goes into one bin, within which all values count as equally likely.
    """
    distinct, counts = np.unique(values, return_counts=True)
    most = int(np.argmax(counts))
    width = max(1, int(values.std() / 8))
    bins = np.floor_divide(np.delete(distinct, most) - distinct[most], width).astype(np.int64)
    counted = np.bincount(bins - bins.min(initial=0), weights=np.delete(counts, most))
    binned = np.append(counted[counted > 0], counts[most]) / values.size
    entropy = -np.sum(binned * np.log2(binned)) + (1 - binned[-1]) * math.log2(width)
    return float(entropy + (len(binned) - 1) / (2 * values.size * math.log(2)))


@cache
def _entropy_table() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Tabulate the entropy of a rounded Gaussian against its standard deviation."""
    deviations = np.concatenate([[0.0], np.geomspace(0.01, 2.0, 120)])
    offsets = (np.arange(16) + 0.5) / 16 - 0.5
    edges = np.arange(-12, 14) - 0.5
    cumulative = np.vectorize(lambda t: 0.5 * (1 + math.erf(t / math.sqrt(2))))
    entropies = [0.0]
    for deviation in deviations[1:]:
        shares = np.diff(cumulative((edges[None, :] - offsets[:, None]) / deviation), axis=1)
        logs = np.log2(shares, out=np.zeros_like(shares), where=shares > 0)
        entropies.append(float(-np.sum(shares * logs, axis=1).mean()))
    return deviations, np.array(entropies)


def rounded_entropy(variance: NDArray[Any] | float) -> NDArray[np.float64]:
    """Return the entropy in bits of a Gaussian rounded to integers.

    Averaged over where its mean lies between two integers; 0 for variance 0, and half the binary
    logarithm of 2 pi e times the variance for large ones.
    """
    deviation = np.sqrt(np.asarray(variance, dtype=np.float64))
    deviations, entropies = _entropy_table()
    large = 0.5 * math.log2(2 * math.pi * math.e) + np.log2(np.maximum(deviation, 1.0))
    return np.where(deviation < deviations[-1], np.interp(deviation, deviations, entropies), large)
