"""`medzip papers`: pages of the papers' benchmarks, which a flow measures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medzip.cli.console import show_error

__all__ = ["papers"]

papers = typer.Typer(help="The papers' benchmarks, repeated.", no_args_is_help=True)


@papers.callback()
def _papers() -> None:
    """Keep `page` a command of its own, whatever others there are."""


@papers.command()
def page(
    results: Annotated[Path, typer.Argument(help="Figures (JSON).", metavar="RESULTS")],
    document: Annotated[Path, typer.Argument(help="Page (Markdown).", metavar="DOCUMENT")],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the page is stale.")
    ] = False,
) -> None:
    """Write DOCUMENT: published figures and those of RESULTS side by side."""
    from medzip.papers.benchmarks.reproduction import reproduction_page
    from medzip.papers.benchmarks.results import Reproduction

    text = reproduction_page(Reproduction.read(results))
    if not check:
        document.write_text(text, encoding="utf-8")
    elif document.read_text(encoding="utf-8") != text:
        show_error(
            f"{document}: expected the page of {results}, got another; "
            f"run: medzip papers page {results} {document}"
        )
        raise typer.Exit(1)
