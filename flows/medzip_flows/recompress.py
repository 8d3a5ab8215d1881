"""Train a model on a cohort and code its archive anew where that makes it smaller.

    medzip flow recompress ARCHIVE [--source DICOM...] [--learn-from FOLDER...] [--models DIR]
                               [--form default] [--voxels N] [--steps N] [--no-train]
                               [--profile P] [--workers 2 | --cluster YAML | --scheduler ADDRESS]

    (source -> archive) -> sample -> train -> publish -> recompress -> prove -> replace -> report

An object is replaced by a smaller one of the same content, proven first; the archive never grows,
the models that it takes included. A run that was killed goes on where it was. Exit codes: 0 done,
1 something failed, 2 usage.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from medzip_tasks.archive import describe_objects, find_objects
from medzip_tasks.driving import Driver
from medzip_tasks.progress import Progress
from prefect import flow

from medzip import archive as steps
from medzip.archive.driving import HERE
from medzip.archive.layout import open_archive
from medzip.archive.line import Step
from medzip.archive.recompressing import Gate, Recompressing, RecompressSummary, finish
from medzip.archive.refusing import check_outside
from medzip.models.registry import Registry
from medzip.models.shelf import shipped_models
from medzip.report.showing import Wanted
from medzip.report.tables import as_it_is, gains_of
from medzip.training.cohort import cohort_name
from medzip.training.network import NetworkRun
from medzip_flows.archive import archive_cohort
from medzip_flows.artifacts import gains_table
from medzip_flows.cluster import LOCAL, Where
from medzip_flows.reporting import report_run
from medzip_flows.running import absolute, at_work, ended
from medzip_flows.sample import sample_training_set
from medzip_flows.train import train_on_samples
from medzip_flows.workers import workers_at

if TYPE_CHECKING:
    from medzip.archive.recompressing import Candidate
    from medzip_flows.workers import Workers

__all__ = ["recompress_cohort"]


@flow(name="medzip-recompress", flow_run_name="recompress-{form}", persist_result=False)
def recompress_cohort(
    archive: str,
    source: str | list[str] | None = None,
    learn_from: str | list[str] | None = None,
    models: str | None = None,
    train: bool = True,
    modality: str = "",
    form: str = "default",
    voxels: int = 4_000_000,
    training_steps: int = 10_000,
    batch: int = 4096,
    rate: float = 2e-3,
    seed: int = 0,
    profile: Literal["fast", "default", "max"] | None = None,
    where: Where = LOCAL,
    report: str | None = None,
    compare: int = 0,
    pictures: bool = False,
    pictures_of: list[str] | None = None,
) -> RecompressSummary:
    """Train a model on a cohort and recompress an archive with it, where that pays.

    Many parameters: each is one of a deployment, typed by name; all but the first have a default.

    Parameters
    ----------
    archive : str
        The archive; whoever reads it meanwhile finds every object whole.
    source : str or list of str, optional
        DICOM files to archive first, as `archive_cohort` does.
    learn_from : str or list of str, optional
        Folders to learn from (DICOM, arrays, an index.json, archives); the archive itself if not
        given.
    models : str, optional
        Registry that the model is published in and that the encoder chooses from; ARCHIVE-models
        beside the archive if not given. The archive gets a copy of what its objects refer to.
    train : bool
        Whether to train; without it the models that are registered are tried.
    modality : str
        "CT" or "MR": learn from those alone.
    form : str
        "fast", "default" or "wide": the form of the network. Profiles try no slower ones than
        their own.
    voxels, training_steps, batch, rate, seed
        Size of the sample, and how to train on it.
    profile : {"fast", "default", "max"}, optional
        Profile to code with; that of each object if not given.
    where : Where
        As `archive_cohort` has it; where workers offer the Dask resource GPU, one of them trains.
    report : str, optional
        Folder of the report; ARCHIVE-report beside the archive if not given.
    compare : int
        How many of the largest objects to measure other codecs on, for the report.
    pictures, pictures_of : bool, list of str, optional
        As `archive_cohort` has them.

    Returns
    -------
    RecompressSummary
        What was gained. The state is Failed, with an :class:`IncompleteError` that holds the
        summary, if a step failed for an object; that object is as it was.

    Raises
    ------
    StepFailedError
        If there is nothing to learn from, or the archive is held by another run, say.
    ClusterError
        If the cluster makes no sense or has no workers.
    """
    archive = absolute(archive)
    registry = absolute(models or f"{archive}-models")
    folder = report or f"{archive}-report"
    with at_work(where):
        wanted = Wanted(pictures, tuple(pictures_of or ()))
        if source is not None:
            archive_cohort(
                source,
                archive,
                profile or "default",
                where,
                folder,
                compare,
                pictures=pictures,
                pictures_of=pictures_of,
            )
        # after the run that archived, which has rows of its own: the newest run is this one
        started, clock = datetime.now(UTC), time.monotonic()
        open_archive(archive)
        check_outside(folder)
        if models is not None and not train:
            Registry.there(registry)
        if train:
            about = {"modality": modality, "form": form, "voxels": voxels, "seed": seed}
            start = form if form in shipped_models() else None
            run = NetworkRun(training_steps, batch, rate, seed, start)
            _learn(learn_from or archive, archive, registry, about, run, where)
        with steps.archive_lock(archive), workers_at(where) as workers:
            found, broken = workers.run(find_objects, archive=archive)
            line, gate = Recompressing(archive, registry, profile), Gate(archive)
            _through_the_line(workers, line, gate, found)
            summary = finish(line, gate, broken, time.monotonic() - clock)
            gains_table(summary)
            now = as_it_is(summary, workers.run(describe_objects, archive=archive))
            report_run(workers, now, folder, started, compare, gains_of(summary), wanted)
    state: RecompressSummary = ended(summary)
    return state


def _learn(
    learn_from: str | list[str],
    archive: str,
    registry: str,
    about: dict[str, Any],
    run: NetworkRun,
    where: Where,
) -> None:
    """Sample what is learned from, train on it, publish the model in the registry."""
    folders = [learn_from] if isinstance(learn_from, str) else learn_from
    store = f"{registry}-samples/{cohort_name(folders, archive, **about)}"
    sample_training_set(folders, store, where=where, **about)
    train_on_samples(store, f"{registry}-trained", run, publish=registry, where=where)


def _through_the_line(
    workers: Workers, line: Recompressing, gate: Gate, found: list[Candidate]
) -> None:
    """Bring every object to its end, or to the gate where it gets smaller."""
    driver = Driver(workers.runner, line, {**HERE, Step.REPLACE: gate.offer})
    with Progress("medzip-recompress-progress", "objects tried", len(found)) as progress:
        for (one,) in driver.run([(one,) for one in found], workers.lots):
            progress.advance(one.name)
