"""`medzip sample`."""

from __future__ import annotations

from medzip.cli.console import show_line, show_note
from medzip.cli.options import (
    Form,
    Modality,
    SampleSeed,
    SourcesAndStore,
    Voxels,
    sources_and_last,
)

__all__ = ["sample"]


def sample(
    paths: SourcesAndStore,
    voxels: Voxels = 1_000_000,
    form: Form = "default",
    modality: Modality = "",
    seed: SampleSeed = 0,
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
