"""Train a model on a sample store, on a GPU of a Dask cluster where there is one.

    medzip flow train STORE MODELS [--steps 10000] [--batch 4096] [--start default]
                          [--publish REGISTRY] [--workers 1 | --cluster YAML | --scheduler ADDRESS]

A run that was killed goes on from its checkpoint when it is started with the same arguments, and
ends in the same model. Exit codes: 0 done, 1 something failed, 2 usage.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from medzip_tasks.training import publish_model, train_model, write_training_page
from prefect import flow

from medzip.papers.training.run import PredictorRun  # noqa: TC001 - Prefect reads annotations
from medzip.training.network import NetworkRun
from medzip.training.run import work_folder
from medzip_flows.artifacts import training_artifacts
from medzip_flows.cluster import LOCAL, Where
from medzip_flows.running import absolute, at_work
from medzip_flows.workers import on_gpu, workers_at

__all__ = ["train_on_samples"]


@flow(name="medzip-train", persist_result=False)
def train_on_samples(
    store: str,
    models: str,
    run: NetworkRun | PredictorRun | None = None,
    work: str | None = None,
    publish: str | None = None,
    report: str | None = None,
    where: Where = LOCAL,
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
    where : Where
        As `archive_cohort` has it. Where workers offer the Dask resource GPU, one of them trains.

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
    store, models = absolute(store), absolute(models)
    work = absolute(work or str(work_folder(store, run)))
    with at_work(where), workers_at(where) as workers:
        with on_gpu(workers.runner):
            label = Path(work).name
            future = workers.begin(
                train_model, label=label, store=store, models=models, work=work, run=run
            )
        trained = future.result()
        training_artifacts(trained)
        folder, page = str(trained.folder), report or f"{models}-{trained.digest[:12]}.html"
        workers.run(write_training_page, folder=folder, out=page)
        if publish is not None:
            workers.run(publish_model, folder=folder, registry=absolute(publish))
    return {
        "folder": folder,
        "digest": trained.digest,
        "bits": trained.mean_bits,
        "resumed": trained.resumed,
    }
