"""The one line that says that kernels are being compiled, where somebody waits for a command."""

from __future__ import annotations

import os
import sys
from multiprocessing import parent_process
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medzip.compiled.places import Places

__all__ = ["COST", "TELLING", "tell_compiling"]

TELLING = "MEDZIP_TELL_COMPILING"
"""Set by a command in its environment, and so in that of the processes that it starts."""

COST = "which takes about half a minute of a core"

_told = {"compiling": False}


def tell_compiling(places: Places) -> None:
    """Tell on stderr, once, that this process compiles; a library says nothing, nor do workers.

    Workers are forks of what has compiled already, or tell the same as their parent.
    """
    if _told["compiling"] or not os.environ.get(TELLING) or parent_process() is not None:
        return
    _told["compiling"] = True
    if places.written is None:
        kept = (
            f"as every command will, for there is no folder to keep them in ({places.told}); "
            "set NUMBA_CACHE_DIR to one that may be written"
        )
    else:
        kept = f"once on this machine; they are kept in {places.written.folder}"
    print(f"medzip: compiling its kernels, {COST}, {kept}", file=sys.stderr, flush=True)
