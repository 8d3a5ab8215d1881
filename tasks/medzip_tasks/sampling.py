"""Tasks of a sampling: find the series of a cohort, sample a lot of them into a store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.training.cohort import find_cohort
from medzip.training.sampling import sample_series
from medzip_tasks.policy import StepFailedError, run_each
from medzip_tasks.step import step

if TYPE_CHECKING:
    from medzip.archive import Failure
    from medzip.training.sampled import SampledSeries
    from medzip.training.store import SampleStore
    from medzip.volumes import Series

__all__ = ["find_series", "sample_lot"]


@step("find", hours=24)
def find_series(sources: tuple[str, ...], modality: str) -> tuple[Series, ...]:
    """Find the series to learn from.

    Raises
    ------
    StepFailedError
        If a source is missing, or there is nothing to learn from.
    """
    try:
        return find_cohort(sources, modality)
    except Exception as error:
        raise StepFailedError.of("cohort", "find", error) from None


@step("sample-{label}")
def sample_lot(
    label: str, items: tuple[Series, ...], store: SampleStore
) -> list[SampledSeries | Failure]:
    """Sample each series into the store, as it was planned.

    Never cached: the store itself holds what has been sampled, and gives it back.
    """
    return run_each("sample", lambda series: sample_series(store, series), items)
