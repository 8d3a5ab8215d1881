"""When a task is retried, and how it fails.

A failure crosses three borders: from the worker to the scheduler (pickle), into Prefect's database
(the message of a state), and into its logs (a traceback). Paths may name patients, so a task never
lets the library's exception out; it raises :class:`StepFailedError`, whose text holds the kind of
the error and the name of the object only. The full message, with file, cause and remedy, travels
in its ``failure`` to whoever started the run.
"""

from __future__ import annotations

import errno
import logging
import traceback
from typing import TYPE_CHECKING, Any

from medzip import archive as steps
from medzip.errors import MedZipError, ProverError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefect import Task
    from prefect.client.schemas.objects import State, TaskRun

    from medzip.archive import Failure

__all__ = [
    "IO_RETRIES",
    "TAGS",
    "StepFailedError",
    "is_transient",
    "retry_io",
    "run_each",
]

log = logging.getLogger("medzip.tasks")

# Errors of a device or a network that may be gone in a minute. What a person has to mend (disk
# full, no permission, no such file, read-only) is not among them: retrying would only delay the
# message.
_TRANSIENT = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNABORTED,
        errno.ECONNREFUSED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EIO,
        errno.ENETDOWN,
        errno.ENETRESET,
        errno.ENETUNREACH,
        errno.ENOLCK,
        errno.ENOTCONN,
        errno.EREMOTEIO,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)


def is_transient(error: BaseException) -> bool:
    """Whether doing the same again may succeed.

    True for input and output errors of a device or network, also where the library reports one as
    a :class:`~medzip.errors.SourceError`, and where the process that proves was killed. Never for a
    mismatch or any other verdict of the library.
    """
    if isinstance(error, SourceError):
        return error.__cause__ is not None and is_transient(error.__cause__)
    if isinstance(error, MedZipError):
        return isinstance(error, ProverError)
    return isinstance(error, OSError) and error.errno in _TRANSIENT


class StepFailedError(Exception):
    """A step failed for one object; the text names neither file nor patient.

    Attributes
    ----------
    failure : Failure
        What happened, for the person who started the run; its message may hold paths.
    transient : bool
        Whether a retry may help.
    """

    def __init__(self, failure: Failure, transient: bool) -> None:
        of = "" if failure.name == failure.stage else f" of {failure.name}"
        super().__init__(f"{failure.stage}{of}: {failure.kind}")
        self.failure = failure
        self.transient = transient

    def __reduce__(self) -> tuple[type[StepFailedError], tuple[Failure, bool]]:
        return type(self), (self.failure, self.transient)

    @classmethod
    def of(cls, name: str, step: str, error: Exception) -> StepFailedError:
        """Wrap what a step raised for the object of this name (or what else it is about)."""
        failure = steps.failure_of(name, step, error)
        if not isinstance(error, (MedZipError, OSError)):
            # a mistake in the code: say where, by its frames alone, which hold no values
            frames = "".join(traceback.format_tb(error.__traceback__)[-8:])
            log.error("%s in %s of %s\n%s", failure.kind, step, name, frames)
        return cls(failure, is_transient(error))


def retry_io(task: Task[..., Any], run: TaskRun, state: State[Any]) -> bool:
    """Prefect's ``retry_condition_fn``: what :func:`is_transient` says may pass, only."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, StepFailedError) and error.transient


TAGS = ["medzip"]
"""Tag of every task, to find and to limit them. One for all: a worker process opens a connection of
its own for each new set of tags, which takes it a second or two."""

IO_RETRIES: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": [1, 10, 60],
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": retry_io,
}


def run_each(step: str, call: Callable[[Any], Any], items: Sequence[Any]) -> list[Any | Failure]:
    """Apply one step to each object of a lot; one that fails does not stop the others.

    Returns
    -------
    list
        For each item the record of the step, or the Failure.

    Raises
    ------
    StepFailedError
        If the only item failed: then the task run itself fails, and Prefect may retry it.
    """
    outcomes: list[Any | Failure] = []
    for item in items:
        try:
            outcomes.append(call(item))
        except Exception as error:
            failed = StepFailedError.of(item.name, step, error)
            if len(items) == 1:
                # `from None`: the cause's text and its frames would put paths into the log
                raise failed from None
            outcomes.append(failed.failure)
    return outcomes
