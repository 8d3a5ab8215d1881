"""How far a mean over a few slabs can be trusted: the bootstrap.

Slabs are drawn again, with replacement, as many as there are, and the mean of each draw is taken;
the interval holds the middle 95 % of these means. With seven slabs that is rather too narrow, and
it says nothing of kinds of images that are not among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["mean_interval"]

DRAWS = 20_000
LEVEL = 0.95


def mean_interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of a mean, the same on every call.

    Parameters
    ----------
    values
        One a slab, at least one.

    Examples
    --------
    >>> mean_interval([0.1, 0.1])
    (0.1, 0.1)
    """
    figures = np.array(values, dtype=np.float64)
    generator = np.random.default_rng(0)
    drawn = figures[generator.integers(0, len(figures), (DRAWS, len(figures)))].mean(axis=1)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
