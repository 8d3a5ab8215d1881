"""`medzip bench`: MedZip beside other codecs; the tables of documents; a device beside the CPU."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from medzip.cli.console import show_error
from medzip.cli.device import device
from medzip.cli.options import Json
from medzip.cli.pipeline import measure_pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from medzip.bench.results import Results
    from medzip.volumes import Series

__all__ = ["bench"]

bench = typer.Typer(
    help="Measure MedZip beside other codecs on your own images, one core, all bytes counted."
)


@bench.callback(invoke_without_command=True)
def measure(
    context: typer.Context,
    data: Annotated[
        Path | None,
        typer.Option(
            help="Folder with DICOM series, .npy or .tif arrays (z, y, x), or an index.json of "
            "TIFFs.",
            show_default=False,
        ),
    ] = None,
    peers: Annotated[
        str | None,
        typer.Option(help="Codecs by name, separated by commas, or all; the usual ones if absent."),
    ] = None,
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
        typer.Option(
            min=1,
            help="Processes at most, for --scaling (all cores if absent); at work, for --pipeline "
            "and --tiny (2 if absent).",
        ),
    ] = None,
    startup: Annotated[
        bool,
        typer.Option("--startup", help="Also measure a fresh process that decodes a first slab."),
    ] = False,
    pipeline: Annotated[
        bool,
        typer.Option(
            "--pipeline",
            help="Measure a whole `medzip compress` beside its codec instead, of --data or of 8 "
            "series that are made.",
        ),
    ] = False,
    profiles: Annotated[
        str | None,
        typer.Option(help="For --pipeline, separated by commas; fast,default if absent."),
    ] = None,
    tiny: Annotated[
        int,
        typer.Option(
            min=0, help="Measure compressing so many series of one 64 x 64 slice instead, or too."
        ),
    ] = 0,
    as_json: Json = False,
) -> None:
    """Measure; see `bench`.

    Many parameters: each is an option of the command line.
    """
    if context.invoked_subcommand is not None:
        return
    if pipeline or tiny:
        with _progress() as tell:
            measure_pipeline(context.params, out, as_json, tell)
        return
    if profiles:
        raise typer.BadParameter("expected --profiles with --pipeline, got it alone; add it")
    if data is None:
        raise typer.BadParameter(
            "expected --data FOLDER, --pipeline or a command, got none of them; see --help"
        )
    from medzip.bench.measuring import Settings
    from medzip.bench.optional import add_scaling, add_startup
    from medzip.bench.peers import DEFAULT_PEERS
    from medzip.bench.runner import run_bench

    names = _codecs(",".join(DEFAULT_PEERS) if peers is None else peers)
    scaled = _codecs(scaling) if scaling else []
    volumes = _volumes(data, slab)
    with _progress() as tell:
        settings = Settings(slices=slices, fit_cores=fit_cores, repeat=repeat, noise=noise)
        results = run_bench(volumes, names, settings, tell)
        if out is not None:
            # What took hours is on disk before anything else can go wrong.
            results.write(out)
        if scaled:
            results = add_scaling(results, volumes, scaled, workers, tell)
        if startup:
            results = add_startup(results, volumes, names, tell)
    _show(results, out, as_json)


@bench.command()
def tables(
    path: Annotated[Path, typer.Argument(help="Results (JSON), or a document.", metavar="FILE")],
    part: Annotated[
        str | None,
        typer.Option(help="One part of results: first, bits, savings, speed, how, ..."),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Fill the regions of a document.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Fail if a region of a document is stale.")
    ] = False,
) -> None:
    """Print results as Markdown, or fill the regions of a document that are made from results."""
    from medzip.bench import tables as made

    if update and check:
        raise typer.BadParameter("expected --update or --check, got both; drop one")
    if part and (update or check):
        raise typer.BadParameter("expected --part for results alone; a document names its parts")
    if update:
        made.update(path)
    elif not check:
        try:
            sys.stdout.write(made.markdown(made.read(path), part))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error
    elif not made.is_current(path):
        show_error(
            f"{path}: expected the tables of its results, got others; "
            f"run: medzip bench tables {path} --update"
        )
        raise typer.Exit(1)


bench.command()(device)


def _codecs(names: str) -> list[str]:
    """Turn "a,b" or "all" into names; a wrong one is a usage error."""
    from medzip.bench.peers import PEERS, select

    wanted = list(PEERS) if names == "all" else [name.strip() for name in names.split(",")]
    try:
        select(wanted)
    except KeyError as error:
        raise typer.BadParameter(str(error.args[0])) from error
    return wanted


def _volumes(data: Path, wanted: Sequence[str] | None) -> list[Series]:
    from medzip.volumes import find_volumes

    found = find_volumes(data)
    unknown = [name for name in wanted or () if name not in {one.title for one in found}]
    if unknown:
        names = ", ".join(one.title for one in found)
        raise typer.BadParameter(f"none of {', '.join(unknown)} is in {data}, which has {names}")
    return [one for one in found if not wanted or one.title in wanted]


@contextmanager
def _progress() -> Iterator[Callable[[str, str], None]]:
    """Show on stderr, where that is a terminal, what is measured."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not sys.stderr.isatty()
    ) as shown:
        task = shown.add_task("bench", total=None)
        done = 0

        def tell(volume: str, codec: str) -> None:
            nonlocal done
            shown.update(task, description=f"{volume}, {codec}", completed=done)
            done += 1

        yield tell


def _show(results: Results, out: Path | None, as_json: bool) -> None:
    """Write JSON, and Parquet and plots beside it; print; exit code 1 if anything failed."""
    if out is not None:
        from medzip.bench.parquet import write_parquet
        from medzip.bench.plots import write_plots

        results.write(out)
        write_parquet(results, out.with_suffix(".parquet"))
        write_plots(results, out.with_suffix(""))
    if as_json:
        sys.stdout.write(results.to_json())
    else:
        from rich.console import Console

        from medzip.bench.terminal import show

        show(results, Console())
    if results.failures or not results.slabs:
        raise typer.Exit(1)
