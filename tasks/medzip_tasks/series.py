"""Tasks on the way in: find the series, skip what is proven, stage voxels, fit a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy

from medzip import archive as steps
from medzip.archive.encoding import read_fitted
from medzip.archive.models import offered_to
from medzip_tasks.policy import IO_RETRIES, TAGS, StepFailedError, cache_key, run_each

if TYPE_CHECKING:
    from prefect.context import TaskRunContext

    from medzip.archive import Failure, Fitted, Inventory, ObjectPlan, SeriesRecord, Staged

__all__ = ["check_series", "fit_is_there", "fit_series", "scan_sources", "stage_series"]

HOUR = 3600.0


@task(
    task_run_name="scan",
    tags=TAGS,
    timeout_seconds=24 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def scan_sources(sources: tuple[str, ...]) -> Inventory:
    """Find, hash and group everything under the sources.

    Raises
    ------
    StepFailedError
        If a source as a whole cannot be read; a single unreadable file is a failure in the result.
    """
    try:
        return steps.scan(sources)
    except Exception as error:
        raise StepFailedError.of("scan", "scan", error) from None


@task(
    task_run_name="check-{label}",
    tags=TAGS,
    timeout_seconds=6 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def check_series(
    label: str,
    items: tuple[ObjectPlan, ...],
    archive: str,
    profile: str,
) -> list[SeriesRecord | ObjectPlan | Failure]:
    """Look for each object in the archive: its record if proven already, else its plan again.

    Never cached: the digest of the stored bytes is compared anew in every run.
    """
    return run_each(
        "check", lambda plan: steps.already_proven(plan, archive, profile) or plan, items
    )


@task(
    task_run_name="stage-{label}",
    tags=TAGS,
    timeout_seconds=12 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def stage_series(
    label: str,
    items: tuple[ObjectPlan, ...],
    archive: str,
    profile: str,
) -> list[Staged | Failure]:
    """Lay out raw slabs and envelope of each object.

    Never cached: the step itself finds what an earlier run staged, and has to look at the sources
    to notice that one has changed.
    """
    return run_each("stage", lambda plan: steps.stage(plan, archive, profile), items)


def fit_key(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    """Key of a fit: the voxels (by key of the object) and all that turns them into weights, such
    as the models on offer.

    None, which is no caching, for a lot of several small objects: its result may hold failures.
    """
    items: tuple[Staged, ...] = parameters["items"]
    if len(items) != 1:
        return None
    offered = offered_to(items[0].archive, parameters.get("models"))
    return cache_key("fit", items[0], models=[entry.digest for entry in offered])


@task(
    task_run_name="fit-{label}",
    tags=TAGS,
    timeout_seconds=6 * HOUR,
    cache_policy=CacheKeyFnPolicy(cache_key_fn=fit_key),
    persist_result=True,
    result_serializer="json",
    **IO_RETRIES,
)
def fit_series(
    label: str, items: tuple[Staged, ...], models: str | None = None
) -> list[Fitted | Failure]:
    """Fit a model to each volume of each object and write it beside the slabs.

    Where models are registered, each volume starts from the one that codes a sample of it best.
    """
    return run_each("fit", lambda staged: steps.fit(staged, models), items)


def fit_is_there(staged: Staged) -> bool:
    """Whether the models that a cached fit speaks of lie beside the slabs, unharmed."""
    try:
        read_fitted(staged)
    except (OSError, ValueError, KeyError):
        return False
    return True
