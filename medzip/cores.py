"""How many cores this process may use, and slabs on all of them."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["cores", "on_threads"]

Item = TypeVar("Item")
Result = TypeVar("Result")


def cores() -> int:
    """Cores that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def on_threads(call: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Call with each item, on as many threads as torch has been given in this one.

    Matrix products of a step are too small to share among threads, whole slabs are not: so threads
    go outside. A process that was told to use one thread (a worker of a pool) stays on it.

    Returns
    -------
    list
        Results in order; the first error is raised once the calls in hand have ended.
    """
    import torch  # takes a second, and whoever only counts cores has no need of it

    threads = min(torch.get_num_threads(), len(items), cores())
    if threads <= 1:
        return [call(item) for item in items]
    before = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            futures = [pool.submit(call, item) for item in items]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()
    finally:
        torch.set_num_threads(before)
