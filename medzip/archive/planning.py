"""Files -> entries with headers -> plans of objects: what needs their content or their geometry.

Each function takes a batch, so that a worker process can be asked for one at a time.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from medzip.archive.failures import failure_of
from medzip.archive.handles import ObjectPlan
from medzip.archive.layout import object_key
from medzip.dicom.discover import stack_files
from medzip.dicom.header import read_hashed
from medzip.dicom.records import FileEntry
from medzip.dicom.walk import File, unreadable
from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.archive.gathering import Group
    from medzip.archive.records import Failure
    from medzip.dicom.header import Header
    from medzip.dicom.walk import Directory, Found, Link

    Read = tuple[FileEntry, Header] | Link | Directory | Failure
    """What becomes of one thing that was found."""

__all__ = ["plan_groups", "read_files"]


def read_files(found: Sequence[Found]) -> list[Read]:
    """Hash files and read their headers; what is no file is passed on.

    Returns
    -------
    list
        In order: an entry and a header for each file, or a failure where it cannot be read.
    """
    out: list[Read] = []
    for one in found:
        if isinstance(one, SourceError):
            out.append(failure_of(None, "scan", one))
        elif not isinstance(one, File):
            out.append(one)
        else:
            try:
                out.append(_read(one))
            except OSError as error:
                out.append(failure_of(None, "scan", unreadable(one.source, error)))
            except SourceError as error:
                out.append(failure_of(None, "scan", error))
    return out


def _read(file: File) -> tuple[FileEntry, Header]:
    header, sha256 = read_hashed(file.source, file.size)
    entry = FileEntry(
        path=file.path,
        source=file.source,
        size=file.size,
        sha256=sha256,
        mtime_ns=file.mtime_ns,
        mode=file.mode,
        series_uid=header.series_uid,
        reason=header.reason,
    )
    return entry, header


def plan_groups(groups: Sequence[Group]) -> list[ObjectPlan]:
    """Arrange the files of each group into an object."""
    return [_plan(group) for group in groups]


def _plan(group: Group) -> ObjectPlan:
    """Of several files of one content only the first is stored."""
    first: dict[tuple[str, int], FileEntry] = {}
    copies: list[FileEntry] = []
    unique: list[tuple[FileEntry, Header]] = []
    for entry, header in sorted(group.items, key=lambda item: item[0].path):
        if first.setdefault((entry.sha256, entry.size), entry) is entry:
            unique.append((entry, header))
        else:
            copies.append(entry)
    files, stacks = stack_files(unique)
    place = {(file.sha256, file.size): index for index, file in enumerate(files)}
    files += tuple(replace(copy, copy_of=place[copy.sha256, copy.size]) for copy in copies)
    links, directories = tuple(sorted(group.links)), tuple(sorted(group.directories))
    key = object_key(((f.path, f.size, f.sha256) for f in files), links, directories)
    return ObjectPlan(key, group.kind, files, stacks, links, directories)
