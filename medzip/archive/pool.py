"""Worker processes, forked from one that has everything in memory."""

from __future__ import annotations

import atexit
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing import util
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from concurrent.futures import Executor
    from multiprocessing.context import BaseContext

__all__ = ["abandon", "end_pool", "new_pool"]


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

_NAMES = ("__file__", "__spec__")
_start_lock = threading.Lock()
_abandoned = threading.Event()


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
                    try:
                        super().start()
                    except (EOFError, ConnectionError):
                        if _abandoned.is_set():
                            raise
                        _end_killed_server()
                        super().start()  # by another one
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
    server = _server()
    if server is not None and not multiprocessing.active_children():
        server._stop()


def _end_killed_server() -> None:
    """Wait for a server that does not answer: it closes its files before it is gone."""
    server = _server()
    if server is not None:
        with suppress(ProcessLookupError):
            os.kill(server._forkserver_pid, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(server._forkserver_pid, 0)
        _forget_server()


def _forget_server() -> None:
    server = _server()
    if server is not None:
        os.close(server._forkserver_alive_fd)  # or it would wait for this process to end
        server._forkserver_address = server._forkserver_alive_fd = server._forkserver_pid = None


def _after_fork() -> None:
    """Leave the server to the process that started it, in one that was forked from that."""
    global _start_lock  # a thread that is not here may hold the old one
    _start_lock = threading.Lock()
    server = _server()
    if server is not None:
        server._lock = threading.Lock()
        _forget_server()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def end_pool(pool: Executor) -> None:
    """End the processes of a pool whatever they have in hand, and wait until they are gone."""
    for process in tuple((getattr(pool, "_processes", None) or {}).values()):
        process.kill()
    pool.shutdown(cancel_futures=True)


def _server() -> Any:
    """The server as this process knows it, where it has started one."""
    module: Any = sys.modules.get("multiprocessing.forkserver")
    server = getattr(module, "_forkserver", None)
    return server if server and server._forkserver_pid is not None else None


def abandon(code: int) -> NoReturn:
    """End this process at once, and its workers; they may have minutes of work in hand.

    What they were at is as if they had been killed: the next run goes on from it. Semaphores are
    given back here, or a process that watches them would complain on the terminal. This comes at
    any moment, in the middle of an import, too: it imports nothing, and ends whatever happens.
    """
    try:
        threading.excepthook = lambda _: None  # of threads that miss their workers
        _abandoned.set()
        server = _server()
        if server is not None:  # first, or it would go on to start what needs those semaphores
            with suppress(ProcessLookupError):
                os.kill(server._forkserver_pid, signal.SIGKILL)
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
