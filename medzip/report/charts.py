"""Where the bars of the page lie; the template draws them as inline SVG.

Coordinates are SVG user units. No markup is made here, so the template's escaping covers all of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Bar", "BarChart", "Group", "Tick", "grouped_bars"]

WIDTH = 920
_LABELS = 250
_VALUES = 70
_BAR = 15
_GAP = 14
_TOP = 8
_AXIS = 26


@dataclass(frozen=True)
class Bar:
    """One bar: its value as text, its place, and the class that colours it."""

    label: str
    value: str
    css: str
    y: float
    width: float


@dataclass(frozen=True)
class Group:
    """Bars that belong together, under one label."""

    label: str
    y: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class Tick:
    """A mark of the horizontal axis."""

    x: float
    text: str


@dataclass(frozen=True)
class BarChart:
    """A horizontal bar chart."""

    width: int
    height: float
    left: int
    bar: int
    base: float
    groups: tuple[Group, ...]
    ticks: tuple[Tick, ...]


def _step(largest: float) -> float:
    """Choose a round step that makes 4 to 10 ticks."""
    step = 10.0**-3
    while largest / step > 10:
        for factor in (2.0, 2.5, 2.0):
            step *= factor
            if largest / step <= 10:
                break
    return step


def grouped_bars(
    groups: Sequence[tuple[str, Sequence[tuple[str, float, str]]]], *, digits: int = 2
) -> BarChart:
    """Lay out groups of (label, value, css class) bars.

    Parameters
    ----------
    groups
        Label of each group and its bars; values are not negative.
    digits
        Decimals of the values beside the bars.
    """
    largest = max((value for _, bars in groups for _, value, _ in bars), default=0.0) or 1.0
    step = _step(largest)
    span = WIDTH - _LABELS - _VALUES
    placed, y = [], float(_TOP)
    for label, bars in groups:
        rows = tuple(
            Bar(name, f"{value:.{digits}f}", css, y + i * _BAR, span * value / largest)
            for i, (name, value, css) in enumerate(bars)
        )
        placed.append(Group(label, y + len(bars) * _BAR / 2, rows))
        y += len(bars) * _BAR + _GAP
    ticks = tuple(
        Tick(_LABELS + span * i * step / largest, f"{i * step:g}")
        for i in range(int(largest / step) + 1)
    )
    return BarChart(WIDTH, y + _AXIS, _LABELS, _BAR - 2, y - _GAP / 2, tuple(placed), ticks)
