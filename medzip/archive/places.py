"""Files and links below one folder, written so that nothing can lead out of it.

Every name is resolved relative to an open folder and without following links (``openat`` with
``O_NOFOLLOW``), so neither an archive nor a link that lies in the destination already can move a
write elsewhere. Nothing that is there is ever replaced.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from medzip.errors import ArchiveError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from medzip.dicom.records import FileEntry

__all__ = ["folder_below", "make_link", "scratch_folder", "write_files"]

_CHUNK = 1 << 20
_PART = ".part"
_SCRATCH = ".medzip-restoring-"
_SCRATCH_NAME = re.compile(re.escape(_SCRATCH) + "[0-9a-f]{32}")
_TIME_LIMIT_NS = 1 << 62


@contextmanager
def folder_below(root: int, path: str) -> Iterator[int]:
    """Open a folder below ``root``, made if need be.

    Parameters
    ----------
    root : int
        Descriptor of the destination.
    path : str
        Relative path, checked before; "" for the root itself.

    Raises
    ------
    ArchiveError
        When a link or a file is in the way.
    """
    handle = os.dup(root)
    try:
        for part in path.split("/") if path else ():
            with contextlib.suppress(FileExistsError):
                os.mkdir(part, dir_fd=handle)
            try:
                inner = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
            except OSError as error:
                if error.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                raise ArchiveError(
                    f"{path}: expected a folder in the destination, got a link or file named "
                    f"{part!r}; restore into an empty folder"
                ) from error
            os.close(handle)
            handle = inner
        yield handle
    finally:
        os.close(handle)


@contextmanager
def scratch_folder(root: int, taken: Iterable[str]) -> Iterator[str]:
    """Make a folder for files that are not complete yet; whatever happens it is gone at the end.

    Parameters
    ----------
    root : int
        Descriptor of the destination.
    taken : iterable of str
        Paths that the archive will write; the name is none of their first parts.

    Yields
    ------
    str
        Its name in the destination, of this run alone. What killed runs left is removed.
    """
    _sweep(root)
    names = {path.split("/", 1)[0] for path in taken}
    while (name := _SCRATCH + secrets.token_hex(16)) in names:
        pass
    os.mkdir(name, 0o700, dir_fd=root)  # fails where there is such a name, which nobody can guess
    try:
        with folder_below(root, name) as handle:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield name
    finally:
        _empty(root, name)


def _sweep(root: int) -> None:
    """Remove what killed runs left: folders that no run holds any more (the lock is the kernel's).

    One of another name, or with other things in it, is the user's and stays.
    """
    for name in os.listdir(root):
        if not _SCRATCH_NAME.fullmatch(name):
            continue
        with contextlib.suppress(OSError, ArchiveError), folder_below(root, name) as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _empty(root, name)


def _empty(root: int, name: str) -> None:
    """Remove the folder for incomplete files, if it is one, with the files in it."""
    with contextlib.suppress(FileNotFoundError):
        handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=root)
        try:
            for part in os.listdir(handle):
                if part.endswith(_PART):
                    os.unlink(part, dir_fd=handle)
        finally:
            os.close(handle)
        os.rmdir(name, dir_fd=root)


def write_files(
    root: int, scratch: str, targets: Sequence[FileEntry], pieces: Iterator[bytes], origin: str
) -> list[tuple[FileEntry, OSError | ArchiveError]]:
    """Write one content to one or more places, each named only when the digest is right.

    Parameters
    ----------
    root : int
        Descriptor of the destination.
    scratch : str
        From :func:`scratch_folder`.
    targets : sequence of FileEntry
        Files of the same content.
    pieces : iterator of bytes
        The content.
    origin : str
        Object it comes from, for messages.

    Returns
    -------
    list of (FileEntry, exception)
        Places that could not be taken, and why; the others have the file.

    Raises
    ------
    VerificationError
        When the content does not have its SHA-256; no file is left then.
    OSError
        When the destination cannot be written.
    """
    digest = hashlib.sha256()
    errors: list[tuple[FileEntry, OSError | ArchiveError]] = []
    with folder_below(root, scratch) as parts, _temporary(parts) as (name, file):
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        if digest.hexdigest() != targets[0].sha256:
            raise VerificationError(
                f"{origin}: {targets[0].path}: expected SHA-256 {targets[0].sha256}, got "
                f"{digest.hexdigest()}; restore the object from a copy"
            )
        for number, entry in enumerate(targets):
            try:
                if number == 0:
                    _place(root, parts, name, file, entry)
                else:
                    with _temporary(parts) as (other, copy):
                        file.seek(0)
                        shutil.copyfileobj(file, copy, _CHUNK)
                        _place(root, parts, other, copy, entry)
            except (OSError, ArchiveError) as error:
                errors.append((entry, error))
    return errors


@contextmanager
def _temporary(parts: int) -> Iterator[tuple[str, BinaryIO]]:
    """Open a new file in the folder for incomplete ones; its name there is gone at the end."""
    name = secrets.token_hex(16) + _PART
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=parts), "w+b") as file:
        try:
            yield name, file
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=parts)


def _place(root: int, parts: int, temporary: str, file: BinaryIO, entry: FileEntry) -> None:
    """Give a complete file mode, time and name."""
    file.flush()
    os.fchmod(file.fileno(), entry.mode & 0o777)
    # A time that the file system cannot hold is not worth losing a file for.
    moment = max(-_TIME_LIMIT_NS, min(entry.mtime_ns, _TIME_LIMIT_NS))
    with contextlib.suppress(OSError, OverflowError):
        os.utime(file.fileno(), ns=(moment, moment))
    folder_path, _, name = entry.path.rpartition("/")
    with folder_below(root, folder_path) as folder:
        _name(parts, temporary, folder, name, entry)


def _name(parts: int, temporary: str, folder: int, name: str, entry: FileEntry) -> None:
    """Give a complete file its name, unless something else has it."""
    try:
        try:
            # A hard link, not a rename, which would replace a file that is there.
            os.link(temporary, name, src_dir_fd=parts, dst_dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK):
                raise
            _name_without_link(parts, temporary, folder, name)
    except FileExistsError:
        if not _same(folder, name, entry):
            raise ArchiveError(
                f"{entry.path}: expected no such file in the destination, got one of other "
                "content; restore into an empty folder"
            ) from None


def _name_without_link(parts: int, temporary: str, folder: int, name: str) -> None:
    """Give a file its name on a file system without hard links.

    An empty file takes the name first, which fails where it is taken; the rename replaces that one
    and no other, and the name never holds a part of a file.

    Raises
    ------
    FileExistsError
        When the name is taken.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    os.close(os.open(name, flags, 0o600, dir_fd=folder))
    try:
        os.rename(temporary, name, src_dir_fd=parts, dst_dir_fd=folder)
    except BaseException:
        os.unlink(name, dir_fd=folder)
        raise


def _same(folder: int, name: str, entry: FileEntry) -> bool:
    """Whether a regular file of the wanted content is there."""
    status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(status.st_mode) or status.st_size != entry.size:
        return False
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
    with os.fdopen(handle, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256


def make_link(root: int, path: str, target: str) -> None:
    """Make a symbolic link, or find the same one there.

    Raises
    ------
    ArchiveError
        When something else has its name.
    """
    folder_path, _, name = path.rpartition("/")
    with folder_below(root, folder_path) as folder:
        try:
            os.symlink(target, name, dir_fd=folder)
        except FileExistsError:
            status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISLNK(status.st_mode) or os.readlink(name, dir_fd=folder) != target:
                raise ArchiveError(
                    f"{path}: expected no such name in the destination, got another file or link; "
                    "restore into an empty folder"
                ) from None
