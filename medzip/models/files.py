"""The files of a model directory, looked at before any of them is trusted or even read.

None of it is code, and nothing is unpickled. A directory may be anybody's, so sizes are taken from
the file system and refused before a byte is read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.errors import ModelError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

StrPath = str | os.PathLike[str]

__all__ = [
    "MOST_BYTES",
    "MOST_TENSORS",
    "MOST_WEIGHTS",
    "SUMS",
    "StrPath",
    "files_of",
    "read_limited",
    "sums_of",
]

MOST_BYTES = 160 << 20
"""Bytes of all files of a model: two and a half times the largest network."""
MOST_FILES = 64
MOST_WEIGHTS = 1 << 24
"""Integers of a model."""
MOST_TENSORS = 4 * MOST_WEIGHTS + (1 << 16)
"""Bytes of `model.safetensors`: as many integers of 32 bits, and their names."""
SUMS = "SHA256SUMS"
"""Digests of all other files, as ``sha256sum --check`` takes them; written on publishing."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def files_of(folder: StrPath) -> tuple[tuple[str, int], ...]:
    """Names and bytes of the files of a model directory; nothing is read.

    Raises
    ------
    ModelError
        Links, odd names, folders in folders, too many files or too many bytes.
    """
    root = Path(folder)
    if root.is_symlink() or not root.is_dir():
        raise ModelError(f"expected a model directory, got {root}; check the path")
    found: list[tuple[str, int]] = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode) and "/" not in name and _NAME.fullmatch(name):
            continue
        if (
            not stat.S_ISREG(status.st_mode)
            or name.count("/") > 1
            or not all(_NAME.fullmatch(part) for part in name.split("/"))
        ):
            raise ModelError(
                f"expected plain files in the model {root}, got {name!r}; take it out of the folder"
            )
        found.append((name, status.st_size))
        if len(found) > MOST_FILES or sum(size for _, size in found) > MOST_BYTES:
            raise ModelError(
                f"expected at most {MOST_FILES} files of {MOST_BYTES} bytes in all in {root}, got "
                "more; the model is unsafe"
            )
    return tuple(found)


def read_limited(file: Traversable, limit: int) -> bytes:
    """Bytes of a file of a model, or ModelError where there are more than a model may have.

    No more than the limit is ever read: the folder may be anybody's.
    """
    with file.open("rb") as source:
        data = source.read(limit + 1)
    if len(data) > limit:
        raise ModelError(f"expected at most {limit} bytes in {file}, got more; the model is unsafe")
    return bytes(data)


def sums_of(folder: StrPath, files: tuple[tuple[str, int], ...]) -> bytes:
    """The content of `SUMS` for these files of a directory."""
    lines = []
    for name, _ in sorted(files):
        if name != SUMS:
            with open(os.path.join(os.fspath(folder), name), "rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines).encode()
