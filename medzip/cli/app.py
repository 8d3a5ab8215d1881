"""The ``medzip`` command.

Exit codes: 0 done, 1 something failed or does not match, 2 usage. Results go to stdout, messages
and progress (only on a terminal) to stderr.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from medzip import archive as archives
from medzip.archive.records import Event, Failure, SeriesRecord, to_json
from medzip.cli.bench import bench
from medzip.cli.models import models
from medzip.cli.train import train
from medzip.cores import cores
from medzip.errors import MedZipError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

__all__ = ["app", "main"]

app = typer.Typer(
    name="medzip",
    help="Lossless compression of CT and MR archives: small, exact, verified byte for byte.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class ProfileName(StrEnum):
    """How much time compressing may take."""

    FAST = "fast"
    DEFAULT = "default"
    MAX = "max"


_ArchivePath = Annotated[Path, typer.Argument(help="Folder of the archive.", metavar="ARCHIVE")]
_Json = Annotated[bool, typer.Option("--json", help="Write JSON to stdout.")]
_Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Processes at work; as many as cores by default."),
]


@app.command()
def compress(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Folders or files, then the archive.", metavar="SOURCE... ARCHIVE"),
    ],
    profile: Annotated[ProfileName, typer.Option(help="Effort.")] = ProfileName.DEFAULT,
    workers: _Workers = None,
    registry: Annotated[
        Path | None,
        typer.Option("--models", help="Registry of models to choose from, for each series."),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Compress everything under SOURCE... into ARCHIVE; nothing counts before it is proven."""
    if len(paths) < 2:
        raise typer.BadParameter("expected SOURCE... and ARCHIVE, got one path; give both")
    *sources, archive = paths
    with _progress() as on_event:
        summary = archives.compress(
            sources, archive, profile.value, workers, on_event, models=registry
        )
    if as_json:
        _print_json(summary.public())
    else:
        _print_objects(summary.objects)
        _print_line(
            f"{summary.files} files, {summary.raw_bytes} -> {summary.encoded_bytes} bytes"
            f"{_ratio(summary.raw_bytes, summary.encoded_bytes)} in {summary.seconds:.1f} s"
        )
        for reason, count in summary.kept_whole.items():
            _print_line(f"kept whole: {count} ({reason})")
        for record in summary.objects:
            for trial in record.trials:
                if trial.chosen:
                    _print_line(f"{record.name}: {trial.name}, {trial.reason}")
    _end(summary.failures)


@app.command()
def restore(
    archive: _ArchivePath,
    dest: Annotated[Path, typer.Argument(help="Folder for the files.", metavar="DEST")],
    series: Annotated[
        list[str] | None,
        typer.Option(help="SeriesInstanceUID or name in reports; again for more."),
    ] = None,
    more: Annotated[list[str] | None, typer.Argument(hidden=True)] = None,
    workers: _Workers = None,
    as_json: _Json = False,
) -> None:
    """Write the original files below DEST, each checked against its SHA-256."""
    if more and not series:
        raise typer.BadParameter(f"expected ARCHIVE and DEST, got {more[0]!r} too; name one DEST")
    wanted = [*(series or ()), *(more or ())]  # --series A B, and --series A --series B
    with _progress() as on_event:
        result = archives.restore(archive, dest, wanted, workers or cores(), on_event)
    if as_json:
        _print_json(
            {
                "files": result.files,
                "links": result.links,
                "raw_bytes": result.raw_bytes,
                "failures": _failures(result.failures),
            }
        )
    else:
        _print_line(f"{result.files} files, {result.links} links, {result.raw_bytes} bytes")
    _end(result.failures)


@app.command()
def verify(archive: _ArchivePath, workers: _Workers = None, as_json: _Json = False) -> None:
    """Check every byte of ARCHIVE, decode everything, compare every SHA-256."""
    with _progress() as on_event:
        result = archives.verify(archive, workers or cores(), on_event)
    if as_json:
        _print_json(
            {
                "ok": result.ok,
                "objects": result.objects,
                "files": result.files,
                "models": result.models,
                "unfinished": result.unfinished,
                "failures": _failures(result.failures),
            }
        )
    else:
        models_too = f", {result.models} models" if result.models else ""
        _print_line(f"{result.objects} objects, {result.files} files{models_too} match")
        if result.unfinished:
            _print_line(f"{result.unfinished} unfinished objects: run compress again")
    _end(result.failures)


@app.command()
def recompress(
    archive: _ArchivePath,
    registry: Annotated[
        Path | None,
        typer.Option("--models", help="Registry of models, beside those of the archive."),
    ] = None,
    profile: Annotated[
        ProfileName | None, typer.Option(help="Effort; that of each object by default.")
    ] = None,
    workers: _Workers = None,
    as_json: _Json = False,
) -> None:
    """Code ARCHIVE anew with registered models where it gets smaller; never larger."""
    with _progress() as on_event:
        result = archives.recompress(
            archive, registry, profile.value if profile else None, workers or cores(), on_event
        )
    if as_json:
        _print_json(
            {
                "objects": [
                    {
                        "name": one.name,
                        "outcome": one.outcome.value,
                        "reason": one.reason,
                        "before_bytes": one.before_bytes,
                        "after_bytes": one.after_bytes,
                    }
                    for one in result.objects
                ],
                "model_bytes": result.model_bytes,
                "before_bytes": result.before_bytes,
                "after_bytes": result.after_bytes,
                "seconds": result.seconds,
                "failures": _failures(result.failures),
            }
        )
    else:
        for one in result.objects:
            _print_line(f"{one.name}: {one.outcome.value}, {one.reason}")
        _print_line(
            f"{result.replaced} of {len(result.objects)} objects replaced, "
            f"{result.before_bytes} -> {result.after_bytes} bytes ({result.model_bytes} of models) "
            f"in {result.seconds:.1f} s"
        )
    _end(result.failures)


@app.command()
def inspect(archive: _ArchivePath, as_json: _Json = False) -> None:
    """List the objects of ARCHIVE; series are shown by the name that reports use."""
    failures: list[Failure] = []
    records = archives.inspect(archive, failures.append)
    if as_json:
        _print_json(
            {
                "archive": os.fspath(archive),
                "objects": to_json(records),
                "failures": _failures(failures),
            }
        )
    else:
        _print_objects(records)
        raw, encoded = sum(r.raw_bytes for r in records), sum(r.encoded_bytes for r in records)
        files = sum(r.files for r in records)
        _print_line(f"{files} files, {raw} -> {encoded} bytes{_ratio(raw, encoded)}")
    _end(failures)


def main() -> None:
    """Run the command; errors that are made for people end it without a traceback."""
    try:
        app()
    except (MedZipError, OSError) as error:
        Console(stderr=True).print(f"medzip: {escape(str(error))}", style="red", soft_wrap=True)
        sys.exit(1)


def _ratio(raw: int, encoded: int) -> str:
    return f" ({raw / encoded:.2f} : 1)" if encoded else ""


def _print_line(text: str) -> None:
    Console().print(escape(text), soft_wrap=True, highlight=False)


def _print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, sort_keys=True)
    sys.stdout.write("\n")


def _print_objects(records: Iterable[SeriesRecord]) -> None:
    """Print a table; it holds no path and no tag of a patient."""
    table = Table("name", "kind", "verdict", box=None, pad_edge=False)
    for title in ("files", "bytes", "archived", "ratio", "bits/voxel"):
        table.add_column(title, justify="right")
    for record in records:
        coded = record.parts.slabs + record.parts.model
        table.add_row(
            record.name,
            record.kind,
            record.verdict.value,
            str(record.files),
            str(record.raw_bytes),
            str(record.encoded_bytes),
            f"{record.raw_bytes / record.encoded_bytes:.2f}" if record.encoded_bytes else "",
            f"{8 * coded / record.voxels:.3f}" if record.voxels else "",
        )
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def _failures(failures: Iterable[Failure]) -> list[dict[str, str]]:
    """Failures without messages, which may hold paths with names of patients."""
    return [{"name": f.name, "stage": f.stage, "kind": f.kind} for f in failures]


def _end(failures: Iterable[Failure]) -> None:
    """Name each failure on stderr; exit code 1 if there is any."""
    failures = list(failures)
    console = Console(stderr=True)
    for failure in failures:
        console.print(
            f"{failure.name}: {failure.stage}: {escape(failure.message)}",
            style="red",
            soft_wrap=True,
            highlight=False,
        )
    if failures:
        console.print(f"{len(failures)} failed", style="red")
        raise typer.Exit(1)


@contextmanager
def _progress() -> Iterator[Callable[[Event], None]]:
    """Show bars on stderr where that is a terminal: one for objects, one for the step at hand."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:>20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bars: dict[str, Any] = {}

        def on_event(event: Event) -> None:
            title = f"{event.stage} {event.name}" if event.stage == "encode" else event.stage
            title = "objects" if event.stage in ("commit", "failed") else title
            if title not in bars:
                bars[title] = progress.add_task(title, total=event.total)
            progress.update(bars[title], completed=event.done, total=event.total)
            if event.stage == "encode" and event.done == event.total:
                progress.remove_task(bars.pop(title))

        try:
            yield on_event
        except KeyboardInterrupt:
            progress.stop()
            console.print("medzip: stopped; run again to go on where it was")
            os._exit(1)  # workers follow; to wait for what they have in hand would take minutes


app.command("bench")(bench)
app.command("train")(train)
app.add_typer(models, name="models")
