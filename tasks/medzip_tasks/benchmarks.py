"""Tasks of the papers' benchmarks: one model each, the other codecs, and what people look at."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from prefect import get_run_logger

from medzip.papers.benchmarks.cohort import choose_cohort
from medzip.papers.benchmarks.measure import run_job
from medzip.papers.benchmarks.others import run_others
from medzip_tasks.policy import StepFailedError
from medzip_tasks.step import step

if TYPE_CHECKING:
    from medzip.papers.benchmarks.cohort import Cohort
    from medzip.papers.benchmarks.plan import Job
    from medzip.papers.benchmarks.records import JobResult, Row
    from medzip.papers.benchmarks.sizes import BenchmarkSize
    from medzip.training.curves import Point

__all__ = ["measure_model", "measure_others"]


@lru_cache(maxsize=1)
def _cohort(cohort: str, unseen: str | None, size: BenchmarkSize) -> Cohort:
    """The volumes, kept by a worker from one job to the next."""
    return choose_cohort(cohort, unseen, size)


@step("model-{label}", hours=14 * 24)
def measure_model(
    label: str,
    cohort: str,
    unseen: str | None,
    size: BenchmarkSize,
    job: Job,
    folder: str,
    device: str,
    pictures: bool,
) -> JobResult:
    """Train and measure one model; a job that is done is read, a killed one goes on.

    Not cached by Prefect: the result lies in FOLDER/jobs, with the digest of what decides it.
    """
    log = get_run_logger()

    def tell(point: Point) -> None:
        held = "" if point.mean_bits is None else f", held out {point.mean_bits:.3f}"
        log.info("%s: step %d of %d, loss %.4f%s", label, point.step, point.steps, point.loss, held)

    try:
        members = _cohort(cohort, unseen, size)
        return run_job(job, members, size, Path(folder), device, tell, pictures=pictures)
    except Exception as error:
        raise StepFailedError.of(label, "model", error) from None


@step("others-{label}", hours=24)
def measure_others(
    label: str, cohort: str, unseen: str | None, size: BenchmarkSize
) -> tuple[Row, ...]:
    """Measure the other codecs on the volume of this name."""
    try:
        return run_others(*_cohort(cohort, unseen, size).place(label), size.peers)
    except Exception as error:
        raise StepFailedError.of(label, "others", error) from None
