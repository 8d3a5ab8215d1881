"""Who runs the calls of a line: this process, or a pool of processes.

A driver decides where and when; what follows on what is `medzip.archive.line`'s alone.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any

from medzip.archive.committing import already_proven, commit, discard
from medzip.archive.encoding import encode, fit
from medzip.archive.line import Step
from medzip.archive.pool import new_pool
from medzip.archive.proving import prove
from medzip.archive.sealing import seal
from medzip.archive.staging import stage
from medzip.errors import ProverError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from medzip.archive.line import Call, Line

    Functions = Mapping[Step, Callable[..., Any]]

__all__ = ["FUNCTIONS", "HERE", "attempt", "run_here", "run_in_processes"]

FUNCTIONS: dict[Step, Callable[..., Any]] = {
    Step.CHECK: already_proven,
    Step.STAGE: stage,
    Step.FIT: fit,
    Step.ENCODE: encode,
    Step.SEAL: seal,
    Step.PROVE: prove,
    Step.COMMIT: commit,
    Step.DISCARD: discard,
}
"""What runs a step, with the arguments of its call."""
HERE = frozenset({Step.COMMIT, Step.REPLACE, Step.DISCARD})
"""Short steps that change the archive: they run where it is locked."""


def attempt(call: Call, functions: Functions = FUNCTIONS) -> Any:
    """Run a call in this process; gives what it returned, or raised."""
    try:
        return functions[call.step](*call.arguments)
    except Exception as error:
        return error


def run_here(line: Line[Any, Any], items: Iterable[Any], functions: Functions = FUNCTIONS) -> None:
    """Bring one object after another through the line, in this process."""
    for item in items:
        ready = deque(line.start(item))
        while ready:
            call = ready.popleft()
            ready.extendleft(reversed(line.done(call, attempt(call, functions))))


def run_in_processes(
    line: Line[Any, Any],
    items: Sequence[Any],
    workers: int,
    functions: Functions = FUNCTIONS,
) -> None:
    """Bring all objects through the line on several processes.

    Proofs go to processes that never seal, the steps of `HERE` stay in this one. Objects that are
    further on go first, and no more are begun than keep the workers busy, since staged voxels take
    disk.

    Parameters
    ----------
    line : Line
        Nothing is started in it yet.
    items : sequence
        What it starts with, in this order.
    workers : int
        Processes at work at a time.
    functions : mapping, optional
        What runs each step.
    """
    pools = _Pools(workers)
    numbers = {item.key: number for number, item in enumerate(items)}
    count = itertools.count()
    waiting = deque(items)
    ready: list[tuple[tuple[int, int, int], Call]] = []
    running: dict[Future[Any], Call] = {}

    def add(calls: Iterable[Call]) -> None:
        for call in calls:
            if call.step in HERE:
                add(line.done(call, attempt(call, functions)))
            else:
                rank = (numbers[call.key], call.step.rank, next(count))
                heapq.heappush(ready, (rank, call))

    try:
        while waiting or ready or running:
            while waiting and line.in_hand <= workers:
                add(line.start(waiting.popleft()))
            while ready and len(running) < workers:
                call = heapq.heappop(ready)[1]
                running[pools.submit(call.step, functions[call.step], call.arguments)] = call
            if not running:
                add(line.lose())  # so that what is left can begin
            else:
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    call = running.pop(future)
                    add(line.done(call, _outcome(call, future)))
    except KeyboardInterrupt:
        pools.stop()
        raise
    pools.close()


def _outcome(call: Call, future: Future[Any]) -> Any:
    """What a call returned or raised; the end of its process is a lack of memory, most often."""
    error = future.exception()
    if not isinstance(error, BrokenProcessPool):
        return future.result() if error is None else error
    kind = ProverError if call.step is Step.PROVE else MemoryError
    return kind(
        "expected the worker process to answer, got its end (out of memory?); what is done is "
        "kept: use fewer --workers and run again"
    )


class _Pools:
    """Processes by what they do, started when first needed; checks read only, so threads do."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pools: dict[str, Executor] = {}

    def submit(
        self, step: Step, function: Callable[..., Any], arguments: tuple[Any, ...]
    ) -> Future[Any]:
        kind = step.value if step in (Step.CHECK, Step.PROVE) else "work"
        try:
            return self._pool(kind).submit(function, *arguments)
        except BrokenProcessPool:
            # Its calls failed one by one; the others go on with new processes.
            self._pools.pop(kind).shutdown(wait=False)
            return self._pool(kind).submit(function, *arguments)

    def _pool(self, kind: str) -> Executor:
        if kind not in self._pools:
            checks = kind == Step.CHECK.value
            self._pools[kind] = (
                ThreadPoolExecutor(self._workers) if checks else new_pool(self._workers)
            )
        return self._pools[kind]

    def stop(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown()
