"""The line that every object goes through, from its files to a proven object of the archive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flows.lots import label, slab_batches
from medzip import archive as steps
from medzip.archive import Committed, Failure, SeriesRecord
from tasks.archive import SlabBatch, commit_series, encode_slabs, prove_series, seal_series
from tasks.policy import StepFailedError
from tasks.series import check_series, fit_series, stage_series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect import Task
    from prefect_dask import DaskTaskRunner

    from medzip.archive import Fitted, ObjectPlan, Staged

__all__ = ["Line"]


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
    """

    def __init__(self, runner: DaskTaskRunner, archive: str, profile: str) -> None:
        self._runner = runner
        self._archive = archive
        self._profile = profile

    def take(self, lot: Sequence[ObjectPlan]) -> list[SeriesRecord]:
        """Archive the objects of a lot.

        Returns
        -------
        list of SeriesRecord
            One record an object, in any order: proven, already proven, or failed with its failure.
        """
        run = _LotRun(self._runner, lot, self._profile)
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
        proofs = run.step("prove", prove_series, sealed)
        for committed in run.step("commit", commit_series, proofs):
            run.committed(committed)

    def _code(self, run: _LotRun, staged: Sequence[Staged]) -> list[Staged]:
        """Fit and encode; returns the objects of which every slab is there."""
        voxels = [item for item in staged if item.volumes]
        fitted: list[Fitted] = run.step("fit", fit_series, voxels)
        by_key = {item.key: item for item in voxels}
        pairs = [(by_key[item.key], item) for item in fitted]
        if len(pairs) == 1:
            coded = run.encode_wide(*pairs[0])
        else:
            whole = [SlabBatch(s, f.model_digests, s.slab_indices) for s, f in pairs]
            done = run.step("encode", encode_slabs, whole)
            keys = {records[0].name for records in done}
            coded = [s for s, _ in pairs if s.name in keys]
        return [*(item for item in staged if not item.volumes), *coded]


class _LotRun:
    """Books of one lot: who is still in, who is done, who failed."""

    def __init__(self, runner: DaskTaskRunner, lot: Sequence[ObjectPlan], profile: str) -> None:
        self._runner = runner
        self._plans = {plan.name: plan for plan in lot}
        self._profile = profile
        self.records: list[SeriesRecord] = []

    def step(
        self, name: str, task: Task[..., Any], items: Sequence[Any], **parameters: Any
    ) -> list[Any]:
        """Run one task on all items; returns what it made of those that did not fail.

        Who fails among several is taken again alone: then a task run of its own shows the failure,
        and retries it if that may help.
        """
        if not items:
            return []
        outcomes = self._submit(name, task, tuple(items), parameters)
        if len(items) > 1:
            outcomes = [
                retried
                for item, outcome in zip(items, outcomes, strict=True)
                for retried in (
                    self._submit(name, task, (item,), parameters)
                    if isinstance(outcome, Failure)
                    else [outcome]
                )
            ]
        return self._keep(outcomes)

    def encode_wide(self, staged: Staged, fitted: Fitted) -> list[Staged]:
        """Encode one object in several tasks at once; returns it if every one succeeded."""
        futures = [
            self._runner.submit(
                self._fresh(encode_slabs, batch), {"label": name, "items": (batch,)}
            )
            for name, batch in slab_batches(staged, fitted)
        ]
        outcomes = [self._result("encode", (staged,), future)[0] for future in futures]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        self._keep(failures[:1])
        return [] if failures else [staged]

    def committed(self, committed: Committed) -> None:
        """Note that an object is proven and has its name."""
        if committed.record is None:
            raise ValueError(f"expected the record of {committed.name} with its commit, got none")
        self.records.append(committed.record)

    def give_up(self, error: Exception) -> None:
        """Count every object that is neither proven nor failed yet as failed."""
        settled = {record.name for record in self.records}
        for name in self._plans.keys() - settled:
            self._keep([StepFailedError.of(name, "flow", error).failure])

    def _fresh(self, task: Task[..., Any], item: Any) -> Task[..., Any]:
        return task

    def _submit(
        self, name: str, task: Task[..., Any], items: tuple[Any, ...], parameters: dict[str, Any]
    ) -> list[Any]:
        arguments = {"label": label([item.name for item in items]), "items": items, **parameters}
        task = self._fresh(task, items)
        return self._result(name, items, self._runner.submit(task, arguments))

    def _result(self, name: str, items: Sequence[Any], future: Any) -> list[Any]:
        try:
            return future.result()
        except StepFailedError as error:
            return [error.failure for _ in items]
        except Exception as error:  # a worker that died too often, a timeout, a lost scheduler
            failure = StepFailedError.of(items[0].name, name, error).failure
            return [replace(failure, name=item.name) for item in items]

    def _keep(self, outcomes: Sequence[Any]) -> list[Any]:
        kept = []
        for outcome in outcomes:
            if isinstance(outcome, Failure):
                plan = self._plans[outcome.name]
                self.records.append(steps.failed_record(plan, self._profile, outcome))
            else:
                kept.append(outcome)
        return kept
