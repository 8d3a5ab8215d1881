"""What worker processes need, imported and compiled once: they are forked from what has it.

Nothing imports this module but the server of forks (`medzip.archive.pool`), as the first thing it
does. An interpreter with torch, Zarr and the kernels takes two seconds of CPU; a fork of one that
has them takes hundredths. The server runs this and nothing else, and it must stay on one thread: a
fork copies only the thread that asks for it, and locks that others hold would stay locked.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import TYPE_CHECKING

gc.disable()  # nothing of this is ever dropped: to look for that takes a fifth of the time
os.environ["OMP_NUM_THREADS"] = "1"  # NumPy's BLAS starts its threads when it is loaded

import numpy as np  # noqa: E402

from medzip.archive import planning, steps  # noqa: E402
from medzip.archive.recompressing import preparing  # noqa: E402
from medzip.codec import decode_slab, encode_slab  # noqa: E402
from medzip.cores import use_one_core  # noqa: E402
from medzip.fitting import fit_model  # noqa: E402
from medzip.models import base_model  # noqa: E402
from medzip.profile import PROFILES  # noqa: E402

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["LOADED"]

LOADED = (steps, preparing, planning)
"""What the workers will run."""


def _load_kernels() -> None:
    """Bring the compiled kernels from their cache into memory, by slabs that need all of them."""
    voxels = np.random.default_rng(0).integers(0, 900, (4, 64, 64)).astype(np.int16)
    fit_model(voxels, "fast")
    for name in PROFILES:
        model = base_model(name)
        decode_slab(encode_slab(voxels[:2, :16, :16], model), model)


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell of what ends a worker while it starts, unless that is the end of who asked for it.

    Who asked notices by itself (`medzip.archive.workers`); for people at a terminal who have just
    stopped a run, a traceback of each of its workers is noise.
    """
    if not issubclass(kind, (EOFError, OSError)):
        sys.__excepthook__(kind, error, trace)


use_one_core()
_load_kernels()
sys.excepthook = _tell
gc.enable()
gc.freeze()  # what is here stays: no collection in a worker touches, and so copies, its pages
