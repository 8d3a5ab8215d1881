"""Words, numbers and tables of the page."""

from __future__ import annotations

import textwrap
from statistics import fmean
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["count", "mean", "paragraph", "percent", "saving", "table"]


def mean(bits: Mapping[str, float], like: Mapping[str, float] | None = None) -> str:
    """Mean over volumes; empty where there are none, marked where some of `like` are missing."""
    if not bits:
        return ""
    missing = set(like or ()) - set(bits)
    return f"{fmean(bits.values()):.3f}" + (f" ({len(bits)} volumes)" if missing else "")


def saving(bits: Mapping[str, float], base: Mapping[str, float]) -> str:
    """Saving of the mean bits over the volumes that both have."""
    both = [name for name in bits if name in base]
    if not both:
        return ""
    return percent(1 - fmean(bits[name] for name in both) / fmean(base[name] for name in both))


def percent(share: float) -> str:
    """A share in percent, with its sign."""
    return f"{100 * share:+.1f} %"


def count(number: int, what: str) -> str:
    """So many of something."""
    return f"{number} {what}{'' if number == 1 else 's'}"


def paragraph(text: str) -> str:
    """A text in lines of at most 100 characters."""
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False) + "\n"


def table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows below their heads."""
    lines = [list(heads), ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)
