"""Calls on worker processes, and what a dead one costs: what it died of, and nothing else.

When a process of a pool ends (killed, out of memory), the pool ends with all calls in hand, and
nobody says whose fault it was. So each of them is made once more, in a process of its own.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from typing import TYPE_CHECKING, Any, Self, TypeVar

from medzip.archive.pool import end_pool, new_pool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future

__all__ = ["Workers", "fan_out", "in_order"]

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 64
"""Batches that are asked for before the first of them is taken."""


class Workers:
    """Some processes, which are started anew when one of them has died.

    Left with an exception they are killed, so that none goes on writing when whoever drives them
    has given up; left without one, they end when they have done what they were asked for.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self._pool: Executor | None = None
        self._alone: set[Executor] = set()

    def submit(self, call: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call in one of the processes."""
        try:
            return self._there().submit(call, *arguments)
        except BrokenProcessPool:
            # Its calls fail one by one; the others go on with new processes.
            self._there().shutdown(wait=False)
            self._pool = None
            return self._there().submit(call, *arguments)

    def alone(self, call: Callable[..., Result], *arguments: Any) -> Future[Result]:
        """Call in a process that does nothing else, so that its end has one cause."""
        pool = new_pool(1)
        self._alone.add(pool)
        future = pool.submit(call, *arguments)

        def end(_: Future[Result]) -> None:
            self._alone.discard(pool)
            pool.shutdown(wait=False)

        future.add_done_callback(end)
        return future

    def _there(self) -> Executor:
        if self._pool is None:
            self._pool = new_pool(self.count)
        return self._pool

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for pool in (*self._alone, *filter(None, [self._pool])):
            if kind is None:
                pool.shutdown()
            else:
                end_pool(pool)


def in_order(
    workers: Workers | None,
    name: str,
    batches: Iterable[Sequence[Item]],
    lost: Callable[[Item], list[Any]],
) -> Iterator[list[Any]]:
    """Results of a function for each batch, in their order, a few batches ahead.

    Parameters
    ----------
    workers : Workers or None
        Where it runs; here if None.
    name : str
        The function, as module:name: it is imported where it runs.
    batches : iterable
        Taken no faster than results are.
    lost : callable
        What stands for an item that ends the process it is alone in.
    """
    if workers is None:
        for batch in batches:
            yield _call_named(name, batch)
        return
    waiting: deque[tuple[Sequence[Item], Future[list[Any]]]] = deque()
    for batch in batches:
        waiting.append((batch, workers.submit(_call_named, name, batch)))
        while waiting and (waiting[0][1].done() or len(waiting) > AHEAD):
            yield _settled(workers, name, *waiting.popleft(), lost)
    while waiting:
        yield _settled(workers, name, *waiting.popleft(), lost)


def _settled(
    workers: Workers,
    name: str,
    batch: Sequence[Item],
    future: Future[list[Any]],
    lost: Callable[[Item], list[Any]],
) -> list[Any]:
    """Result of a batch; where its process died, of halves of it, down to what it died of."""
    try:
        return future.result()
    except BrokenProcessPool:
        pass
    try:
        return workers.alone(_call_named, name, batch).result()
    except BrokenProcessPool:
        if len(batch) == 1:
            return lost(batch[0])
    halves = batch[: len(batch) // 2], batch[len(batch) // 2 :]
    return [
        one
        for half in halves
        for one in _settled(workers, name, half, workers.alone(_call_named, name, half), lost)
    ]


def _call_named(name: str, argument: Any) -> list[Any]:
    """Call a function by its name."""
    module, _, function = name.partition(":")
    result: list[Any] = getattr(import_module(module), function)(argument)
    return result


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
    with Workers(min(workers, len(arguments))) as processes:
        again = []
        futures = {processes.submit(call, *one): n for n, one in enumerate(arguments)}
        for future in as_completed(futures):
            number = futures.pop(future)
            try:
                result: Result | BaseException = future.result()
            except BrokenProcessPool:
                again.append(number)
                continue
            except Exception as error:
                result = error
            yield number, result
        for number in sorted(again):
            try:
                yield number, processes.alone(call, *arguments[number]).result()
            except Exception as error:
                yield number, error
