"""How a run of a flow begins and ends, and what of that may go to Prefect.

Paths may name patients. The terminal of the operator may show them; JSON, which ends in files and
other programs, and Prefect, which keeps texts of exceptions in its database, may not.
"""

from __future__ import annotations

import logging
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip_tasks.policy import StepFailedError
from prefect import get_run_logger
from prefect.states import Failed

from medzip.errors import MedZipError
from medzip_flows.cluster import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.archive import Failure, RecompressSummary, Summary
    from medzip_flows.cluster import Where

__all__ = ["IncompleteError", "absolute", "absolute_all", "at_work", "ended", "tell"]


def absolute(path: str) -> str:
    """A path as workers elsewhere find it."""
    return str(Path(path).absolute())


def absolute_all(paths: str | list[str]) -> tuple[str, ...]:
    """Paths of one or several, as workers elsewhere find them."""
    return tuple(map(absolute, [paths] if isinstance(paths, str) else paths))


@contextmanager
def at_work(where: Where) -> Iterator[None]:
    """A run: refused before it begins if its cluster makes no sense, told in full if it fails.

    What ends it is printed to stderr as it is; Prefect, which logs what leaves this context, gets
    its kind only.

    Raises
    ------
    StepFailedError
        For any error of the library, the system, or a task; its text names no path.
    ClusterError
        As it is: it speaks of clusters, not of sources.
    """
    where.spec()
    logging.getLogger("medzip").setLevel(logging.INFO)
    try:
        yield
    except ClusterError:
        raise
    except (StepFailedError, MedZipError, OSError) as error:
        failed = (
            error
            if isinstance(error, StepFailedError)
            else StepFailedError.of("archive", "start", error)
        )
        print(f"error: {failed.failure.message}", file=sys.stderr)
        # `from None`: the cause's text would put paths into the log
        raise failed from None


def ended(summary: Summary | RecompressSummary) -> Any:
    """What a flow returns: the summary, or a state that is Failed and holds it."""
    if not summary.failures:
        return summary
    for failure in summary.failures:
        tell(failure)
    error = IncompleteError(summary)
    return Failed(message=str(error), data=error)


def tell(failure: Failure) -> None:
    """Say what failed: its text to stderr alone, as the log goes to Prefect's server."""
    get_run_logger().warning("%s: %s: %s", failure.name, failure.stage, failure.kind)
    print(f"{failure.name}: {failure.message}", file=sys.stderr)


class IncompleteError(MedZipError):
    """Something was not done; the text names no file.

    Attributes
    ----------
    summary : Summary or RecompressSummary
        What was done all the same, and every failure.
    """

    def __init__(self, summary: Summary | RecompressSummary) -> None:
        failed = sum(one.failure is not None for one in summary.objects)
        super().__init__(
            f"expected everything to be done, got {len(summary.failures)} failures "
            f"({failed} of {len(summary.objects)} objects, which are as they were; the others are "
            "done and proven); mend their causes and run again"
        )
        self.summary: Any = summary

    def __reduce__(self) -> tuple[type[IncompleteError], tuple[Summary | RecompressSummary]]:
        return type(self), (self.summary,)
