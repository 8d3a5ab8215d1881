"""Which models the benchmarks need: one job each, so that a stopped run goes on with the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from medzip.papers.benchmarks.sizes import BenchmarkSize
    from medzip.papers.training.configurations import SequenceRun

__all__ = ["Job", "plan_jobs"]


@dataclass(frozen=True)
class Job:
    """One model of one fold, and what it is measured on.

    Attributes
    ----------
    key
        Unique, fit for file names.
    run
        How it is trained.
    fold
        The part of the cohort that it is tested on.
    benchmarks
        Which benchmarks its figures belong to (1, 2, 4); 0 for runs beyond the papers.
    unseen
        Whether the MR volumes are coded, too.
    timed
        Whether seconds are taken (benchmark 3).
    snapshots
        Epochs after which a volume is coded (benchmark 5).
    """

    key: str
    run: SequenceRun
    fold: int
    benchmarks: tuple[int, ...]
    unseen: bool = False
    timed: bool = False
    snapshots: tuple[int, ...] = ()


def plan_jobs(size: BenchmarkSize) -> tuple[Job, ...]:
    """All jobs of a size, the longest first, so that workers end together."""
    jobs = []
    for kind, run, folds in (
        ("lstm", size.lstm, size.folds),
        ("mlp", size.mlp, size.mlp_folds),
    ):
        for shape in size.shapes:
            for fold in range(folds):
                also = kind == "lstm" and shape == size.sampled_shape and "random" in size.samplings
                benchmark = 2 if shape.endswith("-rows") else 1
                pyramid = kind == "lstm" and shape.startswith("pyramid") and benchmark == 1
                jobs.append(
                    Job(
                        f"{kind}-{shape}-fold{fold}",
                        run.with_(shape=shape, seed=fold),
                        fold,
                        (benchmark, 4) if also else (benchmark,),
                        unseen=fold < size.unseen_folds,
                        timed=fold == 0,
                        snapshots=size.snapshots if pyramid and fold == 0 else (),
                    )
                )
    for scheme in size.samplings:
        if scheme == "random" and size.sampled_shape in size.shapes:
            continue  # those are the models of benchmark 1
        for fold in range(size.folds):
            run = size.lstm.with_(shape=size.sampled_shape, sampling=scheme, seed=fold)
            jobs.append(Job(f"lstm-{scheme}-fold{fold}", run, fold, (4,)))
    jobs += [Job(f"{run.name}-fold0", run, 0, (0,), timed=True) for run in size.extras]
    return tuple(sorted(jobs, key=lambda job: (-_work(job), job.key)))


def _work(job: Job) -> int:
    """Steps of the sequence that training goes through, about."""
    from medzip.papers.codec.shapes import shape_named

    weight = {"lstm": 4, "attention": 4, "mlp": 1}[job.run.kind]
    return weight * len(shape_named(job.run.shape)) * job.run.samples * job.run.epochs
