"""Sample a cohort into a store to train on, on a Dask cluster.

    medzip flow sample SOURCE... STORE [--voxels 1000000] [--form default]
                       [--modality CT] [--seed 0] [--workers 2 | --cluster YAML | --scheduler A]

A run that was killed goes on with the series that are missing. Exit codes: 0 done, 1 something
failed, 2 usage.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from medzip_tasks.batches import evenly
from medzip_tasks.policy import StepFailedError
from medzip_tasks.progress import Progress
from medzip_tasks.sampling import find_series, sample_lot
from medzip_tasks.training import write_sampling_page
from prefect import flow

from medzip.archive import Failure
from medzip.training.forms import form_named
from medzip.training.sampling import finished
from medzip.training.store import SampleStore
from medzip_flows.artifacts import samples_table
from medzip_flows.cluster import LOCAL, Where
from medzip_flows.running import absolute, absolute_all, at_work, tell
from medzip_flows.workers import gathered, workers_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.volumes import Series
    from medzip_flows.workers import Workers

__all__ = ["sample_training_set"]


@flow(name="medzip-sample", flow_run_name="sample-{voxels}", persist_result=False)
def sample_training_set(
    source: str | list[str],
    store: str,
    voxels: int = 1_000_000,
    form: str = "default",
    modality: str = "",
    seed: int = 0,
    report: str | None = None,
    where: Where = LOCAL,
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
    report : str, optional
        The page to write; STORE-sampling.html beside the store if not given.
    where : Where
        As `archive_cohort` has it.

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
    sources, folder = absolute_all(source), absolute(store)
    with at_work(where):
        wanted = form_named(form)
        with workers_at(where) as workers:
            cohort = workers.run(find_series, sources=sources, modality=modality)
            plan = SampleStore.plan(folder, wanted, [one.about for one in cohort], voxels, seed)
            _sample_all(workers, cohort, plan)
            done = finished(plan)
            samples_table(done)
            page = report or f"{folder}-sampling.html"
            workers.run(write_sampling_page, store=folder, out=page)
    return {
        "store": folder,
        "digest": done.digest,
        "series": len(done.sampled),
        "samples": sum(one.rows for one in done.sampled),
    }


def _sample_all(workers: Workers, cohort: Sequence[Series], store: SampleStore) -> None:
    """Sample all series, a lot a task.

    Raises
    ------
    StepFailedError
        The first failure, when all others are done.
    """
    lots = evenly(cohort)
    progress = Progress("medzip-sampling-progress", "lots of series", len(lots))
    done, failed = gathered(
        {
            label: workers.begin(sample_lot, label=label, items=lot, store=store)
            for label, lot in lots.items()
        },
        progress,
    )
    failures = [one for one in chain(*done.values()) if isinstance(one, Failure)]
    failures += failed.values()
    for failure in failures:
        tell(failure)
    if failures:
        raise StepFailedError(failures[0], transient=False)
