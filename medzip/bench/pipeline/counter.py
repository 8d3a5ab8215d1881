"""The program that stands between: it runs another, waits for all that it leaves, and counts.

A process that has ended leaves its CPU time to whoever waits for it. Here the program is the only
child, and processes that it leaves behind become children, too (on Linux)::

    python -m medzip.bench.pipeline.counter REPORT FOLDER PROGRAM ARGUMENT...

REPORT gets JSON, the fields of :class:`medzip.bench.pipeline.records.Usage`. Nothing large is
imported: on Linux the resident memory of a process counts for those that it starts.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import threading
import time
from contextlib import suppress

__all__ = ["main"]

_LOOK = 0.01  # seconds between two looks into a folder
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER


def main() -> int:
    """Run the program; gives its exit status."""
    report, watched, *command = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    first: list[int] = []
    ended = threading.Event()
    start = time.perf_counter_ns()

    def watch() -> None:
        while not first and not ended.wait(_LOOK):
            if _has_object(watched):
                first.append(time.perf_counter_ns() - start)

    watcher = threading.Thread(target=watch)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    if watched:
        watcher.start()
    status = process.wait()
    wall_ns = time.perf_counter_ns() - start
    ended.set()
    if watched:
        watcher.join()
    with suppress(ChildProcessError):
        while True:  # until nothing is left that it started
            os.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    usage = {
        "wall_ns": wall_ns,
        "cpu_ns": round(1e9 * (used.ru_utime + used.ru_stime)),
        "peak_bytes": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "first_ns": first[0] if first else 0,
    }
    with open(report, "w", encoding="utf-8") as file:
        json.dump(usage, file)
    return status if status >= 0 else 128 - status


def _has_object(folder: str) -> bool:
    """Whether an object lies in a folder, which need not exist yet."""
    try:
        return any(name.endswith(".zip") for name in os.listdir(folder))
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    sys.exit(main())
