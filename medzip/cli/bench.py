"""The ``medzip bench`` command."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from medzip.bench.bench import Settings, run_bench
from medzip.bench.extras import add_scaling, add_startup
from medzip.bench.peers import DEFAULT_PEERS, PEERS, select
from medzip.bench.terminal import show
from medzip.errors import MedZipError
from medzip.volumes.sources import find_volumes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.bench.results import Results
    from medzip.volumes.sources import Volume

__all__ = ["app", "bench"]

app = typer.Typer(add_completion=False, no_args_is_help=False)


def _codecs(names: str) -> list[str]:
    """Turn "a,b" or "all" into names; a wrong one is a usage error."""
    wanted = list(PEERS) if names == "all" else [name.strip() for name in names.split(",")]
    try:
        select(wanted)
    except KeyError as error:
        raise typer.BadParameter(str(error.args[0])) from error
    return wanted


def _volumes(data: Path, wanted: Sequence[str] | None) -> list[Volume]:
    found = find_volumes(data)
    unknown = [name for name in wanted or () if name not in {volume.name for volume in found}]
    if unknown:
        names = ", ".join(volume.name for volume in found)
        raise typer.BadParameter(f"none of {', '.join(unknown)} is in {data}, which has {names}")
    return [volume for volume in found if not wanted or volume.name in wanted]


def _write(results: Results, out: Path) -> None:
    """Write JSON, and Parquet and plots beside it."""
    # matplotlib takes a second to import, which the rest does not need.
    from medzip.bench.parquet import write_parquet
    from medzip.bench.plots import write_plots

    results.write(out)
    write_parquet(results, out.with_suffix(".parquet"))
    write_plots(results, out.with_suffix(""))


@app.command()
def bench(
    data: Annotated[
        Path,
        typer.Option(
            help="Folder with DICOM series, .npy or .tif arrays (z, y, x), or an index.json of "
            "TIFFs."
        ),
    ],
    peers: Annotated[
        str, typer.Option(help="Codecs by name, separated by commas, or all.")
    ] = ",".join(DEFAULT_PEERS),
    out: Annotated[
        Path | None,
        typer.Option(help="Results as JSON; Parquet and plots are written beside it."),
    ] = None,
    slices: Annotated[
        int | None,
        typer.Option(min=1, help="Slices from the middle of each volume; all if absent."),
    ] = None,
    fit_cores: Annotated[
        int, typer.Option(min=1, help="Cores for fitting; coding always has one.")
    ] = 2,
    repeat: Annotated[
        int, typer.Option(min=1, help="Times that each codec runs; the fastest counts.")
    ] = 1,
    slab: Annotated[
        list[str] | None, typer.Option(help="Measure only this volume (may be repeated).")
    ] = None,
    noise: Annotated[
        bool, typer.Option("--noise/--no-noise", help="Estimate the noise floor of each volume.")
    ] = True,
    scaling: Annotated[
        str | None,
        typer.Option(
            help="Also measure these codecs in 1, 2, 4, ... processes on the first volume, such as "
            "medzip-fast,medzip-default."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Processes at most, for --scaling; all cores if absent."),
    ] = None,
    startup: Annotated[
        bool,
        typer.Option("--startup", help="Also measure a fresh process that decodes a first slab."),
    ] = False,
    json_output: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON instead of tables.")
    ] = False,
) -> None:
    """Measure MedZip beside other codecs on your own images, one core, all bytes counted."""
    names = _codecs(peers)
    scaled = _codecs(scaling) if scaling else []
    errors = Console(stderr=True)
    try:
        volumes = _volumes(data, slab)
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=errors,
            transient=True,
            disable=not sys.stderr.isatty(),
        ) as progress:
            task = progress.add_task("bench", total=None)
            done = 0

            def tell(volume: str, codec: str) -> None:
                nonlocal done
                progress.update(task, description=f"{volume}, {codec}", completed=done)
                done += 1

            settings = Settings(slices=slices, fit_cores=fit_cores, repeat=repeat, noise=noise)
            results = run_bench(volumes, names, settings, tell)
            if out is not None:
                # What took hours is on disk before anything else can go wrong.
                results.write(out)
            if scaled:
                results = add_scaling(results, volumes, scaled, workers, tell)
            if startup:
                results = add_startup(results, volumes, names, tell)
    except MedZipError as error:
        errors.print(str(error), markup=False, style="red")
        raise typer.Exit(1) from error
    if out is not None:
        _write(results, out)
    if json_output:
        sys.stdout.write(results.to_json())
    else:
        show(results, Console())
    if results.failures or not results.slabs:
        raise typer.Exit(1)
