"""Train a model on a sample store, on a GPU of a Dask cluster where there is one.

    python -m flows.train STORE MODELS [--steps 10000] [--batch 4096] [--start default]
                          [--publish REGISTRY] [--workers 1 | --cluster YAML | --scheduler ADDRESS]

A run that was killed goes on from its checkpoint when it is started with the same arguments, and
ends in the same model. Exit codes: 0 done, 1 something failed, 2 usage.
"""

from __future__ import annotations

import argparse
import logging
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from prefect import flow

from flows.cluster import ClusterError, ClusterSpec
from flows.printing import told_on_stderr
from flows.running import on_gpu, workers_of
from flows.training_artifacts import training_artifacts
from medzip.archive import failure_of
from medzip.errors import MedZipError
from medzip.papers.training.run import PredictorRun
from medzip.training.network import NetworkRun
from medzip.training.run import work_folder
from tasks.policy import StepFailedError
from tasks.training import publish_model, train_model, write_training_page

__all__ = ["main", "train_on_samples"]


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
        A complete sample store (flows/sample.py).
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
        As flows/archive.py has them. Where workers offer the Dask resource GPU, one of them trains.

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


def main(argv: list[str] | None = None) -> int:
    """Run the flow from a terminal; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m flows.train", description="Train a model on a sample store."
    )
    parser.add_argument("store", metavar="STORE", help="a complete sample store")
    parser.add_argument("models", metavar="MODELS", help="folder that gets the model directory")
    parser.add_argument("--steps", type=int, default=10_000, metavar="N")
    parser.add_argument("--batch", type=int, default=4096, metavar="N")
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", help="shipped model or model directory to go on from")
    parser.add_argument("--configuration", help="train this predictor of the papers")
    parser.add_argument("--epochs", type=int, metavar="N", help="of such a predictor")
    parser.add_argument("--backend", choices=("conditional", "order0"), default="conditional")
    parser.add_argument("--leave-out", action="append", metavar="SERIES", help="judge by it")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--precision", choices=("auto", "float32", "tf32"), default="auto")
    parser.add_argument("--checkpoint-every", type=int, default=500, metavar="STEPS")
    parser.add_argument("--work", metavar="DIR", help="folder of checkpoint and curves")
    parser.add_argument("--publish", metavar="REGISTRY", help="publish the model there")
    parser.add_argument("--report", metavar="HTML", help="page to write")
    parser.add_argument("--workers", type=int, metavar="N", help="worker processes (default 2)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--cluster", metavar="YAML", help="description of a Dask cluster")
    where.add_argument("--scheduler", metavar="ADDRESS", help="a Dask scheduler that runs already")
    arguments = parser.parse_args(argv)
    try:
        done = train_on_samples(
            arguments.store,
            arguments.models,
            _run(arguments),
            arguments.work,
            arguments.publish,
            arguments.report,
            arguments.workers,
            arguments.cluster,
            arguments.scheduler,
        )
    except StepFailedError:  # the flow has said why
        return 1
    except ClusterError as error:
        parser.error(str(error))
    except (MedZipError, OSError) as error:
        print(f"error: {failure_of(None, 'start', error).message}", file=sys.stderr)
        return 1
    print(f"{done['bits']:.4f} bits a voxel held out: {done['folder']}")
    return 0


def _run(arguments: argparse.Namespace) -> NetworkRun | PredictorRun:
    """What the options ask for."""
    if arguments.configuration is not None:
        return PredictorRun(
            arguments.configuration,
            arguments.epochs,
            arguments.seed,
            arguments.backend,
            arguments.device,
            arguments.checkpoint_every,
        )
    return NetworkRun(
        arguments.steps,
        arguments.batch,
        arguments.rate,
        arguments.seed,
        arguments.start,
        tuple(arguments.leave_out or ()),
        arguments.device,
        arguments.precision,
        arguments.checkpoint_every,
    )


if __name__ == "__main__":
    sys.exit(main())
