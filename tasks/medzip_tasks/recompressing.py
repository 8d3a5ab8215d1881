"""Tasks of a recompression: what there is to do, and new models for an object where they pay.

Coding, sealing and proving are those of `medzip_tasks.archive`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefect import task
from prefect.cache_policies import NO_CACHE

from medzip import archive as steps
from medzip.archive.recompressing import Candidate, Prepared, Recompressed, candidates, prepare
from medzip_tasks.policy import IO_RETRIES, TAGS, StepFailedError, run_each

if TYPE_CHECKING:
    from medzip.archive import Failure, SeriesRecord

__all__ = ["Chance", "describe_objects", "find_objects", "prepare_objects"]

HOUR = 3600.0


@dataclass(frozen=True)
class Chance:
    """One object, and the registry whose models may make it smaller."""

    archive: str
    key: str
    name: str
    models: str | None
    profile: str | None


@task(
    task_run_name="find",
    tags=TAGS,
    timeout_seconds=6 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def find_objects(archive: str) -> tuple[list[Candidate], list[Recompressed]]:
    """Find the objects with voxels; those that cannot be read are failures.

    Raises
    ------
    StepFailedError
        If the folder is no archive.
    """
    try:
        return candidates(archive)
    except Exception as error:
        raise StepFailedError.of("archive", "find", error) from None


@task(
    task_run_name="prepare-{label}",
    tags=TAGS,
    timeout_seconds=12 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def prepare_objects(label: str, items: tuple[Chance, ...]) -> list[Prepared | Failure]:
    """Lay each object out, have all models code a sample of it, and fit the best where it pays.

    Never cached: the step itself finds in the archive's work what an earlier run has done.
    """
    return run_each(
        "prepare", lambda one: prepare(one.archive, one.key, one.models, one.profile), items
    )


@task(
    task_run_name="describe",
    tags=TAGS,
    timeout_seconds=6 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def describe_objects(archive: str) -> tuple[SeriesRecord, ...]:
    """Records of all objects as they are now; broken ones are left out, they are failures."""
    try:
        return steps.inspect(archive, on_failure=lambda failure: None)
    except Exception as error:
        raise StepFailedError.of("archive", "describe", error) from None
