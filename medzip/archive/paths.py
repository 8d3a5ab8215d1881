"""Which paths an archive may name.

Restoring writes only below its destination, whatever an archive says: relative names without "..",
no name that is at once a file or link and the folder of another.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from medzip.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["check_path", "check_paths"]


def check_path(path: str, name: str) -> None:
    """Refuse a path that could lead out of the destination.

    Raises
    ------
    ArchiveError
        When the path is absolute, empty, has "..", ".", an empty name or NUL in it, or cannot be a
        file name on this system.
    """
    parts = path.split("/")
    safe = bool(path) and "\0" not in path and not {"", ".", ".."} & set(parts)
    if safe and os.name == "nt":
        safe = not any(set(part) & set('\\:*?"<>|') for part in parts)
    if safe:
        try:
            os.fsencode(path)
        except UnicodeEncodeError:
            safe = False
    if not safe:
        raise ArchiveError(
            f"{name}: expected a path below the destination, got {path!r}; the archive is unsafe "
            "or damaged: nothing of this object is restored"
        )


def check_paths(
    files: Iterable[str], links: Iterable[str], directories: Iterable[str], name: str
) -> None:
    """Check all paths, and that none of them lies below a file or link.

    Raises
    ------
    ArchiveError
        As :func:`check_path`; also when a path is named twice, or a file or link is at once a
        folder.
    """
    leaves: set[str] = set()
    folders: set[str] = set()
    for path in (*files, *links):
        check_path(path, name)
        if path in leaves:
            raise ArchiveError(
                f"{name}: expected each path once, got {path!r} twice; "
                "restore the object from a copy"
            )
        leaves.add(path)
    for path in directories:
        check_path(path, name)
        folders.add(path)
    for path in (*leaves, *folders):
        parent = path
        while "/" in parent:
            parent = parent.rpartition("/")[0]
            if parent in folders:
                break
            folders.add(parent)
    both = sorted(leaves & folders)
    if both:
        raise ArchiveError(
            f"{name}: expected {both[0]!r} to be a file, a link or a folder, got two of them; the "
            "archive is unsafe or damaged: nothing of this object is restored"
        )
