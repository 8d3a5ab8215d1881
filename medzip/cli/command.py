"""The ``medzip`` command.

Exit codes: 0 done, 1 something failed or does not match, 2 usage, 130 Ctrl-C. Results go to stdout,
messages and progress (only on a terminal) to stderr.

A subcommand imports what it needs when it runs, so that `medzip --help` is there at once. Other
packages add subcommands through an entry point group: a name, and a :class:`typer.Typer`. So the
library need not know the flows.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import EntryPoint, entry_points
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from medzip import __version__
from medzip.cli.bench import bench
from medzip.cli.compress import compress
from medzip.cli.console import show_error
from medzip.cli.doctor import doctor
from medzip.cli.models import models
from medzip.cli.papers import papers
from medzip.cli.recompress import recompress
from medzip.cli.report import report
from medzip.cli.restore import restore
from medzip.cli.sample import sample
from medzip.cli.train import train
from medzip.cli.verify import inspect, verify
from medzip.compiled.telling import TELLING
from medzip.errors import MedZipError
from medzip.extras import extras_named

__all__ = ["app", "main"]

GROUP = "medzip.commands"
"""Entry points of subcommands that other packages bring."""


class _Commands(TyperGroup):
    """The subcommands of this package, and those that others bring; these load when asked for.

    Click's types are not named: newer releases of typer have a copy of click of their own.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        return [*super().list_commands(ctx), *sorted(_brought())]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is None and (entry := _brought().get(cmd_name)) is not None:
            found = typer.main.get_command(entry.load())
            found.name = cmd_name
        return found


def _brought() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


app = typer.Typer(
    cls=_Commands,
    name="medzip",
    help="Lossless compression of CT and MR archives: small, exact, verified byte for byte.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"medzip {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_tell_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Options of the command itself."""


for _command in (compress, restore, verify, inspect, recompress, sample, train, report, doctor):
    # why a function has many parameters helps nobody who calls it
    app.command(help=(_command.__doc__ or "").partition("Many parameters")[0])(_command)
app.add_typer(models, name="models")
app.add_typer(bench, name="bench")
app.add_typer(papers, name="papers")


def main(command: typer.Typer = app) -> None:
    """Run a command; errors that are made for people end it without a traceback."""
    _open_streams()
    os.environ[TELLING] = "1"  # processes that it starts tell, too
    try:
        with extras_named():
            command()
    except (MedZipError, OSError) as error:
        show_error(f"medzip: {error}")
        sys.exit(1)


def _open_streams() -> None:
    """Have standard streams, where whoever started this had closed them.

    Their numbers would be those of the next files that are opened, of the archive, say.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
            os.set_inheritable(handle, True)
            setattr(sys, name, os.fdopen(handle, mode, encoding="utf-8"))
