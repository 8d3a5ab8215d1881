"""All steps for all objects, in a pool of processes and without any orchestrator."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.archive.committing import publish
from medzip.archive.failures import failure_of
from medzip.archive.line import Archiving
from medzip.archive.locking import archive_lock
from medzip.archive.pooling import run_in_processes
from medzip.archive.records import Failure
from medzip.archive.scanning import discover
from medzip.archive.summary import Summary
from medzip.cores import cores
from medzip.dicom.walk import name_trees
from medzip.errors import ArchiveError
from medzip.profile import PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from medzip.archive.handles import ObjectPlan
    from medzip.archive.layout import StrPath
    from medzip.archive.summary import Event

__all__ = ["check_places", "compress"]


def check_places(sources: Sequence[StrPath], archive: StrPath) -> None:
    """Refuse an archive inside a source, or a source inside the archive.

    Raises
    ------
    ArchiveError
        Naming the two folders.
    """
    target = Path(os.path.realpath(archive))
    for source in sources:
        root = Path(os.path.realpath(source))
        if target == root or root in target.parents or target in root.parents:
            raise ArchiveError(
                f"{target}: expected an archive apart from its source, got one inside the other "
                f"({root}); name a folder outside"
            )


def compress(
    sources: Sequence[StrPath],
    archive: StrPath,
    profile: str = "default",
    workers: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    models: StrPath | None = None,
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

    Returns
    -------
    Summary
        What became of each object. A failure of one does not stop the others.

    Raises
    ------
    ArchiveError
        When the archive is held by another run, is no archive, or overlaps a source.
    SourceError
        When a source does not exist.
    """
    if profile not in PROFILES:
        raise ArchiveError(f"expected a profile of {sorted(PROFILES)}, got {profile!r}; name one")
    started = time.perf_counter()
    check_places(sources, archive)
    trees = name_trees(sources)
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
