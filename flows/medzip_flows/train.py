"""Train a model on a sample store, on a GPU of a Dask cluster where there is one.

    medzip flow train STORE MODELS [--steps 10000] [--batch 4096] [--start default]
                          [--publish REGISTRY] [--workers 1 | --cluster YAML | --scheduler ADDRESS]

A run that was killed goes on from its checkpoint when it is started with the same arguments, and
ends in the same model. Exit codes: 0 done, 1 something failed, 2 usage.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from medzip_tasks.training import publish_model, train_model, write_training_page
from prefect import flow

from medzip.papers.training.run import PredictorRun  # noqa: TC001 - Prefect reads annotations
from medzip.training.network import NetworkRun
from medzip.training.run import work_folder
from medzip_flows.cluster import ClusterSpec
from medzip_flows.console import told_on_stderr
from medzip_flows.training_artifacts import training_artifacts
from medzip_flows.workers import on_gpu, workers_of

__all__ = ["train_on_samples"]


@flow(name="medzip-train", persist_result=False)
def train_on_samples(
    store: str,
    models: str,
    run: NetworkRun | PredictorRun | None = None,
    work: str | None = None,
    publish: str | None = None,
    report: str | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Train a model on a sample store.

    Parameters
    ----------
    store : str
        A complete sample store (`sample_training_set`).
    models : str
        Folder that gets the model directory, named by its digest.
    run : NetworkRun or PredictorRun, optional
        What to train, and how: a network ({"steps": 4000, "start": "default"}), or a predictor of
        the papers ({"configuration": "sampling-strategies"}); a network from random weights if not
        given.
    work : str, optional
        Folder of checkpoint and curves; one in the store, named by the run, if not given.
    publish : str, optional
        Registry (of an archive: ARCHIVE/models) to publish the model in.
    report : str, optional
        The page to write; MODELS-<digest>.html beside the models if not given.
    workers, cluster, scheduler
        As `archive_cohort` has them. Where workers offer the Dask resource GPU, one of them trains.

    Returns
    -------
    dict
        folder, digest, bits (mean of the series), resumed.

    Raises
    ------
    StepFailedError
        If the store or the model is not what it should be.
    ClusterError
        If the cluster makes no sense or has no workers.
    """
    run = run or NetworkRun()
    samples, target = Path(store).absolute(), Path(models).absolute()
    folder = Path(work).absolute() if work else work_folder(samples, run)
    spec = ClusterSpec.read(
        path=Path(cluster) if cluster else None, scheduler=scheduler, workers=workers
    )
    logging.getLogger("medzip").setLevel(logging.INFO)
    with told_on_stderr(), ExitStack() as held:
        runner, _ = held.enter_context(workers_of(spec))
        parameters = {
            "label": folder.name,
            "store": str(samples),
            "models": str(target),
            "work": str(folder),
            "run": run,
        }
        with on_gpu(runner):
            future = runner.submit(train_model, parameters)
        trained = future.result()
        training_artifacts(trained)
        page = report or str(target.with_name(f"{target.name}-{trained.digest[:12]}.html"))
        paths = {"folder": str(trained.folder), "out": page}
        runner.submit(write_training_page, paths).result()
        if publish is not None:
            registry = {"folder": str(trained.folder), "registry": str(Path(publish).absolute())}
            runner.submit(publish_model, registry).result()
    return {
        "folder": str(trained.folder),
        "digest": trained.digest,
        "bits": trained.mean_bits,
        "resumed": trained.resumed,
    }
