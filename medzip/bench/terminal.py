"""Results on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from medzip.bench.cells import MARK, interval, slab_title
from medzip.bench.intervals import mean_interval
from medzip.bench.peers import BASELINE
from medzip.training.reserved import learned

if TYPE_CHECKING:
    from rich.console import Console

    from medzip.bench.results import Results

__all__ = ["show"]


def _bits_table(results: Results) -> Table:
    table = Table(
        title="Bits per voxel, and the saving against JPEG XL effort 7 (mean, 95 % interval)"
    )
    table.add_column("codec")
    for slab in results.slabs:
        table.add_column(slab_title(slab.name), justify="right", overflow="fold")
    table.add_column("mean saving", justify="right")
    for codec in results.ran:
        cells = []
        for slab in results.slabs:
            figure = results.get(slab.name, codec.name)
            saving = results.saving(slab.name, codec.name)
            if figure is None:
                found = results.find(slab.name, codec.name)
                why = found.impossible if found else ""
                cells.append(f"not possible\n[dim]{why}[/dim]" if why else "[red]failed[/red]")
            elif saving is None or codec.name == BASELINE:
                cells.append(f"{figure.bpv:.3f}")
            else:
                cells.append(f"{figure.bpv:.3f}\n[dim]{100 * saving:+.1f} %[/dim]")
        savings = results.savings(codec.name)
        shown = "–"
        if savings and codec.name != BASELINE:
            shown = f"{100 * sum(savings) / len(savings):+.1f} %"
            if len(savings) > 1:
                shown += f"\n[dim]{interval(*mean_interval(savings))}[/dim]"
            if len(savings) < len(results.slabs):
                shown += f"\n[dim]{len(savings)} of {len(results.slabs)}[/dim]"
        table.add_row(codec.label, *cells, shown)
    if any(slab.noise_bits is not None for slab in results.slabs):
        floors = [slab.noise_bpv for slab in results.slabs]
        shown_floors = ["–" if floor is None else f"{floor:.2f}" for floor in floors]
        table.add_section()
        table.add_row("noise floor (estimate)", *shown_floors, "–")
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


def _scaling_table(results: Results) -> Table:
    table = Table(title="Throughput of n workers, a core each, over that of one")
    for name in ("codec", "n", "encode", "decode"):
        table.add_column(name, justify="left" if name == "codec" else "right")
    one = {item.codec: item for item in results.scaling if item.workers == 1}
    for item in results.scaling:
        times = [
            f"{item.rate(what) / one[item.codec].rate(what):.2f}" for what in ("encode", "decode")
        ]
        table.add_row(results.label(item.codec), str(item.workers), *times)
    return table


def show(results: Results, console: Console) -> None:
    """Print the results as tables, and what is missing in them."""
    if results.ran and results.slabs:
        console.print(_bits_table(results))
        console.print(_speed_table(results))
    for slab in results.slabs:
        if learned(slab.name):
            console.print(
                f"{MARK} the shipped models have learned from {learned(slab.name)}, of the same "
                "study"
            )
    if results.scaling:
        console.print(_scaling_table(results))
    for start in results.startup:
        console.print(
            f"{results.label(start.codec)} starts in {start.wall_ns / 1e9:.2f} s "
            f"(import {start.import_ns / 1e9:.2f} s, first slab {start.decode_ns / 1e9:.2f} s)"
        )
    for codec in results.absent:
        console.print(f"{codec.label} is absent: {codec.reason}", markup=False)
    for figure in results.failures:
        reason = figure.error or "decoded voxels differ"
        console.print(f"{figure.codec} on {figure.slab} failed: {reason}", markup=False)
    for name, reason in results.skipped.items():
        console.print(f"{name} was skipped: {reason}", markup=False)
