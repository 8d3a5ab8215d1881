"""The line that every object goes through, from its files to a proven object of the archive."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dask
from medzip_tasks.archive import (
    SlabBatch,
    commit_series,
    encode_slabs,
    prove_series,
    seal_series,
    slabs_are_there,
)
from medzip_tasks.policy import StepFailedError
from medzip_tasks.series import check_series, fit_is_there, fit_series, stage_series

from medzip import archive as steps
from medzip.archive import Committed, Failure, SeriesRecord
from medzip.errors import ArchiveError, CorruptStreamError, VerificationError
from medzip_flows.books import lost
from medzip_flows.lots import label, slab_batches

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from prefect import Task
    from prefect.futures import PrefectFuture
    from prefect_dask import DaskTaskRunner

    from medzip.archive import Fitted, ObjectPlan, Sealed, Staged

__all__ = ["Line"]

MISMATCHES = {kind.__name__ for kind in (ArchiveError, CorruptStreamError, VerificationError)}
"""Failures that are verdicts: never run again, and nothing of the object's work may be taken up by
the next run."""


class Line:
    """Takes one lot of objects after another through the steps.

    Used from several threads at once, one a lot: each step waits for the tasks of the one before
    it, while the tasks of other lots keep the workers busy.

    Parameters
    ----------
    runner : DaskTaskRunner
        Where tasks run; entered by the caller.
    archive : str
        Folder of the archive.
    profile : str
        Profile of the codec.
    models : str, optional
        Registry of models to choose from.
    """

    def __init__(
        self, runner: DaskTaskRunner, archive: str, profile: str, models: str | None = None
    ) -> None:
        self._runner = runner
        self._archive = archive
        self._profile = profile
        self._models = models

    def take(self, lot: Sequence[ObjectPlan]) -> list[SeriesRecord]:
        """Archive the objects of a lot.

        Returns
        -------
        list of SeriesRecord
            One record an object, in any order: proven, already proven, or failed with its failure.
            Whether none is missing is for the caller to check.
        """
        run = _LotRun(self._runner, lot, self._archive, self._profile)
        try:
            self._steps(run, lot)
        except Exception as error:  # a mistake in the code; other lots must not suffer from it
            run.give_up(error)
        return run.records

    def _steps(self, run: _LotRun, lot: Sequence[ObjectPlan]) -> None:
        where = {"archive": self._archive, "profile": self._profile}
        checked = run.step("check", check_series, lot, **where)
        for record in checked:
            if isinstance(record, SeriesRecord):
                run.records.append(record)
        plans = [plan for plan in checked if not isinstance(plan, SeriesRecord)]
        staged = run.step("stage", stage_series, plans, **where)
        coded = self._code(run, staged)
        sealed = run.step("seal", seal_series, coded)
        with run.away_from(sealed):
            proofs = run.step("prove", prove_series, sealed)
        for committed in run.step("commit", commit_series, proofs):
            run.committed(committed)

    def _code(self, run: _LotRun, staged: Sequence[Staged]) -> list[Staged]:
        """Fit and encode; returns the objects of which every slab is there."""
        by_key = {item.key: item for item in staged}
        fitted: list[Fitted] = run.step(
            "fit", fit_series, staged, fit_is_there, models=self._models
        )
        both = [(by_key[item.key], item) for item in fitted]
        pairs = [(item, fit) for item, fit in both if item.volumes]
        if len(pairs) == 1:
            coded = run.encode_wide(*pairs[0])
        else:
            whole = [SlabBatch(s, f.model_digests, s.slab_indices) for s, f in pairs]
            done = run.step("encode", encode_slabs, whole, slabs_are_there)
            keys = {records[0].name for records in done}
            coded = [s for s, _ in pairs if s.name in keys]
        return [*(item for item, _ in both if not item.volumes), *coded]


class _LotRun:
    """Books of one lot: who is still in, who is done, who failed."""

    def __init__(
        self, runner: DaskTaskRunner, lot: Sequence[ObjectPlan], archive: str, profile: str
    ) -> None:
        self._runner = runner
        self._plans = {plan.name: plan for plan in lot}
        self._archive = archive
        self._profile = profile
        self.records: list[SeriesRecord] = []

    def step(
        self,
        name: str,
        task: Task[..., Any],
        items: Sequence[Any],
        there: Callable[[Any], bool] | None = None,
        **parameters: Any,
    ) -> list[Any]:
        """Run one task on all items; returns what it made of those that did not fail.

        A task that returns more or fewer outcomes than it got items counts as failed for all.
        Who fails among several is taken again alone: then a task run of its own shows the failure,
        and retries it if that may help. Never after a mismatch: bytes that differed once are not
        trusted because they agree the second time.

        Parameters
        ----------
        name : str
            Name of the step.
        task : Task
            What to run.
        items : sequence
            One or several objects, as the task takes them.
        there : callable, optional
            For a cached task: whether the output of an item still exists, for a cached result says
            nothing about that.
        """
        if not items:
            return []
        outcomes = self._finish(name, items, self._start(task, items, there, parameters))
        if len(items) > 1:
            for i, outcome in enumerate(outcomes):
                if isinstance(outcome, Failure) and outcome.kind not in MISMATCHES:
                    alone = (items[i],)
                    future = self._start(task, alone, there, parameters)
                    outcomes[i] = self._finish(name, alone, future)[0]
        return self._keep(outcomes)

    def encode_wide(self, staged: Staged, fitted: Fitted) -> list[Staged]:
        """Encode one object in several tasks at once; returns it if every one succeeded."""
        futures = [
            self._start(encode_slabs, (batch,), slabs_are_there, {"label": name})
            for name, batch in slab_batches(staged, fitted)
        ]
        outcomes = [self._finish("encode", (staged,), future)[0] for future in futures]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        self._keep(failures[:1])
        return [] if failures else [staged]

    def committed(self, committed: Committed) -> None:
        """Note that an object is proven and has its name."""
        if committed.record is None:
            raise ValueError(f"expected the record of {committed.name} with its commit, got none")
        self.records.append(committed.record)

    def away_from(self, sealed: Sequence[Sealed]) -> AbstractContextManager[None]:
        """Prefer workers that did not seal these objects, as one that did starts another process.

        Only a preference: with a single worker, or others gone, the task runs where it can.
        """
        sealers = {item.pid for item in sealed}
        processes: dict[str, int] = self._runner.client.run(os.getpid, on_error="ignore")
        others = [address for address, pid in processes.items() if pid not in sealers]
        if not sealers or not others:
            return nullcontext()
        return dask.annotate(workers=others, allow_other_workers=True)

    def give_up(self, error: Exception) -> None:
        """Count every object that is neither proven nor failed yet as failed."""
        settled = {record.name for record in self.records}
        for name in self._plans.keys() - settled:
            self._keep([StepFailedError.of(name, "flow", error).failure])

    def _start(
        self,
        task: Task[..., Any],
        items: Sequence[Any],
        there: Callable[[Any], bool] | None,
        parameters: dict[str, Any],
    ) -> PrefectFuture[Any]:
        if there is not None and len(items) == 1 and not there(items[0]):
            task = task.with_options(refresh_cache=True)
        named = {"label": label([item.name for item in items]), **parameters}
        return self._runner.submit(task, {**named, "items": tuple(items)})

    def _finish(self, name: str, items: Sequence[Any], future: PrefectFuture[Any]) -> list[Any]:
        try:
            outcomes = list(future.result())
        except StepFailedError as error:
            return [replace(error.failure, name=item.name) for item in items]
        except Exception as error:  # a worker that died too often, a timeout, a lost scheduler
            failure = StepFailedError.of(items[0].name, name, error).failure
            return [replace(failure, name=item.name) for item in items]
        if len(outcomes) != len(items):
            # no telling which outcome is whose
            expected = f"{len(items)} outcomes of this step"
            return [lost(item.name, name, expected, len(outcomes)) for item in items]
        return outcomes

    def _keep(self, outcomes: Sequence[Any]) -> list[Any]:
        kept = []
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                plan = self._plans[outcome.name]
                if outcome.kind in MISMATCHES:
                    steps.discard(self._archive, plan.key)
                self.records.append(steps.failed_record(plan, self._profile, outcome))
            else:
                kept.append(outcome)
        return kept
