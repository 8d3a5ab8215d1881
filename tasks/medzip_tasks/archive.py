"""Tasks of an archive: find what there is to do, run calls of its line, write the index."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from medzip import archive as steps
from medzip.archive import Failure, SlabRecord
from medzip.archive.driving import SEALING, run_ahead
from medzip.archive.line import Step
from medzip.archive.recompressing import FUNCTIONS as STEPS
from medzip.archive.recompressing import candidates
from medzip.archive.recompressing.preparing import FUNCTIONS
from medzip.errors import ProverError
from medzip_tasks.apart import prove_apart
from medzip_tasks.policy import StepFailedError, run_each
from medzip_tasks.step import step

if TYPE_CHECKING:
    from medzip.archive import Inventory, Sealed, SeriesRecord
    from medzip.archive.driving import Ran
    from medzip.archive.line import Call, Line
    from medzip.archive.recompressing import Candidate, Recompressed

__all__ = [
    "describe_objects",
    "find_objects",
    "publish_index",
    "run_calls",
    "run_lot",
    "scan_sources",
]

log = logging.getLogger("medzip.tasks")


@step("scan", hours=24)
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


@step("{step}-{label}", hours=12)
def run_calls(label: str, step: str, items: tuple[Call, ...]) -> list[Any | Failure]:
    """Run calls of one step; for each what it returned, or its failure."""
    if step == Step.PROVE:
        return _prove(items)
    outcomes = run_each(step, lambda call: FUNCTIONS[call.step](*call.arguments), items)
    if step == Step.ENCODE:
        coded = [one for one in outcomes if isinstance(one, SlabRecord)]
        log.info(
            "%s: %d slabs, %d voxels, %d -> %d bytes",
            label,
            len(coded),
            sum(record.voxels for record in coded),
            sum(record.raw_bytes for record in coded),
            sum(record.encoded_bytes for record in coded),
        )
    return outcomes


@step("lot-{label}", hours=12)
def run_lot(label: str, line: Line[Any, Any], items: tuple[Any, ...]) -> list[Ran]:
    """Bring small objects as far as one process takes them: from their files to sealed ones.

    Parameters
    ----------
    label : str
        Name of the lot.
    line : Line
        A fresh one; it says what follows on what.
    items : tuple
        What to start.

    Returns
    -------
    list of Ran
        Every call that was run and what became of it, for the line of whoever drives.
    """
    ran = run_ahead(line, items, SEALING, STEPS)
    failed = sum(isinstance(one.outcome, Failure) for one in ran)
    log.info("%s: %d objects, %d steps, %d failed", label, len(items), len(ran), failed)
    return ran


def _prove(calls: tuple[Call, ...]) -> list[Any | Failure]:
    """Decode each object from its stored bytes and compare every file.

    Always in another process than the one that sealed it: where both come to the same worker, a
    fresh interpreter does it, once for all. One that was killed says nothing about any object: each
    of them fails and may be tried again.
    """
    lot: list[Sealed] = [call.arguments[0] for call in calls]
    if all(sealed.pid != os.getpid() for sealed in lot):
        return run_each("prove", steps.prove, lot)
    try:
        answers = dict(zip(lot, prove_apart(lot), strict=True))
    except ProverError as error:
        answers = dict.fromkeys(lot, error)

    def answer_for(sealed: Sealed) -> Any:
        answer = answers[sealed]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return run_each("prove", answer_for, lot)


@step("publish", hours=1)
def publish_index(archive: str, records: tuple[SeriesRecord, ...]) -> None:
    """Write the index of the whole archive."""
    try:
        steps.publish(archive, records)
    except Exception as error:
        raise StepFailedError.of("archive", "commit", error) from None


@step("find")
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


@step("describe")
def describe_objects(archive: str) -> tuple[SeriesRecord, ...]:
    """Records of all objects as they are now; broken ones are left out, they are failures."""
    try:
        return steps.inspect(archive, on_failure=lambda failure: None)
    except Exception as error:
        raise StepFailedError.of("archive", "describe", error) from None
