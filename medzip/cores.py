"""How many cores this process may use, slabs on all of them, and products on one.

Matrix products of a step are too small to share among threads; whole slabs are not. So threads go
outside, over slabs and series, and whoever multiplies does so on the thread that called.
"""

from __future__ import annotations

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["cores", "on_threads", "one_blas_thread", "one_thread", "use_one_core"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_process = {"one_core": False}
_blas_lock = threading.Lock()
_blas: dict[str, Any] = {"inside": 0, "limit": None}


def cores() -> int:
    """Cores that this process may use, at least 1; fewer where OMP_NUM_THREADS says so."""
    if _process["one_core"]:
        return 1
    if hasattr(os, "sched_getaffinity"):
        there = len(os.sched_getaffinity(0))
    else:
        there = os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    return max(1, min(there, int(asked))) if asked.isdecimal() else there


def use_one_core() -> None:
    """Keep this process on one core from now on: a worker, of which there are as many as cores."""
    _process["one_core"] = True
    os.environ["OMP_NUM_THREADS"] = "1"  # for libraries that are loaded later
    controller().limit(limits=1)
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


@cache
def controller() -> Any:
    """The thread pools of the libraries that are loaded when it is first asked for."""
    import numpy as np  # its BLAS is what is looked for
    from threadpoolctl import ThreadpoolController

    del np
    return ThreadpoolController()


@contextmanager
def one_thread() -> Iterator[None]:
    """Compute torch's products on the calling thread alone, whatever was set before.

    torch keeps the number for each thread, so one that some library started (Zarr's, say) has to
    set its own. Entered once a slab; entering again within costs nothing.
    """
    import torch  # takes a second, and whoever only counts cores has no need of it

    before = torch.get_num_threads()
    if before == 1:
        yield
        return
    try:
        torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Compute NumPy's products on the calling thread alone.

    Their last bits depend on how the work was shared, and what is solved from them ends up in a
    model. BLAS keeps one number for the whole process: it is set by the first who enters and given
    back by the last who leaves.
    """
    with _blas_lock:
        _blas["inside"] += 1
        if _blas["inside"] == 1:
            _blas["limit"] = controller().limit(limits=1, user_api="blas")
    try:
        yield
    finally:
        with _blas_lock:
            _blas["inside"] -= 1
            if _blas["inside"] == 0:
                _blas["limit"].restore_original_limits()


def on_threads(call: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call with each item, on as many threads as this process may use cores.

    Returns
    -------
    list
        Results in order; the first error is raised once the calls in hand have ended.
    """
    threads = min(len(items), cores())
    if threads <= 1:
        return [call(item) for item in items]

    def alone(item: Item) -> Result:
        with one_thread():
            return call(item)

    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(alone, item) for item in items]
        try:
            return [future.result() for future in futures]
        finally:
            for future in futures:
                future.cancel()
