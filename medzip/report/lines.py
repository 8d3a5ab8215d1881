"""Where the lines of a curve lie; the template draws them as inline SVG."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medzip.report.charts import WIDTH, Tick

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Line", "LineChart", "line_chart"]

HEIGHT = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 20, 12, 44
_TICKS = 6


@dataclass(frozen=True)
class Line:
    """One line: its label, the class that colours it, and its points as SVG has them."""

    label: str
    css: str
    points: str


@dataclass(frozen=True)
class LineChart:
    """Lines over steps; `x_ticks` and `y_ticks` hold places and texts."""

    width: int
    height: int
    left: int
    right: int
    top: int
    base: int
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def line_chart(series: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]) -> LineChart:
    """Lay out lines of (label, css class, points), x ascending; lines without points are dropped.

    The vertical axis covers the values and does not begin at zero: what counts in a curve is its
    last tenth.
    """
    kept = [(label, css, points) for label, css, points in series if points]
    xs = [x for _, _, points in kept for x, _ in points] or [0.0, 1.0]
    ys = [y for _, _, points in kept for _, y in points] or [0.0, 1.0]
    left, right = _LEFT, WIDTH - _RIGHT
    base = HEIGHT - _BOTTOM
    low, high = min(ys), max(ys)
    margin = 0.05 * (high - low) or 0.5
    low, high = low - margin, high + margin
    first, last = min(xs), max(max(xs), min(xs) + 1)

    def place(x: float, y: float) -> str:
        across = left + (right - left) * (x - first) / (last - first)
        up = base - (base - _TOP) * (y - low) / (high - low)
        return f"{across:.1f},{up:.1f}"

    lines = tuple(
        Line(label, css, " ".join(place(x, y) for x, y in points)) for label, css, points in kept
    )
    shares = [i / (_TICKS - 1) for i in range(_TICKS)]
    x_ticks = tuple(
        Tick(left + (right - left) * s, f"{first + (last - first) * s:,.0f}") for s in shares
    )
    y_ticks = tuple(Tick(base - (base - _TOP) * s, f"{low + (high - low) * s:.3f}") for s in shares)
    return LineChart(WIDTH, HEIGHT, left, right, _TOP, base, lines, x_ticks, y_ticks)
