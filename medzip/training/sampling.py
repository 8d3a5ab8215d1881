"""A cohort -> a sample store, series by series."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from medzip.training.store import SampleStore
from medzip.training.writing import write_series

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from medzip.training.forms import Form
    from medzip.training.sampled import SampledSeries
    from medzip.volumes import Series

__all__ = ["finished", "sample_cohort", "sample_series"]


def sample_cohort(
    cohort: Sequence[Series],
    folder: str | os.PathLike[str],
    form: Form,
    voxels: int,
    seed: int = 0,
    on_series: Callable[[SampledSeries], None] | None = None,
) -> SampleStore:
    """Sample a cohort into a store; a killed sampling goes on with the series that are missing.

    Parameters
    ----------
    cohort
        From `medzip.training.cohort.find_cohort`.
    folder, form, voxels, seed
        As `medzip.training.store.SampleStore.plan` takes them.
    on_series
        Called with every series that is there.

    Raises
    ------
    SourceError
        The folder holds something else, or a series cannot be read.
    """
    store = SampleStore.plan(folder, form, [one.about for one in cohort], voxels, seed)
    for series in cohort:
        sampled = sample_series(store, series)
        if on_series is not None:
            on_series(sampled)
    return finished(store)


def sample_series(store: SampleStore, series: Series) -> SampledSeries:
    """Sample one series into a store; one that is there is kept, and not read."""
    done = store.found(series.about.key)
    if done is not None:
        return done
    with series.open(_scratch(store)) as volume:
        return write_series(store, series.about.key, volume)


def finished(store: SampleStore) -> SampleStore:
    """A store of which all series have been sampled, without what sampling left beside them.

    Raises
    ------
    SourceError
        A series is missing.
    """
    done = SampleStore.open(store.folder)
    shutil.rmtree(_scratch(store), ignore_errors=True)
    return done


def _scratch(store: SampleStore) -> Path:
    """Where sources are laid out while they are sampled."""
    return store.folder / ".scratch"
