"""Sources -> plans of objects, as they are found: the walk goes on while the first are archived."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from medzip.archive.failures import failure_of
from medzip.archive.gathering import Gathering
from medzip.archive.handles import Inventory, ObjectPlan
from medzip.archive.records import Failure
from medzip.archive.summary import Event
from medzip.archive.workers import Workers, in_order
from medzip.dicom.walk import Directory, File, Link, name_trees, walk
from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from medzip.archive.gathering import Group
    from medzip.archive.layout import StrPath
    from medzip.archive.planning import Read
    from medzip.dicom.records import SourceTree
    from medzip.dicom.walk import Found

__all__ = ["discover", "scan"]

READ = "medzip.archive.planning:read_files"
PLAN = "medzip.archive.planning:plan_groups"
BATCH = 64
"""Files whose headers one process reads at a time."""
BATCH_BYTES = 64 << 20
"""Their bytes, at most: all of them are hashed."""


def scan(sources: Sequence[StrPath], on_event: Callable[[Event], None] | None = None) -> Inventory:
    """Find, hash and group everything under ``sources``, in this process.

    Parameters
    ----------
    sources : sequence of path
        Folders or files. The content of a single folder lies at the top of the archive, several
        sources lie under their base names.
    on_event : callable, optional
        Called with the progress.

    Returns
    -------
    Inventory
        One plan a series with voxels; all other files, links and empty directories in bundles, one
        or more a top-level folder.

    Raises
    ------
    SourceError
        When a source does not exist or two have the same base name. What cannot be read below a
        source is a failure in the inventory, not an exception.
    """
    trees = name_trees(sources)
    plans: list[ObjectPlan] = []
    failures: list[Failure] = []
    for found in discover(trees, 0, on_event):
        if isinstance(found, Failure):
            failures.append(found)
        else:
            plans.append(found)
    plans.sort(key=lambda plan: plan.key)
    return Inventory(trees, tuple(plans), tuple(failures))


def discover(
    trees: Sequence[SourceTree], workers: int, tell: Callable[[Event], None] | None = None
) -> Iterator[ObjectPlan | Failure]:
    """Find objects one after the other; the same tree gives the same ones in the same order.

    Memory does not grow with the number of files, but for those of one folder and of one series.

    Parameters
    ----------
    trees : sequence of SourceTree
        From ``name_trees``.
    workers : int
        Processes that read headers; 0: this one does.
    tell : callable, optional
        Called with the number of files whose headers are read.

    Yields
    ------
    ObjectPlan or Failure
        An object, or what could not be read.
    """
    with Workers(workers) if workers else nullcontext() as processes:
        read = in_order(processes, READ, _batches(walk(trees)), _unread)
        yield from _planned(processes, _gathered(read, tell))


def _gathered(
    read: Iterable[Sequence[Read]], tell: Callable[[Event], None] | None
) -> Iterator[Group | Failure]:
    """Groups that are complete, and what could not be read."""
    gathering = Gathering()
    count = 0
    for batch in read:
        for one in batch:
            match one:
                case Link():
                    yield from gathering.add_link(one)
                case Directory():
                    yield from gathering.add_directory(one)
                case Failure():
                    yield one
                case entry, header:
                    count += 1
                    yield from gathering.add(entry, header)
        if tell is not None:
            tell(Event("scan", "", count, count))
    yield from gathering.end()


def _planned(
    processes: Workers | None, found: Iterable[Group | Failure]
) -> Iterator[ObjectPlan | Failure]:
    """Plans of the groups, some groups at a time; failures as they are."""
    failures: list[Failure] = []

    def shared() -> Iterator[list[Group]]:
        batch: list[Group] = []
        files = 0
        for one in found:
            if isinstance(one, Failure):
                failures.append(one)
                continue
            batch.append(one)
            files += len(one.items)
            if files >= BATCH:
                yield batch
                batch, files = [], 0
        if batch:
            yield batch

    for plans in in_order(processes, PLAN, shared(), _unplanned):
        yield from plans
        while failures:
            yield failures.pop()
    yield from failures


def _batches(found: Iterable[Found]) -> Iterator[list[Found]]:
    """What one process reads at a time."""
    batch: list[Found] = []
    size = 0
    for one in found:
        batch.append(one)
        size += one.size if isinstance(one, File) else 0
        if len(batch) >= BATCH or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _unread(found: Found) -> list[Read]:
    """What becomes of a file that ends each process that reads it."""
    if isinstance(found, File):
        return [_killed(found.source)]
    return [failure_of(None, "scan", found) if isinstance(found, SourceError) else found]


def _unplanned(group: Group) -> list[Failure]:
    """What becomes of what ends each process that arranges it: all of it is named."""
    names = [entry.source for entry, _ in group.items]
    names += [path for path, _ in group.links] + group.directories
    return [_killed(name) for name in names]


def _killed(name: str) -> Failure:
    error = SourceError(
        f"{name}: expected the process that looks at it to answer, got its end, twice (out of "
        "memory?); use fewer --workers and run again"
    )
    return failure_of(None, "scan", error)
