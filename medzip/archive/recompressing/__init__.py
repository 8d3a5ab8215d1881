"""Objects of an archive, coded anew with registered models where that makes the archive smaller.

    prepare (unpack, choose, fit, worth it?) -> encode -> seal -> is it smaller? -> prove -> replace

An object is replaced only by one of fewer bytes from which another process has got every file back;
until then the old one stays. A model costs its bytes once, when it is copied into the archive:
proven objects wait at the `gate` until together they save more than that. So the archive never
grows, however good or bad the models are. A run that is killed goes on where it was.
"""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.archive.driving import HERE, run_here
from medzip.archive.layout import open_archive
from medzip.archive.line import Step
from medzip.archive.locking import archive_lock
from medzip.archive.pooling import run_in_processes
from medzip.archive.recompressing.gate import Gate
from medzip.archive.recompressing.line import Recompressing
from medzip.archive.recompressing.preparing import candidates, prepare
from medzip.archive.recompressing.records import (
    Candidate,
    Outcome,
    Prepared,
    Recompressed,
    RecompressSummary,
)
from medzip.archive.replacing import end_replacements
from medzip.models.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from medzip.archive.layout import StrPath
    from medzip.archive.summary import Event

__all__ = [
    "FUNCTIONS",
    "Candidate",
    "Gate",
    "Outcome",
    "Prepared",
    "RecompressSummary",
    "Recompressed",
    "Recompressing",
    "candidates",
    "finish",
    "prepare",
    "recompress",
]

FUNCTIONS = "medzip.archive.recompressing.preparing:FUNCTIONS"
"""What runs the steps, by name (`medzip.archive.driving`)."""


def recompress(
    archive: StrPath,
    models: StrPath | None = None,
    profile: str | None = None,
    workers: int = 1,
    on_event: Callable[[Event], None] | None = None,
) -> RecompressSummary:
    """Code the objects of an archive anew where that makes it smaller.

    Parameters
    ----------
    archive : path
        An archive; whoever reads it meanwhile finds every object whole.
    models : path, optional
        Registry of models; those that the archive has are tried, too.
    profile : str, optional
        Profile to code with; that of each object by default.
    workers : int
        Processes at work at a time.
    on_event : callable, optional
        Called with the progress.

    Returns
    -------
    RecompressSummary
        What became of each object. One that fails stays as it is and does not stop the others.

    Raises
    ------
    ArchiveError
        When the folder is no archive, or held by another run.
    ModelError
        When there is no such registry.
    """
    started = time.perf_counter()
    open_archive(archive)
    if models is not None:
        Registry.there(models)
    with archive_lock(archive):
        found, broken = candidates(archive)
        gate = Gate(os.fspath(archive))
        registry = None if models is None else os.path.abspath(models)
        line = Recompressing(os.fspath(archive), registry, profile, on_event)
        line.total = len(found)
        here = {**HERE, Step.REPLACE: gate.offer}
        if workers > 1:
            run_in_processes(line, found, workers, FUNCTIONS, here)
        else:
            run_here(line, found, FUNCTIONS, here)
        return finish(line, gate, broken, time.perf_counter() - started)


def finish(
    line: Recompressing, gate: Gate, broken: Iterable[Recompressed], seconds: float
) -> RecompressSummary:
    """End a run: whoever waits at the gate stays, the index is brought up to date.

    The work is dropped, unless something failed and may go on from it.

    Parameters
    ----------
    line, gate
        Of the run; nothing is left to run in it.
    broken
        Objects that were not tried, from `candidates`.
    seconds
        How long it took.
    """
    line.lose()
    for proof, reason in gate.left():
        line.keep(proof.key, reason)
    objects = sorted([*broken, *line.ended.values()], key=lambda one: one.key)
    end_replacements(gate.archive)
    if all(one.failure is None for one in objects):
        shutil.rmtree(Path(gate.archive) / "work", ignore_errors=True)
    return RecompressSummary(gate.archive, tuple(objects), gate.model_bytes, seconds)
