"""Folders in which this user may keep compiled kernels, and those that he can believe.

What is loaded from there is run. So a folder that others could have written, the temporary
directory above all, counts only where it is this user's own and closed to others, and so does each
file in it.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Place", "Places", "find_places", "private_folder"]

_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class Place:
    """A folder of kernels.

    Attributes
    ----------
    folder
        Where they lie.
    private
        Whether only this user's own files count in it.
    """

    folder: Path
    private: bool

    def read(self, name: str) -> bytes:
        """Content of a file.

        Raises
        ------
        OSError
            When there is none, or in a private place it is somebody else's.
        """
        with open(self.folder / name, "rb") as file:
            if self.private and not _own(os.fstat(file.fileno())):
                raise PermissionError(f"{self.folder / name}: expected a file of this user's own")
            return file.read()


@dataclass(frozen=True)
class Places:
    """Where kernels of one digest are.

    Attributes
    ----------
    read : tuple of Place
        Where they are looked for, in order.
    written : Place or None
        Where they are put; the last of `read`.
    refused : tuple of (Path, str)
        Folders that cannot be written, and why.
    """

    read: tuple[Place, ...]
    written: Place | None
    refused: tuple[tuple[Path, str], ...]

    @property
    def told(self) -> str:
        """Where they cannot be put, for people."""
        return "; ".join(f"{folder}: {why}" for folder, why in self.refused)


def find_places(name: str) -> Places:
    """Where kernels of a name are looked for, and where they are put.

    Looking ends at the first folder that can be written: kernels that came with a read-only
    installation are found there, and those compiled since beside them.

    Parameters
    ----------
    name
        Of the folder.
    """
    read: list[Place] = []
    refused: list[tuple[Path, str]] = []
    for place, make in _candidates(name):
        try:
            make(place.folder)
            tempfile.TemporaryFile(dir=place.folder).close()
        except OSError as error:
            refused.append((place.folder, error.strerror or str(error)))
            if not place.private and place.folder.is_dir():
                read.append(place)
            continue
        return Places((*read, place), place, tuple(refused))
    return Places(tuple(read), None, tuple(refused))


def private_folder(name: str) -> Path:
    """Make a folder of temporary files that is this user's own, the same one each time.

    Raises
    ------
    OSError
        When it cannot be made, or somebody else has one of that name.
    """
    folder = _temporary(name)
    _make_in_public(folder)
    return folder


def _temporary(name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"{name}-{_user()}"


def _candidates(name: str) -> Iterator[tuple[Place, Callable[[Path], None]]]:
    """Places to try, and how each is made."""
    asked = os.environ.get("NUMBA_CACHE_DIR")
    if asked:
        yield Place(Path(asked, name), private=False), _make
    yield Place(_PACKAGE / "__pycache__" / name, private=False), _make
    user = _user_cache()
    if user is not None:
        yield Place(user / name, private=True), _make_private
    try:
        temporary = _temporary(name)
    except OSError:  # nothing at all can be written
        return
    yield Place(temporary, private=True), _make_in_public


def _user_cache() -> Path | None:
    """Folder for what can be made again, of the user who runs this; None where he has no home."""
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA")
        return Path(base, "medzip", "cache") if base else None
    base = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(base):
        return Path(base, "medzip")
    home = os.path.expanduser("~")
    return Path(home, ".cache", "medzip") if os.path.isabs(home) else None


def _user() -> str:
    return str(os.geteuid()) if hasattr(os, "geteuid") else "user"


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _make_private(folder: Path) -> None:
    """Make a folder that is this user's own.

    Raises
    ------
    OSError
        When it cannot be made, or is somebody else's.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    status = os.lstat(folder)  # a link that somebody else put there is not followed
    if not stat.S_ISDIR(status.st_mode) or not _own(status):
        raise PermissionError(0, "somebody else's, or open to others")


def _make_in_public(folder: Path) -> None:
    """Make such a folder where everybody may write; it must not be possible to rename it.

    Raises
    ------
    OSError
        When it is.
    """
    above = os.stat(folder.parent)
    if not above.st_mode & stat.S_ISVTX and not _own(above):
        raise PermissionError(0, "others can rename what lies in it")
    _make_private(folder)


def _own(status: os.stat_result) -> bool:
    """Whether something is this user's own, and nobody else can write it."""
    if not hasattr(os, "geteuid"):  # Windows: the folders are in the user's profile
        return True
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022
