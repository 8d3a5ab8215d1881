"""`medzip bench --pipeline`: a whole `medzip compress` beside its codec alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["measure_pipeline"]

_PROFILES = "fast,default"
_WORKERS = 2


def measure_pipeline(
    options: Mapping[str, Any], out: Path | None, as_json: bool, tell: Callable[[str, str], None]
) -> None:
    """Measure, write and print.

    Parameters
    ----------
    options
        Those of `medzip bench` by their parameters' names.
    out
        File for the results.
    as_json
        Print JSON.
    tell
        Called with (what, which) before each measurement.
    """
    from medzip.bench.pipeline.running import Plan, run_pipeline

    unused = ("peers", "slices", "slab", "scaling", "startup")
    for name in unused:
        if options[name]:
            raise typer.BadParameter(
                f"expected --pipeline or --tiny without --{name}, got both; drop one"
            )
    if options["data"] is not None and not options["pipeline"]:
        raise typer.BadParameter("expected --tiny without --data, got both; add --pipeline")
    profiles = _profiles(options["profiles"] or _PROFILES) if options["pipeline"] else ()
    plan = Plan(
        profiles=profiles,
        workers=options["workers"] or _WORKERS,
        data=options["data"],
        tiny=options["tiny"],
    )
    results = run_pipeline(plan, tell)
    if out is not None:
        results.write(out)
    if as_json:
        sys.stdout.write(results.to_json())
    else:
        from rich.console import Console

        from medzip.bench.pipeline.showing import show

        show(results, Console())


def _profiles(names: str) -> tuple[str, ...]:
    """Turn "fast,default" into names; a wrong one is a usage error."""
    from medzip.codec import PROFILES

    wanted = tuple(name.strip() for name in names.split(","))
    for name in wanted:
        if name not in PROFILES:
            raise typer.BadParameter(f"expected profiles of {', '.join(PROFILES)}, got {name!r}")
    return wanted
