"""Cells and tables of Markdown, as all pages of results have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.training.reserved import learned

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MARK", "cell", "interval", "markdown_table", "percent", "slab_title"]

MARK = "†"
"""Beside a slab whose study the shipped bases have learned from (docs/data.md)."""


def cell(value: float | None, form: str) -> str:
    """Write a figure with a true minus sign; a dash for none."""
    return "–" if value is None else form.format(value).replace("-", "−")


def percent(share: float | None) -> str:
    """Write a share in percent."""
    return cell(None if share is None else 100 * share, "{:.1f} %")


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; the first column is text, figures are right-aligned."""
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(_row(cells) for cells in (head, rule, *rows))


def interval(low: float, high: float) -> str:
    """Write an interval of shares in percent."""
    return f"{cell(100 * low, '{:.1f}')} to {cell(100 * high, '{:.1f}')}"


def slab_title(name: str) -> str:
    """A slab's name, marked where the shipped bases have learned from its study."""
    return f"{name} {MARK}" if learned(name) else name
