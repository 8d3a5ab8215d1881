"""One call an object, in worker processes or here."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar

import zarr

from medzip.cores import use_one_core

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["fan_out", "new_pool"]

Result = TypeVar("Result")


def _start() -> None:
    """Make a worker use one core, as there are as many workers as cores, and die with its parent.

    A worker that outlives a killed run would write beside the next one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what Ctrl-C means
    threading.Thread(target=_follow_parent, daemon=True).start()
    use_one_core()
    zarr.config.set({"threading.max_workers": 1, "async.concurrency": 1})


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def new_pool(workers: int) -> ProcessPoolExecutor:
    """Pool of fresh interpreters (never forked: Zarr and torch have threads)."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start)


def fan_out(
    call: Callable[..., Result], arguments: Sequence[tuple[Any, ...]], workers: int
) -> Iterator[tuple[int, Result | BaseException]]:
    """Call with each of ``arguments``; give number and result, or what it raised, as they come.

    Whatever one call raises is its result, and the others go on. Where a worker died (killed, out
    of memory) the calls in hand are made once more, each in a process of its own: only the one that
    kills its process again has failed.
    """
    if workers <= 1 or len(arguments) <= 1:
        for number, one in enumerate(arguments):
            try:
                yield number, call(*one)
            except Exception as error:
                yield number, error
        return
    left = set(range(len(arguments)))
    with new_pool(min(workers, len(arguments))) as pool, suppress(BrokenProcessPool):
        futures = {pool.submit(call, *one): n for n, one in enumerate(arguments)}
        for future in as_completed(futures):
            try:
                result: Result | BaseException = future.result()
            except BrokenProcessPool:
                continue
            except Exception as error:
                result = error
            left.remove(futures[future])
            yield futures[future], result
    for number in sorted(left):
        with new_pool(1) as alone:
            try:
                yield number, alone.submit(call, *arguments[number]).result()
            except Exception as error:
                yield number, error
