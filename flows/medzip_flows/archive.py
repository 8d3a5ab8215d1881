"""Compress a cohort of DICOM files into a proven archive, on a Dask cluster.

    medzip flow archive SOURCE... ARCHIVE [--profile default] [--workers 2]
                        [--cluster infra/dask/slurm.yaml | --scheduler tcp://host:8786]
                        [--report DIR] [--pictures] [--pictures-of NAME...] [--json]

The same job as ``medzip compress``, with the same archive at its end: find the series, stage their
voxels, fit, encode, seal, prove in another process, commit, report. Exit codes: 0 done, 1 something
failed or does not match, 2 usage. A source that does not exist is a failure, as it is there.
"""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from medzip_tasks.archive import publish_index, scan_sources
from medzip_tasks.batches import lots_of
from medzip_tasks.driving import Driver
from medzip_tasks.policy import StepFailedError
from medzip_tasks.progress import Progress
from prefect import flow

from medzip import archive as steps
from medzip.archive import Summary
from medzip.archive.line import Archiving
from medzip.archive.refusing import check_outside, check_places
from medzip.report.showing import Wanted
from medzip_flows.artifacts import objects_table
from medzip_flows.cluster import LOCAL, Where
from medzip_flows.reporting import COMPARED, report_run
from medzip_flows.running import absolute, absolute_all, at_work, ended
from medzip_flows.workers import workers_at

if TYPE_CHECKING:
    from medzip.archive import ObjectPlan, SeriesRecord
    from medzip_flows.workers import Workers

__all__ = ["archive_cohort"]


@flow(name="medzip-archive", flow_run_name="archive-{profile}", persist_result=False)
def archive_cohort(
    source: str | list[str],
    archive: str,
    profile: Literal["fast", "default", "max"] = "default",
    where: Where = LOCAL,
    report: str | None = None,
    compare: int = COMPARED,
    models: str | None = None,
    allow_empty: bool = False,
    pictures: bool = False,
    pictures_of: list[str] | None = None,
) -> Summary:
    """Compress everything under SOURCE into ARCHIVE and prove that every byte comes back.

    Many parameters: each is one of a deployment, typed by name; all but two have a default.

    Parameters
    ----------
    source : str or list of str
        Folders (or files) to compress; never changed.
    archive : str
        Folder of the archive; created if missing, added to if there.
    profile : {"fast", "default", "max"}
        How much work to put into small bytes.
    where : Where
        Workers, cluster or scheduler; two workers on this machine if not given.
    report : str, optional
        Folder of the report (rows/ and report.html); ARCHIVE-report beside the archive if not
        given. Not inside it, since there every byte is covered by a digest.
    compare : int
        How many of the largest objects to measure other codecs on, for the report.
    models : str, optional
        Registry of models: each series is coded with the one that takes fewest bytes on a sample
        of it, the profile's own and those of the archive among them.
    allow_empty : bool
        Whether a source without any file is archived: most often it is not mounted.
    pictures : bool
        Whether the report shows image slices, and what prediction leaves of them, of CT, MR and PET
        series: guard it as the images.
    pictures_of : list of str, optional
        Objects to show whatever their kind, by the first digits of their names in reports; never
        one that says itself that names are burned in.

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
    started, clock = datetime.now(UTC), time.monotonic()
    sources, archive = absolute_all(source), absolute(archive)
    line = Archiving(archive, profile, absolute(models) if models else None)
    with at_work(where):
        wanted = Wanted(pictures, tuple(pictures_of or ()))
        check_places(sources, archive, models, allow_empty)
        check_outside(report or f"{archive}-report")
        with steps.archive_lock(archive), workers_at(where) as workers:
            inventory = workers.run(scan_sources, sources=sources)
            records = _through_the_line(workers, line, inventory.plans)
            workers.run(publish_index, archive=archive, records=records)
            failures = (*inventory.failures, *line.failures)
            summary = Summary(archive, profile, records, failures, time.monotonic() - clock)
            objects_table(summary)
            try:
                folder = report or f"{archive}-report"
                report_run(workers, summary, folder, started, compare, wanted=wanted)
            except StepFailedError as error:  # the archive is proven all the same
                summary = replace(summary, failures=(*failures, error.failure))
    state: Summary = ended(summary)
    return state


def _through_the_line(
    workers: Workers, line: Archiving, plans: tuple[ObjectPlan, ...]
) -> tuple[SeriesRecord, ...]:
    """Bring every object to its end; gives one record each in the order of their keys."""
    size = sum(plan.raw_bytes for plan in plans)
    with Progress("medzip-progress", "objects", len(plans), size) as progress:
        for lot in Driver(workers.runner, line).run(lots_of(plans), workers.lots):
            for record in (line.ended[plan.key] for plan in lot):
                sizes = f"{record.raw_bytes} -> {record.encoded_bytes} bytes"
                progress.advance(f"{record.name} {record.verdict.value}, {sizes}", record.raw_bytes)
    return tuple(line.ended[key] for key in sorted(line.ended))
