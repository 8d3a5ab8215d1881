"""`medzip sample`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medzip.cli.console import show_line, show_note
from medzip.cli.options import sources_and_last

__all__ = ["sample"]


def sample(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="DICOM, arrays, an index.json or archives, then the store.",
            metavar="SOURCE... STORE",
        ),
    ],
    voxels: Annotated[
        int, typer.Option(min=1000, help="Voxels in all, equally by scanner and kernel.")
    ] = 1_000_000,
    form: Annotated[
        str,
        typer.Option(help="Whose inputs to keep: fast, default, wide; or a shape of the papers."),
    ] = "default",
    modality: Annotated[str, typer.Option(help="CT or MR for those alone.")] = "",
    seed: Annotated[int, typer.Option(help="Of every choice.")] = 0,
) -> None:
    """Draw a training set from a cohort into a sample store; killed, it goes on where it was."""
    from medzip.training.cohort import find_cohort
    from medzip.training.forms import form_named
    from medzip.training.sampling import sample_cohort

    sources, store = sources_and_last(paths, "STORE")
    made = sample_cohort(
        find_cohort(sources, modality),
        store,
        form_named(form),
        voxels,
        seed,
        lambda one: show_note(f"{one.about.name}: {one.rows} samples"),
    )
    samples = sum(one.rows for one in made.sampled)
    show_line(f"{samples} samples of {len(made.sampled)} series in {store}")
