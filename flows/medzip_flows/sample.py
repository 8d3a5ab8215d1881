"""Sample a cohort into a store to train on, on a Dask cluster.

    medzip flow sample SOURCE... STORE [--voxels 1000000] [--form default]
                       [--modality CT] [--seed 0] [--workers 2 | --cluster YAML | --scheduler A]

A run that was killed goes on with the series that are missing. Exit codes: 0 done, 1 something
failed, 2 usage.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip_tasks.policy import StepFailedError
from medzip_tasks.sampling import find_series, sample_lot
from medzip_tasks.training import write_sampling_page
from prefect import flow

from medzip.archive import Failure
from medzip.training.forms import form_named
from medzip.training.sampling import finished
from medzip.training.store import SampleStore
from medzip_flows.cluster import ClusterSpec
from medzip_flows.console import told_on_stderr
from medzip_flows.gathering import gathered, tell
from medzip_flows.training_artifacts import samples_table
from medzip_flows.workers import workers_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefect_dask import DaskTaskRunner

    from medzip.volumes import Series

__all__ = ["sample_training_set"]

MOST_TASKS = 256
"""Tasks of a sampling, at most: each stays in the scheduler's memory."""


@flow(name="medzip-sample", flow_run_name="sample-{voxels}", persist_result=False)
def sample_training_set(
    source: str | list[str],
    store: str,
    voxels: int = 1_000_000,
    form: str = "default",
    modality: str = "",
    seed: int = 0,
    workers: int | None = None,
    cluster: str | None = None,
    scheduler: str | None = None,
    report: str | None = None,
) -> dict[str, Any]:
    """Draw a training set from a cohort into a sample store.

    Parameters
    ----------
    source : str or list of str
        Folders of DICOM files or arrays, with an index.json, or MedZip archives; never changed.
    store : str
        Folder of the store; one of the same plan is completed.
    voxels : int
        How many to draw in all, equally from each scanner, kernel and pixel spacing.
    form : str
        "fast", "default" or "wide": whose inputs to keep; a shape of the papers ("cube-5", ...):
        raw neighbours of it.
    modality : str
        "CT" or "MR" for those alone.
    seed : int
        Of every choice; the same arguments give the same store.
    workers, cluster, scheduler
        As `archive_cohort` has them.
    report : str, optional
        The page to write; sampling.html beside the store if not given.

    Returns
    -------
    dict
        store, digest, series, samples.

    Raises
    ------
    StepFailedError
        If a series cannot be sampled; the others are, and stay.
    ClusterError
        If the cluster makes no sense or has no workers.
    """
    sources = tuple(
        str(Path(s).absolute()) for s in ([source] if isinstance(source, str) else source)
    )
    folder = Path(store).absolute()
    spec = ClusterSpec.read(
        path=Path(cluster) if cluster else None, scheduler=scheduler, workers=workers
    )
    logging.getLogger("medzip").setLevel(logging.INFO)
    with told_on_stderr(), ExitStack() as held:
        wanted = form_named(form)
        runner, _ = held.enter_context(workers_of(spec))
        cohort = runner.submit(find_series, {"sources": sources, "modality": modality}).result()
        plan = SampleStore.plan(folder, wanted, [one.about for one in cohort], voxels, seed)
        _sample_all(runner, cohort, plan)
        done = finished(plan)
        samples_table(done)
        page = report or str(folder.with_name(f"{folder.name}-sampling.html"))
        runner.submit(write_sampling_page, {"store": str(folder), "out": page}).result()
    return {
        "store": str(folder),
        "digest": done.digest,
        "series": len(done.sampled),
        "samples": sum(one.rows for one in done.sampled),
    }


def _sample_all(runner: DaskTaskRunner, cohort: Sequence[Series], store: SampleStore) -> None:
    """Sample all series, a lot a task.

    Raises
    ------
    StepFailedError
        The first failure, when all others are done.
    """
    size = -(-len(cohort) // MOST_TASKS)
    lots = [tuple(cohort[first : first + size]) for first in range(0, len(cohort), size)]
    labels = [lot[0].name + (f"-and-{len(lot) - 1}-more" if len(lot) > 1 else "") for lot in lots]
    futures = {
        label: runner.submit(sample_lot, {"label": label, "items": lot, "store": store})
        for label, lot in zip(labels, lots, strict=True)
    }
    done, failed = gathered(futures, "medzip-sampling-progress", "series sampled")
    failures = [one for one in chain(*done.values()) if isinstance(one, Failure)]
    for failure in (*failures, *failed.values()):
        tell(failure)
    for failure in (*failures, *failed.values()):
        raise StepFailedError(failure, transient=False)
