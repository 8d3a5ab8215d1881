"""What subcommands print: results to stdout, messages and progress (on a terminal) to stderr."""

from __future__ import annotations

import json
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.markup import escape

from medzip.units import size_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from medzip.archive import Event, Failure, SeriesRecord, StoredFile
    from medzip.archive.failures import LostFile

__all__ = [
    "end",
    "progress",
    "public_failures",
    "public_lost",
    "ratio",
    "show_error",
    "show_files",
    "show_json",
    "show_line",
    "show_note",
    "show_objects",
    "sizes",
]

STOPPED = 128 + signal.SIGINT
"""Exit code after Ctrl-C, as shells have it."""


def show_line(text: str) -> None:
    """Print one line to stdout, as it is."""
    Console().print(escape(text), soft_wrap=True, highlight=False)


def show_json(value: Any) -> None:
    """Print a value to stdout, for programs."""
    json.dump(value, sys.stdout, indent=2, sort_keys=True)
    sys.stdout.write("\n")


def show_note(text: str) -> None:
    """Print how it goes to stderr."""
    Console(stderr=True).print(escape(text), soft_wrap=True, highlight=False)


def show_error(text: str) -> None:
    """Print what went wrong to stderr; no name of a file gets control of the terminal."""
    Console(stderr=True).print(escape(_clean(text)), style="red", soft_wrap=True, highlight=False)


def _clean(text: str) -> str:
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def show_files(files: Iterable[StoredFile]) -> None:
    """Print a line a file, and what the reasons mean that were met."""
    from medzip.dicom.reasons import REASONS

    met: set[str] = set()
    for file in files:
        met.add(file.reason)
        how = f"{file.storage}{f': {file.reason}' if file.reason else ''}"
        show_line(f"{file.name}  {size_text(file.size):>10}  {how:<30}  {_clean(file.path)}")
    for reason in sorted(met & REASONS.keys()):
        show_line(f"{reason}: {REASONS[reason]}")


def sizes(before: int, after: int) -> str:
    """Two sizes for people."""
    return f"{size_text(before)} -> {size_text(after)}"


def ratio(raw: int, encoded: int) -> str:
    """Original to archived bytes, for the end of a line."""
    return f" ({raw / encoded:.2f} : 1)" if encoded else ""


def show_objects(records: Iterable[SeriesRecord]) -> None:
    """Print a table; it holds no path and no tag of a patient."""
    from rich.table import Table

    table = Table("name", "kind", "verdict", box=None, pad_edge=False)
    for title in ("files", "size", "archived", "ratio", "bits/voxel"):
        table.add_column(title, justify="right")
    for record in records:
        coded = record.parts.slabs + record.parts.model
        table.add_row(
            record.name,
            record.kind,
            record.verdict.value,
            str(record.files),
            size_text(record.raw_bytes),
            size_text(record.encoded_bytes),
            f"{record.raw_bytes / record.encoded_bytes:.2f}" if record.encoded_bytes else "",
            f"{8 * coded / record.voxels:.3f}" if record.voxels else "",
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def public_failures(failures: Iterable[Failure]) -> list[dict[str, str]]:
    """Failures without messages, which may hold paths with names of patients."""
    return [{"name": f.name, "stage": f.stage, "kind": f.kind} for f in failures]


def public_lost(lost: Iterable[LostFile]) -> list[dict[str, str]]:
    """Files that do not come back, by object and digest: paths may hold names of patients."""
    return [{"name": file.name, "sha256": file.sha256} for file in lost]


def end(failures: Iterable[Failure], lost: Sequence[LostFile] = ()) -> None:
    """Name each failure on stderr, and below it the files that it costs; exit code 1 if any."""
    failures = list(failures)
    files: dict[str, list[str]] = {}
    for file in lost:
        files.setdefault(file.name, []).append(file.path)
    for failure in failures:
        show_error(f"{failure.name}: {failure.stage}: {failure.message}")
        for path in files.pop(failure.name, ()):
            show_error(f"{failure.name}: does not come back: {path}")
    if failures:
        show_error(f"{len(failures)} failed" + (f", {len(lost)} files lost" if lost else ""))
        raise typer.Exit(1)


@contextmanager
def progress() -> Iterator[Callable[[Event], None]]:
    """Show bars on stderr where that is a terminal: one for objects, one for the step at hand."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    from medzip.archive.pool import abandon  # now: Ctrl-C may come in the middle of an import

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:>20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        bars: dict[str, Any] = {}

        def on_event(event: Event) -> None:
            title = f"{event.stage} {event.name}" if event.stage == "encode" else event.stage
            title = "objects" if event.stage in ("commit", "failed") else title
            if title not in bars:
                bars[title] = shown.add_task(title, total=event.total)
            shown.update(bars[title], completed=event.done, total=event.total)
            if event.stage == "encode" and event.done == event.total:
                shown.remove_task(bars.pop(title))

        def stop(*_: object) -> None:
            try:
                shown.stop()
                console.print("medzip: stopped; run again to go on where it was")
            finally:
                abandon(STOPPED)

        with _on_interrupt(stop):
            yield on_event


@contextmanager
def _on_interrupt(stop: Callable[..., None]) -> Iterator[None]:
    """Call this when Ctrl-C comes, wherever the program is by then.

    No exception is raised: whoever waits for workers would wait on for what they have in hand.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
