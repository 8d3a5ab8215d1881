"""All steps for all objects, in a pool of processes and without any orchestrator."""

from __future__ import annotations

import errno
import heapq
import os
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.archive.committing import already_proven, commit, discard, publish
from medzip.archive.encoding import encode, fit
from medzip.archive.failures import failed_record, failure_of
from medzip.archive.locking import archive_lock
from medzip.archive.pool import new_pool
from medzip.archive.proving import prove
from medzip.archive.records import Event, Failure, Staged, Summary, Verdict
from medzip.archive.scanning import scan
from medzip.archive.sealing import seal
from medzip.archive.staging import stage
from medzip.codec import PROFILES
from medzip.cores import cores
from medzip.errors import (
    ArchiveError,
    CorruptStreamError,
    ProverError,
    VerificationError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medzip.archive.layout import StrPath
    from medzip.archive.records import ObjectPlan, SeriesRecord

__all__ = ["check_places", "compress"]


def check_places(sources: Sequence[StrPath], archive: StrPath) -> None:
    """Refuse an archive inside a source, or a source inside the archive.

    Raises
    ------
    ArchiveError
        Naming the two folders.
    """
    target = Path(os.path.realpath(archive))
    for source in sources:
        root = Path(os.path.realpath(source))
        if target == root or root in target.parents or target in root.parents:
            raise ArchiveError(
                f"{target}: expected an archive apart from its source, got one inside the other "
                f"({root}); name a folder outside"
            )


def compress(
    sources: Sequence[StrPath],
    archive: StrPath,
    profile: str = "default",
    workers: int | None = None,
    on_event: Callable[[Event], None] | None = None,
    models: StrPath | None = None,
) -> Summary:
    """Compress everything under ``sources`` into a verified archive.

    Parameters
    ----------
    sources : sequence of path
        Folders or files; they are only read.
    archive : path
        Archive, created if it does not exist; apart from every source.
    profile : str
        "fast", "default" or "max".
    workers : int, optional
        Processes at work at a time; None for as many as this process may use cores.
    on_event : callable, optional
        Called with the progress, in this process.
    models : path, optional
        Registry of models (``medzip.models``): each volume is coded with the one that takes
        fewest bytes on a sample of it, the profile's own and those of the archive among them.

    Returns
    -------
    Summary
        What became of each object. A failure of one does not stop the others.

    Raises
    ------
    ArchiveError
        When the archive is held by another run, is no archive, or overlaps a source.
    SourceError
        When a source does not exist.
    """
    if profile not in PROFILES:
        raise ArchiveError(f"expected a profile of {sorted(PROFILES)}, got {profile!r}; name one")
    started = time.perf_counter()
    check_places(sources, archive)
    report = on_event or (lambda event: None)
    count = workers or cores()
    inventory = scan(sources, on_event)
    with archive_lock(archive):
        run = _Run(os.fspath(archive), profile, count, report, len(inventory.plans), models)
        run.work(inventory.plans)
        records = sorted(run.records, key=lambda record: record.key)
        failures = [*inventory.failures, *run.failures]
        try:
            publish(archive, records)
        except OSError as error:
            failures.append(failure_of(None, "commit", error))
    return Summary(
        archive=os.fspath(archive),
        profile=profile,
        objects=tuple(records),
        failures=tuple(failures),
        seconds=time.perf_counter() - started,
    )


@dataclass
class _Job:
    """One object on its way."""

    number: int
    plan: ObjectPlan
    staged: Staged | None = None
    left: int = 0


@dataclass(order=True)
class _Task:
    """One step to run: objects that are further on first, so that work in hand stays small."""

    rank: tuple[int, int]
    job: _Job = field(compare=False)
    stage: str = field(compare=False)
    call: tuple[Callable[..., Any], tuple[Any, ...]] = field(compare=False)


class _Run:
    """State of one run. Steps go to worker processes; proofs to processes that never seal."""

    def __init__(
        self,
        archive: str,
        profile: str,
        workers: int,
        report: Callable[[Event], None],
        total: int,
        models: StrPath | None = None,
    ) -> None:
        self.records: list[SeriesRecord] = []
        self.failures: list[Failure] = []
        self._archive, self._profile, self._workers = archive, profile, workers
        self._report, self._total = report, total
        self._models = None if models is None else os.path.abspath(models)
        self._pools: dict[str, Executor] = {}
        self._ready: list[_Task] = []
        self._running: dict[Future[Any], _Task] = {}
        self._open: dict[int, _Job] = {}

    def work(self, plans: Sequence[ObjectPlan]) -> None:
        """Bring all plans through all steps; return when nothing is left."""
        waiting = deque(_Job(number, plan) for number, plan in enumerate(plans))
        try:
            while waiting or self._open:
                # Staged voxels take disk: no more objects at a time than keep the workers busy.
                while waiting and len(self._open) <= self._workers:
                    job = waiting.popleft()
                    self._open[job.number] = job
                    self._add(job, "check", already_proven, job.plan, self._archive, self._profile)
                while self._ready and len(self._running) < self._workers:
                    self._submit(heapq.heappop(self._ready))
                if not self._running and not self._ready:
                    self._lose()
                    continue
                done, _ = wait(self._running, return_when=FIRST_COMPLETED)
                for future in done:
                    self._finish(future)
        except KeyboardInterrupt:
            for pool in self._pools.values():
                pool.shutdown(wait=False, cancel_futures=True)
            raise
        for pool in self._pools.values():
            pool.shutdown()

    def _add(self, job: _Job, stage: str, call: Callable[..., Any], *arguments: Any) -> None:
        order = ("prove", "commit", "seal", "encode", "fit", "stage", "check").index(stage)
        heapq.heappush(self._ready, _Task((job.number, order), job, stage, (call, arguments)))

    def _submit(self, task: _Task) -> None:
        if task.job.number not in self._open:
            return
        call, arguments = task.call
        try:
            future = self._pool(task.stage).submit(call, *arguments)
        except BrokenProcessPool:
            # Its tasks failed one by one; the others go on with new processes.
            self._pools.pop(self._kind(task.stage)).shutdown(wait=False)
            future = self._pool(task.stage).submit(call, *arguments)
        self._running[future] = task

    @staticmethod
    def _kind(stage: str) -> str:
        return stage if stage in ("check", "prove") else "work"

    def _pool(self, stage: str) -> Executor:
        """Pool for a step, started when first needed: proofs get processes of their own."""
        kind = self._kind(stage)
        if kind not in self._pools:
            self._pools[kind] = (
                ThreadPoolExecutor(self._workers) if kind == "check" else new_pool(self._workers)
            )
        return self._pools[kind]

    def _finish(self, future: Future[Any]) -> None:
        task = self._running.pop(future)
        error = future.exception()
        if error is not None:
            if isinstance(error, BrokenProcessPool):
                kind = ProverError if task.stage == "prove" else MemoryError
                error = kind(
                    "expected the worker process to answer, got its end (out of memory?); what is "
                    "done is kept: use fewer --workers and run again"
                )
            self._fail(task, error)
            return
        self._advance(task, future.result())

    def _fail(self, task: _Task, error: BaseException) -> None:
        job = task.job
        if job.number in self._open:
            mismatch = isinstance(error, (VerificationError, CorruptStreamError, ArchiveError))
            if mismatch or getattr(error, "errno", 0) in (errno.ENOSPC, errno.EDQUOT):
                # What does not match must not be taken up again by the next run; and where the disk
                # is full the others need the room.
                discard(self._archive, job.plan.key)
            self._end_failed(job, failure_of(job.plan, task.stage, error))

    def _lose(self) -> None:
        """End the objects that no step is left for, though none of them ended: books balance."""
        for job in list(self._open.values()):
            message = (
                "expected a record or a failure of every object, got neither of this one; run "
                "again, and report it if it comes again"
            )
            self._end_failed(job, Failure(job.plan.name, "commit", "lost", message))

    def _end_failed(self, job: _Job, failure: Failure) -> None:
        self.failures.append(failure)
        self._end(job, failed_record(job.plan, self._profile, failure))

    def _advance(self, task: _Task, result: Any) -> None:
        """Hand the result of a step to the next one."""
        job = task.job
        if job.number not in self._open:
            return
        if task.stage == "check":
            if result is not None:
                self._end(job, result)
            else:
                self._add(job, "stage", stage, job.plan, self._archive, self._profile)
        elif task.stage == "stage":
            job.staged = result
            self._add(job, "fit", fit, job.staged, self._models)
        elif task.stage == "fit":
            self._encode(job)
        elif task.stage == "encode":
            job.left -= 1
            self._progress(job)
            if job.left == 0:
                self._add(job, "seal", seal, job.staged)
        elif task.stage == "seal":
            self._add(job, "prove", prove, result)
        else:
            try:
                record = commit(result).record
            except Exception as error:
                self._fail(_Task((job.number, 0), job, "commit", task.call), error)
                return
            if record is not None:
                self._end(job, record)

    def _encode(self, job: _Job) -> None:
        staged = job.staged
        if staged is None or not staged.slab_indices:
            self._add(job, "seal", seal, staged)
            return
        job.left = len(staged.slab_indices)
        for volume, slab in staged.slab_indices:
            self._add(job, "encode", encode, staged, volume, slab)

    def _progress(self, job: _Job) -> None:
        total = len(job.staged.slab_indices) if job.staged else 0
        self._report(Event("encode", job.plan.name, total - job.left, total))

    def _end(self, job: _Job, record: SeriesRecord) -> None:
        """Close an object, with the one record that it gets."""
        del self._open[job.number]
        self.records.append(record)
        verb = "commit" if record.verdict is not Verdict.FAILED else "failed"
        self._report(Event(verb, job.plan.name, len(self.records), self._total))
