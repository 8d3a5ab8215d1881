"""Files as they are found -> series that are complete, in memory that does not grow with the tree.

Nobody says when the last file of a series has been found. The rule, which depends on nothing but
the tree: a series is complete when `GAP` files have been found since the last one of it (`FLAT_GAP`
while its folder is still being read: names within a folder may come in any order), or at the end.
What comes later all the same is another object. It loses a little size, never a byte.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.dicom.header import Header
    from medzip.dicom.records import FileEntry
    from medzip.dicom.walk import Directory, Link

__all__ = ["Gathering", "Group"]

GAP = 4096
"""Files since the last one of a series, after which it is complete."""
FLAT_GAP = 16 * GAP
"""The same while the folder is read that the series lies in."""
BUNDLE_BYTES = 256 << 20
BUNDLE_FILES = 10_000


@dataclass
class Group:
    """What becomes one object: a series with voxels, or a bundle of everything else.

    Attributes
    ----------
    kind : str
        "series" or "other".
    items : list of (FileEntry, Header)
        Its files, as they were found.
    links, directories
        As `medzip.archive.handles.ObjectPlan` has them.
    bytes : int
        Of its files.
    folder, last : str, int
        Folder of the last of them, and how many files had been found then.
    """

    kind: str
    items: list[tuple[FileEntry, Header]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)
    bytes: int = 0
    folder: str = ""
    last: int = 0

    @property
    def members(self) -> int:
        """Files, links and directories."""
        return len(self.items) + len(self.links) + len(self.directories)


class Gathering:
    """Groups that are being gathered: by series, and by folder at the top for everything else."""

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[str, str], Group] = OrderedDict()
        self._found = 0
        self._bundled = 0

    def add(self, entry: FileEntry, header: Header) -> Iterator[Group]:
        """Take in a file; gives the groups that are complete by now."""
        self._found += 1
        yield from self._complete(_folder(entry.path))
        if header.series_uid:
            self._put(("series", header.series_uid), entry, header)
        else:
            yield from self._bundle(entry, header)

    def add_link(self, link: Link) -> list[Group]:
        """Take in a symbolic link; gives a bundle that has no room for it."""
        full, key = self._room(link.path)
        self._group(key, _folder(link.path)).links.append((link.path, link.target))
        return full

    def add_directory(self, directory: Directory) -> list[Group]:
        """Take in an empty directory; gives a bundle that has no room for it."""
        path = directory.path
        full, key = self._room(path)
        self._group(key, _folder(path)).directories.append(path)
        return full

    def end(self) -> Iterator[Group]:
        """Everything that is left: there are no more files."""
        for kind in ("series", "other"):
            for key in [key for key in self._open if key[0] == kind]:
                yield from self._close(key)

    def _complete(self, folder: str) -> Iterator[Group]:
        """Close what has not been added to for long; the first are those that waited longest."""
        while self._open:
            key, group = next(iter(self._open.items()))
            gap = FLAT_GAP if group.folder == folder else GAP
            if self._found - group.last <= gap:
                return
            yield from self._close(key)

    def _close(self, key: tuple[str, str]) -> Iterator[Group]:
        group = self._open.pop(key)
        # an object of its own pays only where there are voxels to code
        if group.kind == "other" or any(header.frames for _, header in group.items):
            yield group
            return
        for entry, header in group.items:
            yield from self._bundle(entry, header)

    def _bundle(self, entry: FileEntry, header: Header) -> Iterator[Group]:
        full, key = self._room(entry.path, entry.size)
        yield from full
        self._put(key, entry, header)

    def _room(self, path: str, size: int = 0) -> tuple[list[Group], tuple[str, str]]:
        """Close the bundle of a path if it is full; gives it, and the name of the open one."""
        key = ("other", _top(path))
        group = self._open.get(key)
        if group is None or (group.members < BUNDLE_FILES and group.bytes + size <= BUNDLE_BYTES):
            return [], key
        return [self._open.pop(key)], key

    def _put(self, key: tuple[str, str], entry: FileEntry, header: Header) -> None:
        group = self._group(key, _folder(entry.path))
        group.items.append((entry, header))
        group.bytes += entry.size

    def _group(self, key: tuple[str, str], folder: str) -> Group:
        group = self._open.setdefault(key, Group(key[0]))
        self._open.move_to_end(key)
        group.folder, group.last = folder, self._found
        return group


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _top(path: str) -> str:
    return path.split("/", 1)[0] if "/" in path else ""
