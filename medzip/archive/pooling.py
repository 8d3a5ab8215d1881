"""A line driven by a pool of processes: what runs where, and in which order.

Small objects go in lots: one process takes a lot from its files to sealed objects, another proves
them all. A large one is begun by one process, and its slabs are shared out. Whatever is further on
goes first, and no more is begun than keeps the processes busy, since staged voxels take disk. The
steps of `HERE` stay in this process. Proofs run in processes that never seal.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
from collections import deque
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from medzip.archive.driving import (
    BEGINNING,
    FUNCTIONS,
    HERE,
    SEALING,
    Ran,
    attempt,
    run_ahead,
    run_calls,
    tell,
)
from medzip.archive.handles import SMALL_BYTES
from medzip.archive.line import Step
from medzip.archive.workers import Workers
from medzip.errors import ProverError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from concurrent.futures import Future

    from medzip.archive.driving import Functions
    from medzip.archive.line import Call, Line

__all__ = ["run_in_processes"]

LOT_BYTES = 16 * 2**20
"""Original bytes of a lot, at most."""
LOT_OBJECTS = 32
"""Objects of a lot, at most."""
KNOWN = 4096
"""Objects that may be known and not begun; beyond that whoever finds them waits."""


def run_in_processes(
    line: Line[Any, Any],
    items: Iterable[Any],
    workers: int,
    functions: str = FUNCTIONS,
    here: Functions = HERE,
) -> None:
    """Bring all objects through the line on several processes.

    Parameters
    ----------
    line : Line
        Nothing is started in it yet.
    items : iterable
        What it starts with; taken by a thread of its own as they come, while others are at work.
    workers : int
        Processes at work at a time.
    functions : str
        Name of what runs each step (module:attribute).
    here : mapping
        What runs the steps that stay in this process.

    Raises
    ------
    Exception
        Whatever ``items`` raises, once what was begun has ended.
    """
    with _Pools(workers) as pools:
        _Run(line, pools, functions, here).run(items)


@dataclass(frozen=True)
class _Job:
    """What one process is asked to do: begin objects, or run calls.

    ``first`` are the calls that the line gave out for it: they fail if the process does, and it was
    alone in it.
    """

    first: tuple[Call, ...]
    items: tuple[Any, ...] = ()
    alone: bool = False

    @property
    def step(self) -> Step:
        return self.first[0].step

    def apart(self) -> list[_Job]:
        """The same, object by object, each in a process of its own."""
        items = {item.key: item for item in self.items}
        return [
            _Job((call,), (items[call.key],) if self.items else (), alone=True)
            for call in self.first
        ]


class _Run:
    """One run: everything that happens comes through one queue, so that nothing is polled."""

    def __init__(
        self, line: Line[Any, Any], pools: _Pools, functions: str, here: Functions
    ) -> None:
        self._line, self._pools = line, pools
        self._functions, self._here = functions, here
        self._happened: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._room = threading.Semaphore(KNOWN)
        self._finding = True
        self._error: BaseException | None = None
        self._stopped = False
        self._small: deque[Any] = deque()
        self._large: deque[Any] = deque()
        self._large_begun: set[str] = set()
        self._again: deque[_Job] = deque()
        self._ready: list[tuple[tuple[int, int, int], Call]] = []
        self._numbers: dict[str, int] = {}
        self._bytes: dict[str, int] = {}
        self._count = itertools.count()
        self._running = 0

    def run(self, items: Iterable[Any]) -> None:
        threading.Thread(target=self._find, args=(items,), daemon=True, name="finding").start()
        try:
            while self._more():
                self._happened.get()()
        finally:
            self._stopped = True
        if self._error is not None:
            raise self._error

    def _more(self) -> bool:
        """Hand out what there is room for; whether anything is left to wait for."""
        while True:
            while self._running < self._pools.workers and (job := self._next()) is not None:
                self._submit(job)
            if self._running or self._finding:
                return True
            if not self._line.in_hand:
                return False
            self._add(self._line.lose())  # so that what is left can begin

    def _find(self, items: Iterable[Any]) -> None:
        """Take items as they come, no more than there is room for."""
        error: BaseException | None = None
        try:
            for item in items:
                while not self._room.acquire(timeout=0.2) and not self._stopped:
                    pass
                if self._stopped:
                    return
                self._happened.put(partial(self._found, item))
        except BaseException as raised:
            error = raised
        self._happened.put(partial(self._all_found, error))

    def _found(self, item: Any) -> None:
        size = getattr(item, "raw_bytes", SMALL_BYTES)
        self._numbers[item.key], self._bytes[item.key] = next(self._count), size
        (self._small if size < SMALL_BYTES else self._large).append(item)

    def _all_found(self, error: BaseException | None) -> None:
        self._finding, self._error = False, error

    def _next(self) -> _Job | None:
        """What to hand out next: what is furthest on, then large objects, then lots."""
        if self._again:
            return self._again.popleft()
        if self._ready:
            return self._next_calls()
        self._large_begun -= self._line.ended.keys()
        if self._large and len(self._large_begun) <= self._pools.workers:
            self._large_begun.add(self._large[0].key)
            return self._begin([self._large.popleft()])
        if self._small:
            return self._begin(self._next_lot())
        return None

    def _next_calls(self) -> _Job:
        """The call that is furthest on; with a proof of a small object those of others."""
        call = heapq.heappop(self._ready)[1]
        calls = [call]
        size = self._bytes[call.key]
        while call.step is Step.PROVE and self._ready and len(calls) < LOT_OBJECTS:
            other = self._ready[0][1]
            size += self._bytes[other.key]
            if other.step is not Step.PROVE or size > LOT_BYTES:
                break
            calls.append(heapq.heappop(self._ready)[1])
        return _Job(tuple(calls))

    def _next_lot(self) -> list[Any]:
        """Small objects for one process: many, but not so many that others have nothing to do."""
        share = -(-len(self._small) // (2 * self._pools.workers))
        lot = [self._small.popleft()]
        size = lot[0].raw_bytes
        while self._small and len(lot) < min(share, LOT_OBJECTS):
            size += self._small[0].raw_bytes
            if size > LOT_BYTES:
                break
            lot.append(self._small.popleft())
        return lot

    def _begin(self, items: Sequence[Any]) -> _Job:
        first = [call for item in items for call in self._line.start(item)]
        self._room.release(len(items))
        return _Job(tuple(first), tuple(items))

    def _submit(self, job: _Job) -> None:
        self._running += 1
        if job.items:
            large = self._bytes[job.items[0].key] >= SMALL_BYTES
            steps = BEGINNING if large else SEALING
            call = partial(run_ahead, self._line.fresh(), job.items, steps, self._functions)
        else:
            call = partial(run_calls, job.first, self._functions)
        future = self._pools.alone(call) if job.alone else self._pools.submit(job.step, call)
        future.add_done_callback(
            lambda future: self._happened.put(partial(self._ended, job, future))
        )

    def _ended(self, job: _Job, future: Future[list[Ran]]) -> None:
        self._running -= 1
        error = future.exception()
        if error is None:
            self._add(tell(self._line, job.first, future.result()))
        elif isinstance(error, BrokenProcessPool) and not job.alone:
            self._again += job.apart()  # only the one that ends its process again has failed
        else:
            for call in job.first:
                self._add(self._line.done(call, _cause(call, error)))

    def _add(self, calls: Iterable[Call]) -> None:
        for call in calls:
            if call.step in self._here:
                self._add(self._line.done(call, attempt(call, self._here)))
            else:
                rank = (self._numbers[call.key], call.step.rank, next(self._count))
                heapq.heappush(self._ready, (rank, call))


def _cause(call: Call, error: BaseException) -> BaseException:
    """What ended a call; the end of its process is a lack of memory, most often."""
    if not isinstance(error, BrokenProcessPool):
        return error
    kind = ProverError if call.step is Step.PROVE else MemoryError
    return kind(
        "expected the worker process to answer, got its end (out of memory?); what is done is "
        "kept: use fewer --workers and run again"
    )


class _Pools:
    """Processes by what they do, started when first needed."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._of = {proves: Workers(workers) for proves in (False, True)}

    def submit(self, step: Step, call: Callable[[], list[Ran]]) -> Future[list[Ran]]:
        return self._of[step is Step.PROVE].submit(call)

    def alone(self, call: Callable[[], list[Ran]]) -> Future[list[Ran]]:
        return self._of[False].alone(call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for workers in self._of.values():
            workers.__exit__(kind)
