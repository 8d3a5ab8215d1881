"""What is kept of a kernel: a file for each of its signatures and each kind of processor.

Numba's own cache (`numba.core.caching`) wants a folder that can be written, even to read from, and
fails where a disk is full. Here nothing about keeping can stop a kernel: what cannot be read is
compiled, what cannot be written is not kept.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import llvmlite
import numba
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from medzip.compiled.telling import tell_compiling

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import ContextVar

    from medzip.compiled.places import Place, Places

__all__ = ["COUNTS", "Counts", "KeptKernel", "keep_kernels"]

_SUFFIX = ".kernel"


@dataclass
class Counts:
    """Kernels of this process, by where they came from."""

    loaded: int = 0
    compiled: int = 0
    kept: int = 0


COUNTS = Counts()


class KeptKernel(_Cache):
    """Keeps the machine code of one function.

    Parameters
    ----------
    function
        As it is defined.
    places
        Where its machine code is looked for and put.
    """

    def __init__(self, function: Callable[..., Any], places: Places) -> None:
        if function.__closure__ is not None:
            raise TypeError(
                f"expected a kernel that refers to no variable of another function, got "
                f"{function.__qualname__}; define it at the top of its module"
            )
        self._function = function
        self._places = places

    @property
    def cache_path(self) -> str | None:
        """Folder in which new ones are put."""
        return None if self._places.written is None else str(self._places.written.folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Machine code for a signature, from the first place that has it; None if none does."""
        target_context.refresh()
        name = self._name(sig, target_context.codegen())
        for place in self._places.read:
            found = _load(place, name, sig, target_context)
            if found is not None:
                COUNTS.loaded += 1
                return found
        tell_compiling(self._places)
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep what was compiled for a signature, where it can be kept."""
        COUNTS.compiled += 1
        place = self._places.written
        if place is None or data.library.has_dynamic_globals or data.lifted:
            return
        content = dumps((sig, data._reduce()))
        temporary = place.folder / f"{os.getpid()}-{time.monotonic_ns()}.part"
        try:
            with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "wb") as out:
                out.write(hashlib.sha256(content).digest() + content)
            os.replace(temporary, place.folder / self._name(sig, data.codegen))
        except OSError:  # a full disk, or the folder is gone
            temporary.unlink(missing_ok=True)
        else:
            COUNTS.kept += 1

    def enable(self) -> None:
        """Nothing turns it off."""

    def disable(self) -> None:
        """Nothing turns it off."""

    def flush(self) -> None:
        """Nothing is held back."""

    def _name(self, sig: Any, codegen: Any) -> str:
        """Name of the file: of the function, and of all else that machine code depends on."""
        module = self._function.__module__.rpartition(".")[2]
        key = (
            self._function.__module__,
            numba.__version__,
            llvmlite.__version__,
            sys.implementation.cache_tag,
            str(sig),
            codegen.magic_tuple(),
        )
        digest = hashlib.sha256(repr(key).encode()).hexdigest()
        return f"{module}.{self._function.__qualname__}-{digest[:16]}{_SUFFIX}"


def _load(place: Place, name: str, sig: Any, target_context: Any) -> Any:
    """Machine code in a file; None if it is not there, damaged, or of another signature."""
    try:
        data = place.read(name)
        if hashlib.sha256(data[32:]).digest() != data[:32]:
            return None
        found, reduced = pickle.loads(data[32:])
        return CompileResult._rebuild(target_context, *reduced) if found == sig else None
    except Exception:  # there is no end to what a damaged pickle may raise; it is compiled anew
        return None


def keep_kernels(here: ContextVar[Places | None]) -> None:
    """Have Numba keep kernels in places, wherever a thread has set some; elsewhere as it does.

    Once a process: the hook stays, so that threads which import at the same time do not take it
    from each other.
    """
    plain = Dispatcher.enable_caching
    if getattr(plain, "by_medzip", False):
        return

    def enable_caching(dispatcher: Any) -> None:
        places = here.get()
        if places is None:
            plain(dispatcher)
        else:
            dispatcher._cache = KeptKernel(dispatcher.py_func, places)

    enable_caching.by_medzip = True  # type: ignore[attr-defined]
    Dispatcher.enable_caching = enable_caching  # type: ignore[assignment, method-assign]
