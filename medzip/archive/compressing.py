"""All steps for all objects, in a pool of processes and without any orchestrator."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from medzip.archive.committing import publish
from medzip.archive.failures import failure_of
from medzip.archive.line import Archiving
from medzip.archive.locking import archive_lock
from medzip.archive.pooling import run_in_processes
from medzip.archive.records import Failure
from medzip.archive.refusing import check_places
from medzip.archive.scanning import discover
from medzip.archive.summary import Summary
from medzip.cores import cores
from medzip.errors import ArchiveError
from medzip.profile import PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from medzip.archive.handles import ObjectPlan
    from medzip.archive.layout import StrPath
    from medzip.archive.summary import Event

__all__ = ["compress"]


def compress(
    sources: Sequence[StrPath],
    archive: StrPath,
    profile: str = "default",
    workers: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    models: StrPath | None = None,
    allow_empty: bool = False,
) -> Summary:
    """Compress everything under ``sources`` into a verified archive.

    Parameters
    ----------
    sources : sequence of path
        Folders or files; they are only read.
    archive : path
        Archive, created if it does not exist; apart from every source.
    profile : str
        "fast", "default" or "max".
    workers : int, optional
        Processes at work at a time; None for as many as this process may use cores.
    on_event : callable, optional
        Called with the progress, in this process.
    models : path, optional
        Registry of models (``medzip.models``): each volume is coded with the one that takes
        fewest bytes on a sample of it, the profile's own and those of the archive among them.
    allow_empty : bool
        Whether a source without any file is archived: most often it is not mounted.

    Returns
    -------
    Summary
        What became of each object. A failure of one does not stop the others.

    Raises
    ------
    ArchiveError
        When the archive is held by another run, is no archive, or a place is mixed up with another.
    SourceError
        When a source does not exist, or has no file.
    ModelError
        When there is no such registry.
    """
    if profile not in PROFILES:
        raise ArchiveError(f"expected a profile of {sorted(PROFILES)}, got {profile!r}; name one")
    started = time.perf_counter()
    trees = check_places(sources, archive, models, allow_empty)
    workers = workers or cores()
    registry = None if models is None else os.path.abspath(models)
    line = Archiving(os.fspath(archive), profile, registry, on_event)
    failures: list[Failure] = []

    def plans() -> Iterator[ObjectPlan]:
        for found in discover(trees, workers, on_event):
            if isinstance(found, Failure):
                failures.append(found)
            else:
                line.total += 1
                yield found

    with archive_lock(archive):
        run_in_processes(line, plans(), workers)
        line.lose()
        records = sorted(line.ended.values(), key=lambda record: record.key)
        failures += line.failures
        try:
            publish(archive, records)
        except OSError as error:
            failures.append(failure_of(None, "commit", error))
    return Summary(
        archive=os.fspath(archive),
        profile=profile,
        objects=tuple(records),
        failures=tuple(failures),
        seconds=time.perf_counter() - started,
    )
