"""Numbers as people read them; programs get them as they are."""

from __future__ import annotations

__all__ = ["size_text"]

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def size_text(count: int) -> str:
    """A number of bytes in three digits, by powers of 1000: 813 B, 1.29 GB."""
    if abs(count) < 1000:
        return f"{count} B"
    value, unit = float(count), 0
    while abs(value) >= 999.5 and unit < len(UNITS) - 1:
        value /= 1000
        unit += 1
    places = max(0, 2 - (abs(value) >= 9.995) - (abs(value) >= 99.95))
    return f"{value:,.{places}f} {UNITS[unit]}"
