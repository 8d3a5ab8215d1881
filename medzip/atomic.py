"""Files and folders that are there whole or not at all, whatever is killed or unplugged.

A file is written under another name, flushed to the disk and renamed; a folder is filled under
another name and renamed when everything in it is on the disk.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["boot", "flush", "flush_tree", "new_folder", "write_atomic"]

PART = ".part"
"""Ending of what is not complete; readers never look at it, the next writer replaces it."""


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file, replacing one of its name as a whole.

    Parameters
    ----------
    path, data
        What to write, and where.
    durable
        Whether it must outlast a power cut. Without it the file is whole for whoever reads it, but
        nothing waits for the disk: for what is looked at again only before the next `boot`.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}{PART}")
    with open(temporary, "wb") as file:
        file.write(data)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    os.replace(temporary, path)
    if durable:
        flush(path.parent)


def boot() -> str:
    """Name of the time since this machine was started; "" where the system tells none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Fill a folder that takes its name at the end, when all of it is on the disk.

    Parameters
    ----------
    path : Path
        Its name. What a killed run left under the temporary name is removed first; a folder that
        has the name already is replaced, and for a moment there is none.

    Yields
    ------
    Path
        The folder to fill. An exception leaves nothing of it.
    """
    temporary = path.with_name(f".{path.name}{PART}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        flush_tree(temporary)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    shutil.rmtree(path, ignore_errors=True)
    os.rename(temporary, path)
    flush(path.parent)


def flush_tree(folder: Path) -> None:
    """Bring all files below a folder, and their names, to the disk."""
    for where, _, names in os.walk(folder):
        for name in names:
            flush(Path(where) / name)
        flush(Path(where))


def flush(path: Path) -> None:
    """Bring a file, or the renames in a folder, to the disk, so that a power cut leaves them."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
