"""Worker processes, forked from one that has everything in memory, and calls on them."""

from __future__ import annotations

import atexit
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import tempfile
import threading
from collections import deque
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from multiprocessing import util
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor, Future
    from multiprocessing.context import BaseContext

__all__ = ["abandon", "fan_out", "in_order", "new_pool", "pool_of"]


def _can_have_server() -> bool:
    """Whether there is a folder for temporary files, in which a server has its socket."""
    try:
        tempfile.gettempdir()
    except OSError:
        return False
    return True


if sys.platform == "linux" and _can_have_server():
    from multiprocessing.context import ForkServerContext as Context
    from multiprocessing.context import ForkServerProcess as Process
else:
    from multiprocessing.context import SpawnContext as Context  # type: ignore[assignment]
    from multiprocessing.context import SpawnProcess as Process  # type: ignore[assignment]

Argument = TypeVar("Argument")
Result = TypeVar("Result")

_NAMES = ("__file__", "__spec__")
_start_lock = threading.Lock()
AHEAD = 64
"""Batches that are asked for before the first of them is taken."""


def new_pool(workers: int) -> ProcessPoolExecutor:
    """Pool of processes that use one core each, and die with this one.

    They are never forked from this process: Zarr and torch have threads. Where it can be had they
    are forked from a server on one thread that has imported what they need (`medzip.archive.warm`);
    elsewhere each is a fresh interpreter.
    """
    environment = dict(os.environ)  # the server has that of the time when it was started
    return ProcessPoolExecutor(
        workers, mp_context=_context(), initializer=_start, initargs=(environment,)
    )


class _Process(Process):
    """A process that does not run the script of its parent once more, to have the names of that.

    Workers need none of them. So each starts a tenth of a second sooner, and a script that calls
    this package needs no ``if __name__ == "__main__"``.
    """

    def start(self) -> None:
        with _start_lock:
            script: Any = sys.modules["__main__"]
            named = {name: vars(script).pop(name) for name in _NAMES if name in vars(script)}
            script.__spec__ = None  # missing it would be an error
            try:
                with _without_interrupts():
                    super().start()
            finally:
                vars(script).update(named)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Start what is started here deaf to Ctrl-C, which goes to all processes of a terminal.

    The server, too, which this may start: it takes seconds to get ready, and would tell where it
    was. What Ctrl-C means is for this process to decide.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _Context(Context):
    Process = _Process


@cache
def _context() -> BaseContext:
    context = _Context()
    if context.get_start_method() == "forkserver":
        context.set_forkserver_preload(["medzip.archive.warm"])
        atexit.register(_end_server)
    return context


def _end_server() -> None:
    """End the server and wait for it, so that its CPU time counts as that of a child.

    Without it the server ends by itself, when this process is gone.
    """
    from multiprocessing import forkserver

    stop = getattr(forkserver._forkserver, "_stop", None)
    if stop is not None and not multiprocessing.active_children():
        stop()


def abandon(code: int) -> NoReturn:
    """End this process at once, and its workers; they may have minutes of work in hand.

    What they were at is as if they had been killed: the next run goes on from it. Semaphores are
    given back here, or a process that watches them would complain on the terminal. This comes at
    any moment, in the middle of an import, too: it imports nothing, and ends whatever happens.
    """
    try:
        threading.excepthook = lambda _: None  # of threads that miss their workers
        servers = sys.modules.get("multiprocessing.forkserver")
        server = getattr(getattr(servers, "_forkserver", None), "_forkserver_pid", None)
        if server is not None:  # first, or it would go on to start what needs those semaphores
            with suppress(ProcessLookupError):
                os.kill(server, signal.SIGKILL)
        for worker in multiprocessing.active_children():
            worker.kill()
        util._run_finalizers(0)  # type: ignore[attr-defined]  # those that wait for nobody
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _start(environment: Mapping[str, str]) -> None:
    """Make a worker use one core, as there are as many workers as cores, and die with its parent.

    A worker that outlives a killed run would write beside the next one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # where it could not be kept from them
    threading.Thread(target=_follow_parent, daemon=True).start()
    os.environ.clear()
    os.environ.update(environment)
    # here, since the process that starts workers needs neither of them
    import zarr

    from medzip.cores import use_one_core

    use_one_core()
    zarr.config.set({"threading.max_workers": 1, "async.concurrency": 1})


def _follow_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


@contextmanager
def pool_of(workers: int) -> Iterator[Executor | None]:
    """A pool for the time of a block; none for no workers."""
    if not workers:
        yield None
        return
    with new_pool(workers) as pool:
        yield pool


def in_order(pool: Executor | None, name: str, batches: Iterable[Argument]) -> Iterator[Any]:
    """Results of a function for each batch, in their order, a few batches ahead.

    Parameters
    ----------
    pool : Executor or None
        Where it runs; here if None.
    name : str
        The function, as module:name: it is imported where it runs.
    batches : iterable
        Taken no faster than results are.

    Raises
    ------
    MemoryError
        When a process ended without an answer.
    """
    if pool is None:
        for batch in batches:
            yield call_named(name, batch)
        return
    waiting: deque[Future[Any]] = deque()
    try:
        for batch in batches:
            waiting.append(pool.submit(call_named, name, batch))
            while waiting and (waiting[0].done() or len(waiting) > AHEAD):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise MemoryError(
            f"expected the process that runs {name} to answer, got its end (out of memory?); "
            "use fewer --workers and run again"
        ) from error


def call_named(name: str, argument: Any) -> Any:
    """Call a function by its name."""
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)(argument)


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
