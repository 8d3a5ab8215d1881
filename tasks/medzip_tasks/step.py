"""What every task has in common: tags, retries of input and output, a time limit, no cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from medzip_tasks.policy import IO_RETRIES, TAGS

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import Task

__all__ = ["step"]

HOUR = 3600.0


def step(name: str, hours: float = 6) -> Callable[[Callable[..., Any]], Task[..., Any]]:
    """Make a function a task.

    Nothing is cached by Prefect: each step of the library finds in the archive's work, by digest,
    what an earlier run has done, which also says that it is still there.

    Parameters
    ----------
    name : str
        Of its runs, with parameters in braces; never with a path.
    hours : float
        When a run that hangs is given up.
    """
    return task(
        task_run_name=name,
        tags=TAGS,
        timeout_seconds=hours * HOUR,
        cache_policy=NO_CACHE,
        persist_result=False,
        **IO_RETRIES,
    )
