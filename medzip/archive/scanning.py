"""Sources -> inventory: everything found, hashed, and grouped into objects."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from medzip.archive.failures import failure_of
from medzip.archive.handles import Inventory, ObjectPlan
from medzip.archive.layout import object_key
from medzip.archive.summary import Event
from medzip.dicom.discover import group_series, stack_files
from medzip.dicom.header import Header, read_hashed
from medzip.dicom.records import FileEntry
from medzip.dicom.walk import Directory, File, Link, name_trees, unreadable, walk
from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medzip.archive.layout import StrPath
    from medzip.archive.records import Failure

__all__ = ["scan"]

_BUNDLE_BYTES = 256 << 20
_BUNDLE_FILES = 10_000

_Item = tuple[FileEntry, Header]


def scan(sources: Sequence[StrPath], on_event: Callable[[Event], None] | None = None) -> Inventory:
    """Find, hash and group everything under ``sources``.

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
    items: list[_Item] = []
    links: list[tuple[str, str]] = []
    directories: list[str] = []
    failures: list[Failure] = []
    for found in walk(trees):
        match found:
            case File():
                try:
                    items.append(_read(found))
                except OSError as error:
                    failures.append(failure_of(None, "scan", unreadable(found.source, error)))
                if on_event:
                    on_event(Event("scan", "", len(items), len(items)))
            case Link():
                links.append((found.path, found.target))
            case Directory():
                directories.append(found.path)
            case SourceError():
                failures.append(failure_of(None, "scan", found))
    series = group_series(items)
    others = series.pop("", [])
    plans = [_plan("series", members) for members in series.values()]
    plans += _bundles(others, links, directories)
    plans.sort(key=lambda plan: plan.key)
    return Inventory(trees, tuple(plans), tuple(failures))


def _read(file: File) -> _Item:
    """Hash one file and read its header."""
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


def _plan(
    kind: str,
    items: Sequence[_Item],
    links: Sequence[tuple[str, str]] = (),
    directories: Sequence[str] = (),
) -> ObjectPlan:
    """Arrange files into an object; of several files of one content only the first is stored."""
    first: dict[tuple[str, int], FileEntry] = {}
    copies: list[FileEntry] = []
    unique: list[_Item] = []
    for entry, header in sorted(items, key=lambda item: item[0].path):
        if first.setdefault((entry.sha256, entry.size), entry) is entry:
            unique.append((entry, header))
        else:
            copies.append(entry)
    files, stacks = stack_files(unique)
    place = {(file.sha256, file.size): index for index, file in enumerate(files)}
    files += tuple(replace(copy, copy_of=place[copy.sha256, copy.size]) for copy in copies)
    key = object_key(((f.path, f.size, f.sha256) for f in files), links, directories)
    return ObjectPlan(key, kind, files, stacks, tuple(sorted(links)), tuple(sorted(directories)))


def _bundles(
    items: Sequence[_Item], links: Sequence[tuple[str, str]], directories: Sequence[str]
) -> list[ObjectPlan]:
    """Bundle what belongs to no coded series: by top-level folder, bounded in size."""

    def top(path: str) -> str:
        return path.split("/", 1)[0] if "/" in path else ""

    parts: dict[str, list[list[_Item]]] = defaultdict(lambda: [[]])
    size = 0
    for item in sorted(items, key=lambda item: item[0].path):
        folder = parts[top(item[0].path)]
        size = size + item[0].size if folder[-1] else item[0].size
        if folder[-1] and (size > _BUNDLE_BYTES or len(folder[-1]) >= _BUNDLE_FILES):
            folder.append([])
            size = item[0].size
        folder[-1].append(item)
    plans = []
    for name in sorted(
        {*parts, *(top(path) for path, _ in links), *(top(path) for path in directories)}
    ):
        here = [link for link in links if top(link[0]) == name]
        empty = [path for path in directories if top(path) == name]
        for number, part in enumerate(parts[name]):
            if number == 0:
                plans.append(_plan("other", part, here, empty))
            else:
                plans.append(_plan("other", part))
    return plans
