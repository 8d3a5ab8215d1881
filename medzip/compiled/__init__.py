"""Compiled kernels, kept from one process to the next under a name that changes with their sources.

Numba keys its cache by the file that defines a function, but the kernels inline functions of other
files. After an update, an old kernel could run beside new sources, write other bytes than they say,
and prove them with the same old kernel. So what is compiled lies in a folder named by the digest of
all sources that it may hold. `places` has where that can be, `kept` what is kept of a kernel.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from medzip.compiled.places import Places, find_places
from medzip.compiled.telling import COST, TELLING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["compiled_by_source", "kept_places", "kernel", "places_of", "source_digest"]

Function = TypeVar("Function", bound="Callable[..., Any]")

_here: ContextVar[Places | None] = ContextVar("places", default=None)
_used: dict[Places, None] = {}


def source_digest(source: Path) -> str:
    """SHA-256 over names and contents of all Python files in and under a folder, hexadecimal.

    A file alone may be given, too.
    """
    state = hashlib.sha256()
    for file in sorted(source.rglob("*.py")) if source.is_dir() else [source]:
        name = file.relative_to(source).as_posix()
        state.update(f"{name} {file.stat().st_size}\n".encode())
        state.update(file.read_bytes())
    return state.hexdigest()


@cache
def places_of(*sources: Path) -> Places:
    """Where the kernels of some sources are kept (see `compiled_by_source`)."""
    name = hashlib.sha256("".join(map(source_digest, sources)).encode()).hexdigest()
    found = find_places(f"medzip-{name[:16]}")
    if found.written is None and parent_process() is None and not os.environ.get(TELLING):
        warnings.warn(
            f"expected a folder to keep compiled kernels in, got none ({found.told}): each process "
            f"compiles them anew, {COST}; set NUMBA_CACHE_DIR to a folder that may be written",
            RuntimeWarning,
            stacklevel=4,
        )
    return found


@contextmanager
def compiled_by_source(*sources: Path) -> Iterator[None]:
    """Kernels that this thread defines inside keep their machine code under a digest of sources.

    That is in the first folder that can be had: of NUMBA_CACHE_DIR, in `__pycache__` of this
    package, in the user's cache, in a private one of the temporary directory; else in none, and
    each process compiles them (see `medzip.compiled.places`). Other users of Numba in the process
    keep what is theirs where they had it.

    Parameters
    ----------
    sources
        Folders and files: all whose functions the kernels may inline.
    """
    from medzip.compiled.kept import keep_kernels

    keep_kernels(_here)
    places = places_of(*sources)
    _used[places] = None
    before = _here.set(places)
    try:
        yield
    finally:
        _here.reset(before)


def kept_places() -> tuple[Places, ...]:
    """Where the kernels are kept that this process has defined so far."""
    return tuple(_used)


def kernel(file: str) -> Callable[[Function], Function]:
    """Compile a function when it is called, as `numba.njit(cache=True)` does, kept like the others.

    Parameters
    ----------
    file
        The only source that it inlines functions of: its own.
    """

    def decorate(function: Function) -> Function:
        import numba

        with compiled_by_source(Path(file)):
            return cast("Function", numba.njit(cache=True)(function))

    return decorate
