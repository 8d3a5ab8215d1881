"""Where compiled kernels are kept: under a name that changes with any line of the codec.

Numba keys its cache by the file that defines a function, but the kernels inline functions of other
files. After an update, an old kernel could run beside new sources, write other bytes than they say,
and prove them with the same old kernel. So the cache lies in a folder named by the digest of all
sources of this package.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numba.core import config as _config

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["compiled_by_source", "source_digest"]

_HERE = Path(__file__).parent


def source_digest(folder: Path = _HERE) -> str:
    """SHA-256 over names and contents of all Python files in and under a folder, hexadecimal."""
    state = hashlib.sha256()
    for file in sorted(folder.rglob("*.py")):
        name = file.relative_to(folder).as_posix()
        state.update(f"{name} {file.stat().st_size}\n".encode())
        state.update(file.read_bytes())
    return state.hexdigest()


@contextmanager
def compiled_by_source(*folders: Path) -> Iterator[None]:
    """Kernels that are defined inside keep their machine code under the digest of the sources.

    NUMBA_CACHE_DIR is respected as the place; without it that is `__pycache__` of this package.
    Where that cannot be written, Numba chooses its own place. Other users of Numba in the process
    keep theirs: the place is read when a kernel is defined.

    Parameters
    ----------
    folders
        Further folders whose kernels inline functions of one another.
    """
    config: Any = _config  # its attributes are made at run time
    before = config.CACHE_DIR
    place = Path(before) if before else _HERE / "__pycache__"
    name = hashlib.sha256("".join(map(source_digest, (_HERE, *folders))).encode()).hexdigest()
    config.CACHE_DIR = str(place / f"medzip-{name[:16]}")
    try:
        yield
    finally:
        config.CACHE_DIR = before
