"""Keep a measurement on a known number of cores.

Asking each library for one thread is not enough, as some do not ask back. The operating system
does not argue: every thread of the process is bound to the first n cores it may use.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["on_cores"]


def _threads() -> list[int]:
    """List the threads of this process; 0 means the calling one, where the system hides them.

    Threads started later inherit from the one that starts them.
    """
    tasks = Path("/proc/self/task")
    return [int(task.name) for task in tasks.iterdir()] if tasks.exists() else [0]


def _bind(allowed: set[int]) -> None:
    for thread in _threads():
        try:
            os.sched_setaffinity(thread, allowed)
        except ProcessLookupError:  # ended meanwhile
            continue


@contextmanager
def on_cores(count: int) -> Iterator[int]:
    """Run the body on `count` cores at most; yields how many it has.

    Where the system cannot bind threads (macOS, Windows) only the libraries are asked.
    """
    before = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set()
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 1
    granted = min(count, len(before) or os.cpu_count() or 1)
    try:
        if before:
            _bind(set(sorted(before)[:granted]))
        if torch:
            torch.set_num_threads(granted)
        yield granted
    finally:
        if before:
            _bind(before)
        if torch:
            torch.set_num_threads(threads)
