"""What a flow prints of its archive run, for the person who started it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from medzip.report.tables import objects_rows
from medzip.units import size_text

if TYPE_CHECKING:
    from medzip.archive import Summary

__all__ = ["print_summary"]

SIZES = {"raw bytes": "size", "archived bytes": "archived"}
"""Columns of bytes, and what they are called where people read them in units."""
TEXT_COLUMNS = {"object", "kind", "verdict", "failure"}
TABLE_WIDTH = 160


def print_summary(summary: Summary) -> None:
    """Print one line an object and one for the whole to stdout."""
    rows = objects_rows(summary)
    if rows:
        table = Table(box=None)
        for column in rows[0]:
            text = column in TEXT_COLUMNS
            title = SIZES.get(column, column)
            table.add_column(title, justify="left" if text else "right", no_wrap=True)
        for row in rows:
            table.add_row(*(_cell(column, value) for column, value in row.items()))
        Console(width=max(TABLE_WIDTH, Console().width)).print(table)
    ratio = summary.raw_bytes / summary.encoded_bytes if summary.encoded_bytes else 1.0
    print(
        f"{summary.files} files, {size_text(summary.raw_bytes)} -> "
        f"{size_text(summary.encoded_bytes)} "
        f"(ratio {ratio:.2f}) in {summary.seconds:.0f} s, {len(summary.failures)} failures"
    )


def _cell(column: str, value: Any) -> str:
    """What stands in a cell."""
    if value is None:
        return ""
    return size_text(value) if column in SIZES else str(value)
