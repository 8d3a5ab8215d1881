"""The whole command, the codec alone, and finding alone, one after the other."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from medzip.bench.circumstances import surroundings
from medzip.bench.pipeline.cohorts import SHAPE, write_cohort, write_tiny
from medzip.bench.pipeline.measuring import measure, measure_alone, measure_finding
from medzip.bench.pipeline.records import Overhead, Pipeline, Tiny

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medzip.bench.pipeline.records import Alone, Finding, Usage

    Tell = Callable[[str, str], None]

__all__ = ["Plan", "run_pipeline"]

Counted = TypeVar("Counted", "Usage", "Alone")

#: As the entry point of an installed `medzip` reads. Processes that the command starts may read it
#: again, which counts like everything that they do.
_SCRIPT = """\
import sys
from medzip.cli import main
if __name__ == "__main__":
    sys.exit(main())
"""
_TINY_PROFILE = "fast"
_FEW = 4  # tiny series that warm the caches


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes
    ----------
    profiles
        Of the overhead; none: it is not measured.
    workers
        Processes that the command has at work.
    data
        Folder to compress; a cohort of nobody's is made if None.
    series, shape
        Of that cohort.
    tiny
        How many series of one small slice to compress besides; 0: none.
    rounds
        Times that command and codec run, in turn.
    warm
        Whether runs that warm the caches, and do not count, go before.
    """

    profiles: Sequence[str] = ("fast", "default")
    workers: int = 2
    data: Path | None = None
    series: int = 8
    shape: tuple[int, int, int] = SHAPE
    tiny: int = 0
    rounds: int = 3
    warm: bool = True


def run_pipeline(plan: Plan, tell: Tell | None = None) -> Pipeline:
    """Measure the pipeline.

    Parameters
    ----------
    plan
        What of it.
    tell
        Called with (what, which) before each measurement.

    Raises
    ------
    ProgramError
        If the command fails, or anything of the folder could not be archived.
    """
    tell = tell or (lambda what, which: None)
    load = os.getloadavg()[0]
    where = surroundings()
    overheads: list[Overhead] = []
    findings: list[Finding] = []
    tiny: list[Tiny] = []
    with tempfile.TemporaryDirectory(prefix="medzip-") as made:
        work = Path(made)
        (work / "medzip").write_text(_SCRIPT, encoding="utf-8")
        if plan.profiles:
            data = plan.data or work / "cohort"
            if plan.data is None:
                tell("cohort", f"{plan.series} series")
                write_cohort(data, plan.series, plan.shape)
            overheads += [_overhead(work, data, one, plan, tell) for one in plan.profiles]
            tell("cohort", "finding")
            findings.append(measure_finding("series", data, plan.workers))
        if plan.tiny:
            tell("tiny", f"{plan.tiny} series")
            data = work / "tiny"
            write_tiny(data, plan.tiny)
            tell("tiny", "finding")
            findings.append(measure_finding("tiny series", data, plan.workers))
            tiny.append(_tiny(work, data, plan, tell))
    return Pipeline(
        **where,
        settings={
            "rounds": plan.rounds,
            "omp_num_threads": os.environ.get("OMP_NUM_THREADS", ""),
            "load_percent": round(100 * load),
        },
        overheads=tuple(overheads),
        findings=tuple(findings),
        tiny=tuple(tiny),
    )


def _overhead(work: Path, data: Path, profile: str, plan: Plan, tell: Tell) -> Overhead:
    """Command and codec in turn, so that both see the same hours of the machine."""
    if plan.warm:
        tell(profile, "compress, to warm up")
        _compress(work, data, profile, plan.workers)
    whole: list[Usage] = []
    alone: list[Alone] = []
    for count in range(plan.rounds):
        tell(profile, f"compress {count + 1} of {plan.rounds}")
        whole.append(_compress(work, data, profile, plan.workers))
        tell(profile, f"codec alone {count + 1} of {plan.rounds}")
        alone.append(measure_alone(_archive(work), profile))
    return Overhead(profile, plan.workers, _median(whole), _median(alone))


def _tiny(work: Path, data: Path, plan: Plan, tell: Tell) -> Tiny:
    """The command on very many series, once: it takes minutes."""
    if plan.warm:
        tell("tiny", "compress, to warm up")
        write_tiny(work / "few", _FEW)
        _compress(work, work / "few", _TINY_PROFILE, plan.workers)
    tell("tiny", "compress")
    whole = _compress(work, data, _TINY_PROFILE, plan.workers)
    return Tiny(plan.tiny, _TINY_PROFILE, plan.workers, whole)


def _compress(work: Path, data: Path, profile: str, workers: int) -> Usage:
    """Run the command into a fresh archive, which stays until the next run."""
    archive = _archive(work)
    shutil.rmtree(archive, ignore_errors=True)
    options = ["--profile", profile, "--workers", str(workers), "--json"]
    command = [sys.executable, str(work / "medzip"), "compress", str(data), str(archive), *options]
    usage, _ = measure(command, watched=archive / "objects")
    return usage


def _archive(work: Path) -> Path:
    return work / "archive"


def _median(found: Sequence[Counted]) -> Counted:
    """The one whose CPU time is the median; the smaller one of two."""
    return sorted(found, key=lambda one: one.cpu_ns)[(len(found) - 1) // 2]
