"""Sample a cohort into a store to train on, on a Dask cluster.

    medzip flow sample SOURCE... STORE [--voxels 1000000] [--form default]
                       [--modality CT] [--seed 0] [--workers 2 | --cluster YAML | --scheduler A]

A run that was killed goes on with the series that are missing. Exit codes: 0 done, 1 something
failed, 2 usage.
"""

from __future__ import annotations

import logging
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_progress_artifact, update_progress_artifact

from flows.cluster import ClusterSpec
from flows.printing import told_on_stderr
from flows.running import workers_of
from flows.training_artifacts import samples_table
from medzip.archive import Failure
from medzip.training.forms import form_named
from medzip.training.sampling import scratch_of
from medzip.training.store import SampleStore
from tasks.policy import StepFailedError
from tasks.sampling import find_series, sample_lot
from tasks.training import write_sampling_page

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
        shutil.rmtree(scratch_of(plan), ignore_errors=True)
        done = SampleStore.open(folder)
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
    futures = [
        runner.submit(
            sample_lot,
            {
                "label": lot[0].name if len(lot) == 1 else f"{lot[0].name}-and-{len(lot) - 1}-more",
                "items": lot,
                "store": store,
            },
        )
        for lot in lots
    ]
    artifact = create_progress_artifact(
        progress=0.0, key="medzip-sampling-progress", description="series sampled"
    )
    failures: list[Failure] = []
    for number, future in enumerate(futures):
        try:
            outcomes = future.result()
        except StepFailedError as error:
            outcomes = [error.failure]
        failures += [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        update_progress_artifact(artifact, progress=100.0 * (number + 1) / len(futures))
    for failure in failures:
        get_run_logger().warning("%s: %s: %s", failure.name, failure.stage, failure.kind)
        # not through the log: that goes to Prefect's server, and a path may name a patient
        print(f"{failure.name}: {failure.message}", file=sys.stderr)
    if failures:
        raise StepFailedError(failures[0], transient=False)
