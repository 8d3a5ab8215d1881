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

import logging
import sys
import time
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from medzip_tasks.archive import describe_objects, find_objects
from medzip_tasks.driving import Driver
from prefect import flow
from prefect.states import Failed

from medzip import archive as steps
from medzip.archive import RecompressSummary, Summary, Verdict
from medzip.archive.describing import object_paths
from medzip.archive.driving import FUNCTIONS
from medzip.archive.layout import open_archive
from medzip.archive.line import Step
from medzip.archive.recompressing import Gate, Recompressed, Recompressing, end_recompressing
from medzip.canonical import digest_of
from medzip.errors import MedZipError
from medzip.models.shelf import shipped_models
from medzip.report import GainRecord
from medzip.training.network import NetworkRun
from medzip_flows.archive import archive_cohort
from medzip_flows.artifacts import Share, gains_table
from medzip_flows.cluster import ClusterSpec
from medzip_flows.console import told_on_stderr
from medzip_flows.reporting import report_run
from medzip_flows.sample import sample_training_set
from medzip_flows.train import train_on_samples
from medzip_flows.workers import workers_of

if TYPE_CHECKING:
    from prefect_dask import DaskTaskRunner

    from medzip.archive import SeriesRecord
    from medzip.archive.recompressing import Candidate

__all__ = ["UnfinishedError", "recompress_cohort"]


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
    workers: int | None = None,
    cluster: str | None = None,
    scheduler: str | None = None,
    report: str | None = None,
    compare: int = 0,
) -> Any:
    """Train a model on a cohort and recompress an archive with it, where that pays.

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
    workers, cluster, scheduler
        As `archive_cohort` has them; where workers offer the Dask resource GPU, one of them trains.
    report : str, optional
        Folder of the report; ARCHIVE-report beside the archive if not given.
    compare : int
        How many of the largest objects to measure other codecs on, for the report.

    Returns
    -------
    RecompressSummary
        What was gained. The state is Failed, with an :class:`UnfinishedError` that holds the
        summary, if a step failed for an object; that object is as it was.

    Raises
    ------
    StepFailedError
        If there is nothing to learn from, or the archive is held by another run, say.
    ClusterError
        If the cluster makes no sense or has no workers.
    """
    archive = str(Path(archive).absolute())
    registry = str(Path(models).absolute()) if models else f"{archive}-models"
    where = {"workers": workers, "cluster": cluster, "scheduler": scheduler}
    spec = ClusterSpec.read(
        path=Path(cluster) if cluster else None, scheduler=scheduler, workers=workers
    )
    logging.getLogger("medzip").setLevel(logging.INFO)
    with told_on_stderr(), ExitStack() as held:
        if source is not None:
            archive_cohort(
                source, archive, profile or "default", report=report, compare=compare, **where
            )
        # after the run that archived, which has rows of its own: the newest run is this one
        started, clock = datetime.now(UTC), time.monotonic()
        open_archive(archive)
        if train:
            sources = [archive] if learn_from is None else learn_from
            folders = [sources] if isinstance(sources, str) else list(sources)
            about = {"modality": modality, "form": form, "voxels": voxels, "seed": seed}
            store = f"{registry}-samples/{_named(archive, folders, about)}"
            sample_training_set(folders, store, **about, **where)
            train_on_samples(
                store,
                f"{registry}-trained",
                NetworkRun(
                    training_steps, batch, rate, seed, form if form in shipped_models() else None
                ),
                publish=registry,
                **where,
            )
        held.enter_context(steps.archive_lock(archive))
        runner, count = held.enter_context(workers_of(spec))
        found, broken = runner.submit(find_objects, {"archive": archive}).result()
        line, gate = Recompressing(archive, registry, profile), Gate(archive)
        objects = _recompress_all(runner, count, found, line, gate)
        failed = any(one.failure is not None for one in (*objects, *broken))
        end_recompressing(archive, ok=not failed)
        done = tuple(sorted((*objects, *broken), key=lambda one: one.key))
        summary = RecompressSummary(archive, done, gate.model_bytes, time.monotonic() - clock)
        gains_table(summary)
        _report(runner, summary, report or f"{archive}-report", started, compare)
    if not summary.failures:
        return summary
    for failure in summary.failures:
        # not through the log: that goes to Prefect's server, and a path may name a patient
        print(f"{failure.name}: {failure.message}", file=sys.stderr)
    error = UnfinishedError(summary)
    return Failed(message=str(error), data=error)


class UnfinishedError(MedZipError):
    """A step failed for some objects, which are as they were; the text names no file.

    Attributes
    ----------
    summary : RecompressSummary
        What was done all the same, and every failure.
    """

    def __init__(self, summary: RecompressSummary) -> None:
        super().__init__(
            f"expected every object to be tried, got {len(summary.failures)} failures of "
            f"{len(summary.objects)} objects, which are as they were; mend their causes and run "
            "again"
        )
        self.summary = summary

    def __reduce__(self) -> tuple[type[UnfinishedError], tuple[RecompressSummary]]:
        return type(self), (self.summary,)


def _named(archive: str, folders: list[str], about: dict[str, Any]) -> str:
    """Name of the sample store: another for another sample, or once the archive holds more."""
    keys = sorted(p.stem for p in object_paths(archive)) if archive in folders else []
    return digest_of({"folders": folders, "objects": keys, **about})[:12]


def _recompress_all(
    runner: DaskTaskRunner, workers: int, found: list[Candidate], line: Recompressing, gate: Gate
) -> tuple[Recompressed, ...]:
    """Take every object through the line, and through the gate where it pays."""
    share = Share("medzip-recompress-progress", "objects tried", len(found))
    driver = Driver(runner, line, {**FUNCTIONS, Step.REPLACE: gate.offer})
    for (one,) in driver.run([(one,) for one in found], 2 * workers + 2):
        share.advance(one.name)
    for proof, reason in gate.left():
        line.keep(proof.key, reason)
    return tuple(line.ended.values())


def _report(
    runner: DaskTaskRunner,
    summary: RecompressSummary,
    folder: str,
    started: datetime,
    compare: int,
) -> None:
    """Write the page: all objects as they are now, which model each has and why, and the gains."""
    tried = {one.key: one for one in summary.objects}
    described = runner.submit(describe_objects, {"archive": summary.archive}).result()
    records = tuple(_as_it_is(record, tried.get(record.key)) for record in described)
    profiles = sorted({record.profile for record in records})
    whole = Summary(summary.archive, ", ".join(profiles), records, (), summary.seconds)
    gains = tuple(
        GainRecord(one.name, one.outcome.value, one.reason, one.before_bytes, one.after_bytes)
        for one in summary.objects
    )
    report_run(runner, whole, folder, started, compare, gains)


def _as_it_is(record: SeriesRecord, tried: Recompressed | None) -> SeriesRecord:
    if tried is None:
        return replace(record, verdict=Verdict.ALREADY_PROVEN)
    if tried.record is not None:
        return tried.record
    return replace(record, verdict=Verdict.ALREADY_PROVEN, trials=tried.trials)
