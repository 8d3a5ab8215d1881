"""Sources -> every file, link and empty directory below them; links are never followed."""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from medzip.dicom.records import SourceTree
from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = [
    "Directory",
    "File",
    "Found",
    "Link",
    "changed",
    "name_trees",
    "open_file",
    "unreadable",
    "walk",
]


@dataclass(frozen=True, slots=True)
class File:
    """A regular file.

    Attributes
    ----------
    path : str
        Path in the archive ("/" between names).
    source : str
        Path to read.
    size, mtime_ns, mode : int
        Bytes, modification time, and permission bits (never set-uid, set-gid or sticky).
    """

    path: str
    source: str
    size: int
    mtime_ns: int
    mode: int


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link: its path in the archive, and its target as it stands."""

    path: str
    target: str


@dataclass(frozen=True, slots=True)
class Directory:
    """An empty directory: its path in the archive."""

    path: str


Found = File | Link | Directory | SourceError
"""One thing that a walk comes by; an error for what cannot be read, or is none of these."""


def name_trees(sources: Sequence[str | os.PathLike[str]]) -> tuple[SourceTree, ...]:
    """Name the tree of each source.

    The content of a single source lies at the top of the archive, so that restoring gives the
    source again. Several sources lie under their base names.

    Raises
    ------
    SourceError
        When a source does not exist or two have the same base name.
    """
    roots = [Path(os.path.realpath(source)) for source in sources]
    for source, root in zip(sources, roots, strict=True):
        if not root.exists():
            raise SourceError(
                f"{os.fspath(source)}: expected a file or folder, got nothing; check the path"
            )
    if len(roots) == 1:
        return (SourceTree(str(roots[0]), ""),)
    names = [os.path.basename(os.path.abspath(source)) or "root" for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(
            f"expected sources of different base names, got {twice[0]!r} twice; "
            "give their parent folder, or archive them one by one"
        )
    return tuple(SourceTree(str(r), name) for r, name in zip(roots, names, strict=True))


def walk(trees: Sequence[SourceTree]) -> Iterator[Found]:
    """Walk the trees, folder by folder: what lies in one by name, then its folders by name.

    Only the names of one folder, and the folders that wait, are in memory.
    """
    for tree in trees:
        if os.path.isdir(tree.root):
            yield from _walk(tree.root, tree.prefix)
        elif found := _look(tree.root, tree.prefix or os.path.basename(tree.root)):
            yield found


def _walk(top: str, prefix: str) -> Iterator[Found]:
    """Walk one tree with an explicit stack, so that depth does not matter."""
    waiting = [(top, prefix)]
    while waiting:
        folder, inside = waiting.pop()
        try:
            names = sorted(os.listdir(folder))
        except OSError as error:
            yield unreadable(folder, error)
            continue
        if not names and inside:
            yield Directory(inside)
        below = []
        for name in names:
            source, path = os.path.join(folder, name), f"{inside}/{name}" if inside else name
            if found := _look(source, path):
                yield found
            else:
                below.append((source, path))
        waiting += reversed(below)


def _look(source: str, path: str) -> Found | None:
    """Say what lies at a path; None for a folder."""
    try:
        status = os.lstat(source)
        if stat.S_ISREG(status.st_mode):
            mode = stat.S_IMODE(status.st_mode) & 0o777
            return File(path, source, status.st_size, status.st_mtime_ns, mode)
        if stat.S_ISDIR(status.st_mode):
            return None
        if stat.S_ISLNK(status.st_mode):
            return Link(path, os.readlink(source))
    except OSError as error:
        return unreadable(source, error)
    return SourceError(
        f"{source}: expected a file, folder or link, got a special file "
        "(device, pipe or socket); move it away, it is not archived"
    )


def unreadable(path: str, error: OSError) -> SourceError:
    """Name file, cause and remedy."""
    cause = error.strerror or str(error)
    return SourceError(
        f"{path}: expected a readable file or folder, got: {cause}; "
        "check permissions and the disk, then run again (what is proven is skipped)"
    )


def open_file(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file, and nothing else that may have come to its place since it was found.

    A pipe would be waited for without end, a link would bring what lies elsewhere.

    Raises
    ------
    OSError
        When it cannot be opened, or is none.
    """
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_NOFOLLOW", "O_NONBLOCK"):
        flags |= getattr(os, name, 0)
    file = os.fdopen(os.open(path, flags), "rb")
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "it is no regular file any more", os.fspath(path))
    return file


def changed(path: str | os.PathLike[str]) -> SourceError:
    """Name a file that is not what it was when it was found."""
    return SourceError(
        f"{os.fspath(path)}: expected the content that the scan saw, got another one: the file is "
        "being written; run again when it is complete"
    )
