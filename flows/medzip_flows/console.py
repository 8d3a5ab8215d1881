"""What a run says to the person who started it, and what of that may go to Prefect.

Paths may name patients. The terminal of the operator may show them; JSON, which ends in files and
other programs, and Prefect, which keeps texts of exceptions in its database, may not.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from medzip_tasks.policy import StepFailedError
from rich.console import Console
from rich.table import Table

from medzip.errors import MedZipError
from medzip_flows.artifacts import objects_rows
from medzip_flows.cluster import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.archive import Summary

__all__ = ["print_summary", "told_on_stderr"]

TEXT_COLUMNS = {"object", "kind", "verdict", "failure"}
TABLE_WIDTH = 160


@contextmanager
def told_on_stderr() -> Iterator[None]:
    """Print what ends a run in full to stderr; let out its kind only, for Prefect to log.

    Raises
    ------
    StepFailedError
        For any error of the library, the system, or a task; its text names no path.
    ClusterError
        As it is: it speaks of clusters, not of sources.
    """
    try:
        yield
    except ClusterError:
        raise
    except (StepFailedError, MedZipError, OSError) as error:
        failed = (
            error
            if isinstance(error, StepFailedError)
            else StepFailedError.of("archive", "start", error)
        )
        print(f"error: {failed.failure.message}", file=sys.stderr)
        # `from None`: the cause's text would put paths into the log
        raise failed from None


def print_summary(summary: Summary) -> None:
    """Print one line an object and one for the whole to stdout."""
    rows = objects_rows(summary)
    if rows:
        table = Table(box=None)
        for column in rows[0]:
            justify = "left" if column in TEXT_COLUMNS else "right"
            table.add_column(column, justify=justify, no_wrap=True)
        for row in rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        Console(width=max(TABLE_WIDTH, Console().width)).print(table)
    ratio = summary.raw_bytes / summary.encoded_bytes if summary.encoded_bytes else 1.0
    print(
        f"{summary.files} files, {summary.raw_bytes} -> {summary.encoded_bytes} bytes "
        f"(ratio {ratio:.2f}) in {summary.seconds:.0f} s, {len(summary.failures)} failures"
    )
