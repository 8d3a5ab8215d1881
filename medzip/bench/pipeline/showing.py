"""Results of the pipeline's benchmark as Markdown, and on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from medzip.bench.cells import markdown_table
from medzip.bench.pipeline.records import ALLOWED_SERIES_NS, ALLOWED_VOXEL_NS
from medzip.bench.pipeline.views import VIEWS

if TYPE_CHECKING:
    from rich.console import Console

    from medzip.bench.pipeline.records import Pipeline

__all__ = ["PARTS", "how", "markdown", "show"]

PARTS = (*VIEWS, "how")
"""What a region may ask for."""


def markdown(results: Pipeline, part: str | None = None) -> str:
    """Write one of `PARTS` as Markdown, or all that was measured.

    Raises
    ------
    ValueError
        If there is no such part.
    """
    if part is not None and part not in PARTS:
        raise ValueError(
            f"expected one of {', '.join(PARTS)} after the name of the results, got {part}; "
            "correct the region"
        )
    found = []
    for name in PARTS if part is None else (part,):
        if name == "how":
            found.append(how(results))
            continue
        view = VIEWS[name](results)
        if view.rows or part is not None:
            found.append(markdown_table(view.head, view.rows))
    return "\n\n".join(found) + "\n"


def how(results: Pipeline) -> str:
    """Where the figures come from, and what they may be."""
    threads = results.settings["omp_num_threads"]
    load = results.settings["load_percent"] / 100
    cores = results.machine["cores"]
    found = (
        f"{results.date[:10]}, commit {results.commit[:12] or 'unknown'}, "
        f"{results.machine['cpu']}, {cores} core{'' if cores == 1 else 's'}, "
        f"load before it {load:.2f}; OMP_NUM_THREADS {threads or 'unset'}."
    )
    if results.overheads:
        found += (
            f" Command and codec: medians of {results.settings['rounds']} runs, the codec in one "
            f"process with one thread. Allowed beside it: {ALLOWED_SERIES_NS / 1e9:.1f} s of CPU a "
            f"series and {ALLOWED_VOXEL_NS} ns a voxel, interpreters counted."
        )
    return found


def show(results: Pipeline, console: Console) -> None:
    """Print what was measured as small tables."""
    for build in VIEWS.values():
        view = build(results)
        if not view.rows:
            continue
        table = Table()
        for number, name in enumerate(view.head):
            table.add_column(name, justify="right" if number else "left")
        for row in view.rows:
            table.add_row(*row)
        console.print(table)
    console.print(how(results), markup=False)
