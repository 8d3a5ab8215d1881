"""The ``medzip bench`` command; also ``python -m medzip.evaluation``."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003 - typer reads annotations when it runs
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from medzip.errors import MedZipError
from medzip.evaluation.bench import Settings, run_bench
from medzip.evaluation.peers import BASELINE, DEFAULT_PEERS, PEERS, select
from medzip.evaluation.sources import find_volumes

if TYPE_CHECKING:
    from medzip.evaluation.results import Results

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


def _bits_table(results: Results) -> Table:
    table = Table(title="Bits per voxel, and the saving against JPEG XL effort 7")
    table.add_column("codec")
    for slab in results.slabs:
        table.add_column(slab.name, justify="right", overflow="fold")
    table.add_column("mean saving", justify="right")
    for codec in results.ran:
        cells = []
        for slab in results.slabs:
            figure = results.get(slab.name, codec.name)
            saving = results.saving(slab.name, codec.name)
            if figure is None:
                cells.append("[red]failed[/red]")
            elif saving is None or codec.name == BASELINE:
                cells.append(f"{figure.bpv:.3f}")
            else:
                cells.append(f"{figure.bpv:.3f}\n[dim]{100 * saving:+.1f} %[/dim]")
        mean = results.mean_saving(codec.name)
        shown = "–" if mean is None or codec.name == BASELINE else f"{100 * mean:+.1f} %"
        table.add_row(codec.label, *cells, shown)
    return table


def _speed_table(results: Results) -> Table:
    table = Table(title="Million voxels a second, one core")
    for name in ("codec", "encode", "decode", "longest fit, s", "version"):
        table.add_column(name, justify="left" if name in {"codec", "version"} else "right")
    for codec in results.ran:
        encode, decode = (results.rate(codec.name, what) for what in ("encode", "decode"))
        fit = max((m.fit_ns for m in results.measurements if m.codec == codec.name), default=0)
        table.add_row(
            codec.label,
            "–" if encode is None else f"{encode / 1e6:.2f}",
            "–" if decode is None else f"{decode / 1e6:.2f}",
            f"{fit / 1e9:.1f}" if fit else "–",
            codec.version,
        )
    return table


def _show(results: Results, console: Console) -> None:
    if results.ran and results.slabs:
        console.print(_bits_table(results))
        console.print(_speed_table(results))
    for codec in results.codecs:
        if not codec.available:
            console.print(f"{codec.label} is absent: {codec.reason}", markup=False)
    for figure in results.failures:
        reason = figure.error or "decoded voxels differ"
        console.print(f"{figure.codec} on {figure.slab} failed: {reason}", markup=False)


@app.command()
def bench(
    data: Annotated[
        Path,
        typer.Option(
            help="Folder with DICOM series, .npy arrays (z, y, x), or an index.json of TIFFs."
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
    json_output: Annotated[
        bool, typer.Option("--json", help="Print the results as JSON instead of tables.")
    ] = False,
) -> None:
    """Measure MedZip beside other codecs on your own images, one core, all bytes counted."""
    names = _codecs(peers)
    errors = Console(stderr=True)
    try:
        volumes = [v for v in find_volumes(data) if not slab or v.name in slab]
        if not volumes:
            raise typer.BadParameter(f"none of {', '.join(slab or [])} is in {data}")
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

            settings = Settings(slices=slices, fit_cores=fit_cores, repeat=repeat)
            results = run_bench(volumes, names, settings, tell)
    except MedZipError as error:
        errors.print(str(error), markup=False, style="red")
        raise typer.Exit(1) from error
    if out is not None:
        # matplotlib takes a second to import, which the rest does not need.
        from medzip.evaluation.plots import write_plots

        results.write(out)
        results.write_parquet(out.with_suffix(".parquet"))
        write_plots(results, out.with_suffix(""))
    if json_output:
        sys.stdout.write(results.to_json())
    else:
        _show(results, Console())
    if results.failures:
        raise typer.Exit(1)
