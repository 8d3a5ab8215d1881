"""Which series share how many samples: every kind of scan equally, whatever a cohort has most of.

A stratum is one scanner with one kernel (CT) or sequence (MR) at one pixel spacing. Without strata
a cohort of a thousand chests and ten heads would train a chest model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from medzip.training.sampled import SampledSeries
    from medzip.volumes.about import SeriesAbout, Stratum

__all__ = ["by_stratum", "quotas", "share_equally"]


def share_equally(total: int, capacities: Mapping[str, int]) -> dict[str, int]:
    """Share `total` equally; what one cannot take goes to the others.

    Shares sum to `total`, or to all that there is. Those whose names sort first get the odd ones.

    Examples
    --------
    >>> share_equally(10, {"a": 2, "b": 100, "c": 100})
    {'a': 2, 'b': 4, 'c': 4}
    """
    out: dict[str, int] = {}
    left = min(total, sum(capacities.values()))
    # the smallest first: whoever comes later gets an equal part of what is left
    order = sorted(capacities, key=lambda name: (capacities[name], name))
    for number, name in enumerate(order):
        out[name] = min(capacities[name], -(-left // (len(order) - number)))
        left -= out[name]
    return {name: out[name] for name in sorted(out)}


def quotas(series: Sequence[SeriesAbout], voxels: int) -> dict[str, int]:
    """How many voxels to draw of each series, by key.

    Each stratum gets the same number, and within it each series; a stratum or series that has
    fewer voxels gives all it has, and the others more.
    """
    strata: dict[str, list[SeriesAbout]] = {}
    for one in series:
        strata.setdefault("\0".join(one.stratum), []).append(one)
    shares = share_equally(
        voxels, {name: sum(one.voxels for one in members) for name, members in strata.items()}
    )
    out: dict[str, int] = {}
    for name, members in strata.items():
        out |= share_equally(shares[name], {one.key: one.voxels for one in members})
    return out


def by_stratum(series: Iterable[SampledSeries]) -> dict[Stratum, list[SampledSeries]]:
    """Sampled series of each stratum, strata sorted."""
    strata: dict[Stratum, list[SampledSeries]] = {}
    for one in series:
        strata.setdefault(one.about.stratum, []).append(one)
    return {stratum: strata[stratum] for stratum in sorted(strata)}
