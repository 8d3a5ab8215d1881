"""What tasks gave, as they end, with how far it is in Prefect's pages."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from medzip_tasks.policy import StepFailedError
from prefect import get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.futures import as_completed

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture

    from medzip.archive import Failure

__all__ = ["gathered", "tell"]

SECONDS_BETWEEN_UPDATES = 2.0


def gathered(
    futures: dict[str, PrefectFuture[Any]], artifact: str, description: str
) -> tuple[dict[str, Any], dict[str, Failure]]:
    """Wait for tasks.

    Parameters
    ----------
    futures
        By any name.
    artifact, description
        Key and words of the progress artifact.

    Returns
    -------
    tuple
        Results by name, and what failed.
    """
    shown = create_progress_artifact(progress=0.0, key=artifact, description=description)
    names = {id(future): name for name, future in futures.items()}
    done: dict[str, Any] = {}
    failed: dict[str, Failure] = {}
    updated = time.monotonic()
    for future in as_completed(list(futures.values())):
        name = names[id(future)]
        try:
            done[name] = future.result()
        except StepFailedError as error:
            failed[name] = error.failure
        if time.monotonic() - updated >= SECONDS_BETWEEN_UPDATES:
            updated = time.monotonic()
            update_progress_artifact(shown, 100.0 * (len(done) + len(failed)) / len(futures))
    update_progress_artifact(shown, 100.0)
    return done, failed


def tell(failure: Failure) -> None:
    """Say what failed, in the log without the text, which goes to stderr alone.

    The log goes to Prefect's server, and a path may name a patient.
    """
    get_run_logger().warning("%s: %s: %s", failure.name, failure.stage, failure.kind)
    print(f"{failure.name}: {failure.message}", file=sys.stderr)
