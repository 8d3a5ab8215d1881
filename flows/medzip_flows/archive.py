"""Compress a cohort of DICOM files into a proven archive, on a Dask cluster.

    medzip flow archive SOURCE... ARCHIVE [--profile default] [--workers 2]
                        [--cluster infra/dask/slurm.yaml | --scheduler tcp://host:8786]
                        [--report DIR] [--json]

The same job as ``medzip compress``, with the same archive at its end: find the series, stage their
voxels, fit, encode, seal, prove in another process, commit, report. Exit codes: 0 done, 1 something
failed or does not match, 2 usage. A source that does not exist is a failure, as it is there.
"""

from __future__ import annotations

import logging
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from medzip_tasks.archive import publish_index, scan_sources
from medzip_tasks.batches import lots_of
from medzip_tasks.driving import Driver
from medzip_tasks.policy import StepFailedError
from prefect import flow
from prefect.states import Failed

from medzip import archive as steps
from medzip.archive import SeriesRecord, Summary
from medzip.archive.compressing import check_places
from medzip.archive.line import Archiving
from medzip.errors import MedZipError
from medzip_flows.artifacts import Progress, objects_table
from medzip_flows.cluster import ClusterSpec
from medzip_flows.console import told_on_stderr
from medzip_flows.reporting import COMPARED, report_run
from medzip_flows.workers import workers_of

if TYPE_CHECKING:
    from prefect_dask import DaskTaskRunner

    from medzip.archive import ObjectPlan

__all__ = ["IncompleteError", "archive_cohort"]


@flow(name="medzip-archive", flow_run_name="archive-{profile}", persist_result=False)
def archive_cohort(
    source: str | list[str],
    archive: str,
    profile: Literal["fast", "default", "max"] = "default",
    workers: int | None = None,
    cluster: str | None = None,
    scheduler: str | None = None,
    report: str | None = None,
    compare: int = COMPARED,
    models: str | None = None,
) -> Any:
    """Compress everything under SOURCE into ARCHIVE and prove that every byte comes back.

    The runner is opened here and not bound to the flow, because which cluster to use is a
    parameter, and Prefect binds a runner before it knows the parameters.

    Parameters
    ----------
    source : str or list of str
        Folders (or files) to compress; never changed.
    archive : str
        Folder of the archive; created if missing, added to if there.
    profile : {"fast", "default", "max"}
        How much work to put into small bytes.
    workers : int, optional
        Worker processes of a cluster started for this run (default 2, or as the cluster file says).
    cluster : str, optional
        YAML file that describes the Dask cluster, such as infra/dask/slurm.yaml.
    scheduler : str, optional
        Address of a Dask scheduler that already runs.
    report : str, optional
        Folder of the report (rows/ and report.html); ARCHIVE-report beside the archive if not
        given. Not inside it, since there every byte is covered by a digest.
    compare : int
        How many of the largest objects to measure other codecs on, for the report.
    models : str, optional
        Registry of models: each series is coded with the one that takes fewest bytes on a sample
        of it, the profile's own and those of the archive among them.

    Returns
    -------
    Summary
        What was done. The state is Failed, with an :class:`IncompleteError` that holds the
        summary, if anything under SOURCE is not proven; everything else is.

    Raises
    ------
    StepFailedError
        If there is nothing to sum up: the archive is held by another run or cannot be written, say.
        Prefect keeps its text, which names no path; stderr gets the whole.
    ClusterError
        If the cluster makes no sense or has no workers.
    """
    started = datetime.now(UTC)
    clock = time.monotonic()
    sources = tuple(
        str(Path(s).absolute()) for s in ([source] if isinstance(source, str) else source)
    )
    archive = str(Path(archive).absolute())
    spec = ClusterSpec.read(
        path=Path(cluster) if cluster else None, scheduler=scheduler, workers=workers
    )
    logging.getLogger("medzip").setLevel(logging.INFO)
    with told_on_stderr(), ExitStack() as held:
        check_places(sources, archive)
        held.enter_context(steps.archive_lock(archive))
        runner, workers = held.enter_context(workers_of(spec))
        inventory = runner.submit(scan_sources, {"sources": sources}).result()
        registry = None if models is None else str(Path(models).absolute())
        line = Archiving(archive, profile, registry)
        records = _archive_all(runner, workers, inventory.plans, line)
        failures = inventory.failures + tuple(r.failure for r in records if r.failure is not None)
        runner.submit(publish_index, {"archive": archive, "records": records}).result()
        summary = Summary(archive, profile, records, failures, time.monotonic() - clock)
        objects_table(summary)
        try:
            report_run(runner, summary, report or f"{archive}-report", started, compare)
        except StepFailedError as error:  # the archive is proven all the same
            summary = replace(summary, failures=(*failures, error.failure))
    if summary.ok:
        return summary
    for failure in summary.failures:
        # not through the log: that goes to Prefect's server, and a path may name a patient
        print(f"{failure.name}: {failure.message}", file=sys.stderr)
    error = IncompleteError(summary)
    return Failed(message=str(error), data=error)


class IncompleteError(MedZipError):
    """Something under the sources is not proven; the text names no file.

    Attributes
    ----------
    summary : Summary
        What was done all the same, and every failure.
    """

    def __init__(self, summary: Summary) -> None:
        failed = sum(record.failure is not None for record in summary.objects)
        super().__init__(
            f"expected everything to be proven, got {len(summary.failures)} failures "
            f"({failed} of {len(summary.objects)} objects; the others are proven); "
            "mend their causes and run again"
        )
        self.summary = summary

    def __reduce__(self) -> tuple[type[IncompleteError], tuple[Summary]]:
        return type(self), (self.summary,)


def _archive_all(
    runner: DaskTaskRunner, workers: int, plans: tuple[ObjectPlan, ...], line: Archiving
) -> tuple[SeriesRecord, ...]:
    """Take every object through the line; returns one record each in the order of their keys."""
    progress = Progress(len(plans), sum(plan.raw_bytes for plan in plans))
    for lot in Driver(runner, line).run(lots_of(plans), 2 * workers + 2):
        for plan in lot:
            progress.advance(line.ended[plan.key])
    return tuple(line.ended[key] for key in sorted(line.ended))
