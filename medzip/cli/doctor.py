"""`medzip doctor`: what works here, and what would not."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medzip import __version__
from medzip.cli.console import show_json, show_line
from medzip.cli.examining import CHECKS, State, examine, examine_archive
from medzip.cli.options import Json

__all__ = ["doctor"]

_WIDTH = 12
"""Of the column of names."""


def doctor(
    archive: Annotated[
        Path | None,
        typer.Argument(
            help="An archive, or where one is to be.", metavar="[ARCHIVE]", show_default=False
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at what MedZip needs here, with the remedy for what would not work.

    Kernels that are not compiled yet are compiled. The exit code is 1 if something would not work;
    what is optional may be absent.
    """
    checks = dict(CHECKS)
    if archive is not None:
        checks["archive"] = lambda: examine_archive(archive)
    findings = []
    for name, check in checks.items():
        found = examine(name, check)
        findings.append(found)
        if not as_json:
            show_line(f"{found.state.value:7} {name:{_WIDTH}} {found.text}")
            if found.remedy:
                show_line(f"{'':7} {'':{_WIDTH}} {found.remedy}")
    ok = all(found.state is not State.FAILS for found in findings)
    if as_json:
        show_json(
            {
                "medzip": __version__,
                "ok": ok,
                "checks": {found.name: found.public() for found in findings},
            }
        )
    else:
        show_line("everything that is needed works" if ok else "something would not work")
    if not ok:
        raise typer.Exit(1)
