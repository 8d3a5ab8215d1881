"""`medzip models`: what a registry holds, and what encoders are offered of it."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape

from medzip.cli.console import show_error, show_json, show_line
from medzip.cli.options import Json
from medzip.errors import ModelError
from medzip.units import size_text

if TYPE_CHECKING:
    from medzip.models import Entry, Registry

__all__ = ["models"]

models = typer.Typer(
    help="Models in a registry: any folder, or that of an archive, ARCHIVE/models.",
    no_args_is_help=True,
)

_Folder = Annotated[Path, typer.Argument(help="Folder of models.", metavar="REGISTRY")]
_Digest = Annotated[
    str, typer.Argument(help="Digest, or its first digits: six or more.", metavar="MODEL")
]


@models.command("list")
def list_models(registry: _Folder, as_json: Json = False) -> None:
    """List the models of REGISTRY: those that encoders try first, retired ones last."""
    found = _opened(registry)
    offered = {entry.digest for entry in found.offered()}
    if as_json:
        show_json([_row(entry, entry.digest in offered) for entry in found.entries()])
        return
    from rich.table import Table

    table = Table("model", "state", "form", "published", box=None, pad_edge=False)
    table.add_column("size", justify="right")
    for entry in found.entries():
        table.add_row(
            entry.digest[:16],
            _state(entry, entry.digest in offered),
            escape(entry.title),
            _moment(entry),
            size_text(entry.size),
        )
    Console(width=None if sys.stdout.isatty() else 120).print(table)


@models.command()
def show(registry: _Folder, model: _Digest, as_json: Json = False) -> None:
    """Say what MODEL is: form, files, and the card that it came with."""
    from medzip.models import check_directory, training_of

    found = _opened(registry)
    entry = found.entry(model)
    info = check_directory(entry.path)
    about = training_of(entry.path)
    if as_json:
        row = _row(entry, entry in found.offered())
        show_json(row | {"form": info.form, "files": dict(info.files), "training": about})
        return
    card = entry.path / "MODEL_CARD.md"
    console = Console()
    for line in (
        f"digest     {entry.digest}",
        f"state      {_state(entry, entry in found.offered())}",
        f"network    {info.form}",
        f"published  {_moment(entry)}",
        f"size       {size_text(entry.size)} in {len(info.files)} files",
    ):
        console.print(line, highlight=False, markup=False)
    if card.is_file():
        # escape sequences of a card that anybody may have written stay out of the terminal
        text = card.read_text(encoding="utf-8", errors="replace")
        clean = "".join(c for c in text if c.isprintable() or c == "\n")
        console.print(f"\n{clean}", highlight=False, markup=False)


@models.command()
def publish(
    registry: _Folder,
    directories: Annotated[list[Path], typer.Argument(help="Model directories.", metavar="DIR...")],
    as_json: Json = False,
) -> None:
    """Check model directories, golden streams included, and copy them under their digests."""
    from medzip.models import Registry

    found = Registry.at(registry)
    entries = [found.publish(directory) for directory in directories]
    if as_json:
        show_json([_row(entry, entry in found.offered()) for entry in entries])
        return
    for entry in entries:
        show_line(f"{entry.digest} published")


@models.command()
def pin(registry: _Folder, model: _Digest) -> None:
    """Have encoders try MODEL first, whatever is published after it."""
    show_line(f"{_opened(registry).pin(model).digest} pinned")


@models.command()
def unpin(registry: _Folder, model: _Digest) -> None:
    """Undo `pin`."""
    show_line(f"{_opened(registry).unpin(model).digest} not pinned")


@models.command()
def retire(registry: _Folder, model: _Digest) -> None:
    """Offer MODEL to encoders no more; it stays for what refers to it. `publish` undoes it."""
    show_line(f"{_opened(registry).retire(model).digest} retired")


@models.command()
def verify(registry: _Folder, as_json: Json = False) -> None:
    """Check every byte of every model, and that its golden streams decode as they should."""
    found = _opened(registry)
    good: list[dict[str, Any]] = []
    bad: list[str] = []
    for entry in found.entries():
        try:
            good.append({"digest": entry.digest, "golden": found.verify(entry.digest)})
        except (OSError, ModelError) as error:
            bad.append(f"{entry.name}: {error}")
    bad += [f"{name}: expected only published models, got this too" for name in found.strays()]
    if as_json:
        show_json({"ok": not bad, "models": good, "failures": bad})
    else:
        show_line(f"{len(good)} models match, {sum(one['golden'] for one in good)} golden streams")
    for text in bad:
        show_error(text)
    if bad:
        raise typer.Exit(1)


def _opened(registry: Path) -> Registry:
    from medzip.models import Registry

    return Registry.there(registry)


def _row(entry: Entry, offered: bool) -> dict[str, Any]:
    row = asdict(entry) | {"path": str(entry.path), "state": _state(entry, offered)}
    return row | {"published": _moment(entry)}


def _state(entry: Entry, offered: bool) -> str:
    if entry.retired:
        return "retired"
    if entry.by_name:
        return f"by name only: {entry.kind}"
    if entry.pinned:
        return "pinned"
    return "offered" if offered else "not offered: others are newer"


def _moment(entry: Entry) -> str:
    return datetime.fromtimestamp(entry.published, UTC).strftime("%Y-%m-%d %H:%M UTC")
