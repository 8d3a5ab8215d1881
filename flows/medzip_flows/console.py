"""What a flow prints of its archive run, for the person who started it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from medzip.report.tables import objects_rows

if TYPE_CHECKING:
    from medzip.archive import Summary

__all__ = ["print_summary"]

TEXT_COLUMNS = {"object", "kind", "verdict", "failure"}
TABLE_WIDTH = 160


def print_summary(summary: Summary) -> None:
    """Print one line an object and one for the whole to stdout."""
    rows = objects_rows(summary)
    if rows:
        table = Table(box=None)
        for column in rows[0]:
            text = column in TEXT_COLUMNS
            table.add_column(column, justify="left" if text else "right", no_wrap=True)
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        Console(width=max(TABLE_WIDTH, Console().width)).print(table)
    ratio = summary.raw_bytes / summary.encoded_bytes if summary.encoded_bytes else 1.0
    print(
        f"{summary.files} files, {summary.raw_bytes} -> {summary.encoded_bytes} bytes "
        f"(ratio {ratio:.2f}) in {summary.seconds:.0f} s, {len(summary.failures)} failures"
    )
