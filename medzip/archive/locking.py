"""One writer an archive at a time, who first ends what a killed one had begun."""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.archive.layout import MARKER, PART
from medzip.archive.replacing import settle_replacements
from medzip.atomic import write_atomic
from medzip.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip.archive.layout import StrPath

__all__ = ["archive_lock"]


def _create(archive: Path) -> None:
    """Create the folder, or check that it is ours to write to."""
    # A run killed before the marker was there leaves at most these behind.
    ours = {"medzip.json", "lock", "objects", "work"}
    known = (archive / "medzip.json").exists() or not archive.exists()
    if not known and (
        not archive.is_dir()
        or any(name not in ours and not name.endswith(PART) for name in os.listdir(archive))
    ):
        raise ArchiveError(
            f"{archive}: expected an archive, or no such folder yet, got a folder with other "
            "things in it; name another folder"
        )
    archive.mkdir(parents=True, exist_ok=True)
    (archive / "lock").touch()


@contextmanager
def archive_lock(archive: StrPath) -> Iterator[None]:
    """Hold an archive for writing; it is created if it does not exist.

    Replacements that a killed run left half done are completed first. The lock is the kernel's
    (flock), so it ends with the process however that dies: there are no stale locks.

    Raises
    ------
    ArchiveError
        When another run holds it, or the folder is no archive.
    """
    path = Path(archive)
    _create(path)
    with open(path / "lock", "rb+") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise ArchiveError(
                f"{path}: expected to be the only run that writes to it, got another one at work; "
                "wait until it ends, then run again"
            ) from error
        for folder in ("objects", "work"):
            (path / folder).mkdir(exist_ok=True)
        if not (path / "medzip.json").exists():
            write_atomic(path / "medzip.json", MARKER)
        settle_replacements(path)
        yield
