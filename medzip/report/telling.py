"""What the page says first, and what its charts say to those who do not see them."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from medzip.report.figures import FAILED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medzip.report.figures import RunFigures, SeriesFigures

__all__ = ["Losses", "Shown", "bits_said", "losses", "parts_said", "shown", "speed_said"]


@dataclass(frozen=True)
class Losses:
    """Where the archive is no gain: what a report must say before all else.

    Attributes
    ----------
    large, small : tuple of SeriesFigures
        Larger than by the baseline, of at least LARGE voxels and below.
    compared : int
        Large series that the baseline was measured on.
    grown : tuple of SeriesFigures
        Objects that take more than their files.
    """

    large: tuple[SeriesFigures, ...]
    small: tuple[SeriesFigures, ...]
    compared: int
    grown: tuple[SeriesFigures, ...]

    @property
    def grown_bytes(self) -> int:
        """Bytes that those take beyond their files."""
        return sum(one.row["encoded_bytes"] - one.row["raw_bytes"] for one in self.grown)

    def __bool__(self) -> bool:
        return bool(self.large or self.small or self.grown)


def losses(figures: RunFigures) -> Losses:
    """Find what a run lost, the worst first."""
    there = [one for one in figures.series if one.row["verdict"] != FAILED]
    grown = [one for one in there if one.row["encoded_bytes"] > one.row["raw_bytes"]]
    grown.sort(key=lambda one: one.row["raw_bytes"] - one.row["encoded_bytes"])
    lost = sorted((one for one in there if one.lost_bytes > 0), key=lambda one: -one.lost_bytes)
    return Losses(
        large=tuple(one for one in lost if one.is_large),
        small=tuple(one for one in lost if not one.is_large),
        compared=sum(one.is_large and one.saving is not None for one in there),
        grown=tuple(grown),
    )


@dataclass(frozen=True)
class Shown:
    """Objects as the table has them: exceptions, then large series; the others are folded."""

    open: tuple[SeriesFigures, ...]
    small: tuple[SeriesFigures, ...]
    whole: tuple[SeriesFigures, ...]


def shown(figures: RunFigures) -> Shown:
    """Sort the objects of a run: failed ones, large ones that lost, large ones; the rest apart."""
    failed = [one for one in figures.series if one.row["verdict"] == FAILED]
    there = [one for one in figures.series if one.row["verdict"] != FAILED]
    large = [one for one in there if one.is_large]
    large.sort(key=lambda one: -max(0, one.lost_bytes))
    small = tuple(one for one in there if one.row["voxels"] and not one.is_large)
    whole = tuple(one for one in there if not one.row["voxels"])
    return Shown((*failed, *large), small, whole)


def bits_said(charted: Sequence[SeriesFigures], profile: str) -> str:
    """The chart of bits in words."""
    labels = dict.fromkeys(peer.label for one in charted for peer in one.peers)
    beaten = [
        one for one in charted if one.peers and one.compared_bpv <= min(p.bpv for p in one.peers)
    ]
    text = f"Horizontal bars from zero, {_many(len(charted), 'group')}, one a series: "
    text += ", ".join([f"MedZip {profile}", *labels])
    compared = sum(bool(one.peers) for one in charted)
    if compared:
        text += f". MedZip's bar is the shortest in {len(beaten)} of {compared}"
    return text + "."


def speed_said(charted: Sequence[SeriesFigures]) -> str:
    """The chart of throughput in words."""
    known = [one for one in charted if one.prove_rate and one.encode_rate]
    text = (
        f"Horizontal bars from zero, {_many(len(charted), 'group')}, one a series: fitting and "
        "encoding, encoding alone, decoding and comparing"
    )
    if known:
        times = median(one.prove_rate / one.encode_rate for one in known)
        text += f". In the median decoding and comparing goes {times:.2f} times as fast as"
        text += " encoding alone"
    return text + "."


def parts_said(parts: Mapping[str, int], names: Mapping[str, str]) -> str:
    """The bar of parts in words."""
    whole = sum(parts.values()) or 1
    shares = ", ".join(f"{names[part]} {100 * size / whole:.1f} %" for part, size in parts.items())
    return f"One bar that is the whole archive, its parts in order: {shares}."


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
