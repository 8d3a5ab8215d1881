"""Who runs the calls of a line on a cluster: Prefect tasks on Dask workers, lot by lot.

What follows on what is `medzip.archive.line`'s alone. A driver groups the calls of one step of a
lot into tasks, takes who failed among several again alone (never after a mismatch), and runs the
short steps that change the archive here, where it is locked.
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext
from contextvars import copy_context
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dask.base import annotate

from medzip.archive import Failure
from medzip.archive.driving import HERE, attempt, tell
from medzip.archive.failures import MISMATCHES, lost
from medzip.archive.line import Step
from medzip_tasks.archive import run_calls, run_lot
from medzip_tasks.batches import batches, label
from medzip_tasks.policy import StepFailedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from prefect.futures import PrefectFuture
    from prefect_dask.task_runners import DaskTaskRunner

    from medzip.archive.line import Call, Line

__all__ = ["Driver"]


class Driver:
    """Brings objects through a line, several lots at a time.

    Parameters
    ----------
    runner : DaskTaskRunner
        Where tasks run; entered by the caller.
    line : Line
        Asked from one thread at a time.
    here : mapping, optional
        What runs the steps that stay here.
    """

    def __init__(
        self,
        runner: DaskTaskRunner,
        line: Line[Any, Any],
        here: Mapping[Step, Callable[..., Any]] = HERE,
    ) -> None:
        self._runner, self._line, self._here = runner, line, here
        self._lock = threading.Lock()

    def run(self, lots: Sequence[Sequence[Any]], threads: int) -> Iterator[Sequence[Any]]:
        """Bring all lots through the line; gives each as it ends, failed or not."""
        pool = ThreadPoolExecutor(threads, thread_name_prefix="lot")
        try:
            # each thread gets a copy of the context that tells Prefect which flow run this is
            futures = {pool.submit(copy_context().run, self.take, lot): lot for lot in lots}
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def take(self, lot: Sequence[Any]) -> None:
        """Bring the objects of a lot to their ends. Never raises."""
        try:
            ready = self._begin(lot)
            while ready:
                # a step at a time, the earliest first: so the objects of a lot stay together
                step = max((call.step for call in ready), key=lambda step: step.rank)
                now = [call for call in ready if call.step is step]
                ready = [call for call in ready if call.step is not step]
                for call, outcome in self._outcomes(step, now):
                    with self._lock:
                        ready += self._line.done(call, outcome)
            with self._lock:
                self._line.lose(item.key for item in lot)
        except Exception as error:  # a mistake in the code; other lots must not suffer from it
            StepFailedError.of("lot", "flow", error)  # logs where, without any value
            with self._lock:
                for item in lot:
                    self._line.give_up(item, error)

    def _begin(self, lot: Sequence[Any]) -> list[Call]:
        """Start a lot; several objects go as far as one worker takes them, in one task.

        What failed there, but for a mismatch, is not told to the line: it is run again as a task of
        its own, which shows the failure, and retries it if that may help.
        """
        with self._lock:
            given = [call for item in lot for call in self._line.start(item)]
            fresh = self._line.fresh()
        if len(lot) == 1:
            return given
        name = label([item.name for item in lot])
        parameters = {"label": name, "line": fresh, "items": tuple(lot)}
        try:
            ran = self._runner.submit(run_lot, parameters).result()
        except Exception as error:  # a worker that died, say: then step by step, so that one fails
            StepFailedError.of("lot", "lot", error)  # logs where, without any value
            return given
        final = [one for one in ran if not _may_pass(one.outcome)]
        with self._lock:
            return tell(self._line, given, final)

    def _outcomes(self, step: Step, calls: Sequence[Call]) -> Iterator[tuple[Call, Any]]:
        if step in self._here:
            for call in calls:
                with self._lock:  # the gate, for one, is asked from one thread at a time
                    outcome = attempt(call, self._here)
                yield call, outcome
            return
        with self._away_from(calls) if step is Step.PROVE else nullcontext():
            tasks = [(batch, self._start(name, batch)) for name, batch in batches(calls)]
            for batch, future in tasks:
                yield from zip(batch, self._settled(batch, future), strict=True)

    def _settled(self, batch: Sequence[Call], future: PrefectFuture[Any]) -> list[Any]:
        """What became of a batch, after another try of whoever failed among several.

        A task run of its own shows the failure, and retries it if that may help. Never after a
        mismatch: bytes that differed once are not trusted because they agree the second time.
        """
        outcomes = self._finish(batch, future)
        if len(batch) > 1:
            for number, outcome in enumerate(outcomes):
                if _may_pass(outcome):
                    alone = batch[number : number + 1]
                    future = self._start(label([call.name for call in alone]), alone)
                    outcomes[number] = self._finish(alone, future)[0]
        return outcomes

    def _start(self, name: str, batch: Sequence[Call]) -> PrefectFuture[Any]:
        parameters = {"label": name, "step": batch[0].step.value, "items": tuple(batch)}
        return self._runner.submit(run_calls, parameters)

    def _finish(self, batch: Sequence[Call], future: PrefectFuture[Any]) -> list[Any]:
        step = batch[0].step.value
        try:
            outcomes = list(future.result())
        except StepFailedError as error:
            return [replace(error.failure, name=call.name) for call in batch]
        except Exception as error:  # a worker that died too often, a timeout, a lost scheduler
            failure = StepFailedError.of(batch[0].name, step, error).failure
            return [replace(failure, name=call.name) for call in batch]
        if len(outcomes) != len(batch):
            # no telling which outcome is whose
            expected = f"{len(batch)} outcomes of this step"
            return [lost(call.name, step, expected, len(outcomes)) for call in batch]
        return outcomes

    def _away_from(self, calls: Sequence[Call]) -> AbstractContextManager[Any]:
        """Prefer workers that did not seal these objects, as one that did starts another process.

        Only a preference: with a single worker, or others gone, the task runs where it can.
        """
        sealers = {call.arguments[0].pid for call in calls}
        processes: dict[str, int] = self._runner.client.run(os.getpid, on_error="ignore")
        others = [address for address, pid in processes.items() if pid not in sealers]
        if not others:
            return nullcontext()
        return annotate(workers=others, allow_other_workers=True)


def _may_pass(outcome: Any) -> bool:
    """Whether to try again: whoever failed, but never after a mismatch."""
    return isinstance(outcome, Failure) and outcome.kind not in MISMATCHES
