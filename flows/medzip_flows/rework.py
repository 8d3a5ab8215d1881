"""The way of an object that is coded anew: prepare, encode, seal, prove, and through the gate."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from medzip_tasks.archive import encode_slabs, prove_series, seal_series, slabs_are_there
from medzip_tasks.policy import StepFailedError
from medzip_tasks.recompressing import Chance, prepare_objects

from medzip import archive as steps
from medzip.archive.recompressing import Gate, Outcome, Recompressed, not_smaller, released
from medzip_flows.line import MISMATCHES
from medzip_flows.lots import slab_batches

if TYPE_CHECKING:
    from prefect_dask import DaskTaskRunner

    from medzip.archive import Failure
    from medzip.archive.recompressing import Candidate, Prepared

__all__ = ["Rework"]


class Rework:
    """Takes one object after another through the steps; used from several threads at once.

    Workers do the steps; the gate, which replaces objects, is here, where the archive is locked.

    Parameters
    ----------
    runner : DaskTaskRunner
        Where tasks run; entered by the caller.
    archive : str
        Folder of the archive.
    models : str or None
        Registry to choose from, beside the models of the archive.
    profile : str or None
        Profile to code with; None for that of each object.
    """

    def __init__(
        self, runner: DaskTaskRunner, archive: str, models: str | None, profile: str | None
    ) -> None:
        self._runner, self._archive = runner, archive
        self._models, self._profile = models, profile
        self._gate = Gate(archive)
        self._lock = threading.Lock()
        self._done: dict[str, Recompressed] = {}

    def take(self, one: Candidate) -> str:
        """Bring one object as far as it is worth; returns its name. Never raises."""
        started = time.monotonic()
        ended = Recompressed(one.key, Outcome.KEPT, one.size, one.size, "waits")
        try:
            ended = self._steps(one, ended)
        except StepFailedError as error:
            ended = self._failed(ended, error.failure)
        except Exception as error:  # a worker that died too often, a lost scheduler, a mistake
            failure = StepFailedError.of(one.name, "recompress", error).failure
            ended = self._failed(ended, failure)
        with self._lock:
            # the gate may have settled it meanwhile
            now = self._done.get(one.key, ended)
            self._done[one.key] = replace(now, seconds=time.monotonic() - started)
        return one.name

    def end(self) -> tuple[tuple[Recompressed, ...], int]:
        """Close the gate; returns what became of each object, and the bytes of models taken."""
        with self._lock:
            for proof, _, reason in self._gate.left():
                self._done[proof.key] = replace(self._done[proof.key], reason=reason)
            return tuple(self._done[key] for key in sorted(self._done)), self._gate.model_bytes

    def _steps(self, one: Candidate, ended: Recompressed) -> Recompressed:
        chance = Chance(self._archive, one.key, one.name, self._models, self._profile)
        prepared: Prepared = self._run(prepare_objects, chance)
        ended = replace(ended, trials=prepared.trials, reason=prepared.reason)
        if prepared.fitted is None:
            return ended
        batches = slab_batches(prepared.staged, prepared.fitted)
        coded = [
            self._runner.submit(
                encode_slabs
                if slabs_are_there(batch)
                else encode_slabs.with_options(refresh_cache=True),
                {"label": name, "items": (batch,)},
            )
            for name, batch in batches
        ]
        for future in coded:
            future.result()
        sealed = self._run(seal_series, prepared.staged)
        if sealed.size >= one.size:
            steps.discard(self._archive, one.key)
            return replace(ended, reason=not_smaller(sealed.size))
        proof = self._run(prove_series, sealed)
        with self._lock:
            self._done[one.key] = replace(ended, reason="waits")
            for let_in, before, error in self._gate.offer(proof):
                now = self._done[let_in.key]
                self._done[let_in.key] = released(now, let_in, before, error)
            return self._done[one.key]

    def _run(self, task: Any, item: Any) -> Any:
        """Run a task on one item; what it makes of it."""
        parameters = {"label": item.name, "items": (item,)}
        (outcome,) = self._runner.submit(task, parameters).result()
        return outcome

    def _failed(self, ended: Recompressed, failure: Failure) -> Recompressed:
        if failure.kind in MISMATCHES:
            steps.discard(self._archive, ended.key)  # never taken up by the next run
        return replace(ended, outcome=Outcome.FAILED, reason=failure.kind, failure=failure)
