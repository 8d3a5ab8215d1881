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
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import flow

from flows.cluster import ClusterError, ClusterSpec
from flows.learning import training_artifacts
from flows.printing import told_on_stderr
from flows.running import on_gpu, workers_of
from medzip.archive import failure_of
from medzip.canonical import digest_of
from medzip.errors import MedZipError
from medzip.fitting.optimise import Recipe
from medzip.papers.training.configurations import SequenceRun
from medzip.papers.training.configurations import configuration as configured
from medzip.training.run import TrainingRun
from medzip.training.store import SampleStore
from tasks.policy import StepFailedError
from tasks.training import publish_model, train_model, write_training_page

__all__ = ["main", "train_on_samples"]


@flow(name="medzip-train", flow_run_name="train-{steps}", persist_result=False)
def train_on_samples(
    store: str,
    models: str,
    steps: int = 10_000,
    batch: int = 4096,
    rate: float = 4e-3,
    seed: int = 0,
    start: str | None = None,
    configuration: str | None = None,
    epochs: int | None = None,
    backend: str = "conditional",
    leave_out: list[str] | None = None,
    device: str = "auto",
    precision: str = "auto",
    checkpoint_every: int = 500,
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
    steps, batch, rate, seed
        Of the training.
    start : str, optional
        Go on from this model: name of a shipped one, or a model directory.
    configuration : str, optional
        Train this predictor of the papers instead ("sampling-strategies", "lstm-32", ...), of the
        shape of the store; steps, batch, rate and what follows from them are the configuration's.
    epochs : int, optional
        Of such a predictor, fewer than the configuration has.
    backend : str
        Of such a predictor: "conditional", or "order0" as published.
    leave_out : list of str, optional
        Names of series that judge the model and are not learned from.
    device : str
        "cpu", "cuda", or "auto".
    precision : str
        "float32", "tf32", or "auto".
    checkpoint_every : int
        Steps between two checkpoints.
    work : str, optional
        Folder of checkpoint and curves; one in the store, named by these parameters, if not given.
    publish : str, optional
        Registry (of an archive: ARCHIVE/models) to publish the model in.
    report : str, optional
        The page to write; MODELS-<digest>.html beside the models if not given.
    workers, cluster, scheduler
        As flows/archive.py has them. Where workers offer the Dask resource GPU, one of them trains.

    Returns
    -------
    dict
        folder, digest, bits (mean of the series, held-out voxels outside flat contexts), resumed.

    Raises
    ------
    StepFailedError
        If the store or the model is not what it should be.
    ClusterError
        If the cluster makes no sense or has no workers.
    """
    run: TrainingRun | SequenceRun
    options: dict[str, Any] = {}
    if configuration is None:
        run = TrainingRun(
            Recipe(steps, batch, rate=rate, seed=seed),
            start=start,
            device=device,
            precision=precision,
            checkpoint_every=checkpoint_every,
            evaluate_every=max(1, min(1000, steps // 10)),
            leave_out=tuple(leave_out or ()),
        )
    else:
        shape = SampleStore.open(store).form.name
        run = configured(configuration).with_(shape=shape, seed=seed)
        run = run if epochs is None else run.with_(epochs=epochs)
        options = {"backend": backend, "device": device, "checkpoint_every": checkpoint_every}
    samples, target = Path(store).absolute(), Path(models).absolute()
    name = digest_of([asdict(run) | {"checkpoint_every": 0}, backend])[:12]
    folder = Path(work).absolute() if work else samples / "runs" / name
    spec = ClusterSpec.read(
        path=Path(cluster) if cluster else None, scheduler=scheduler, workers=workers
    )
    logging.getLogger("medzip").setLevel(logging.INFO)
    with told_on_stderr(), ExitStack() as held:
        runner, _ = held.enter_context(workers_of(spec))
        parameters = {
            "label": name,
            "store": str(samples),
            "models": str(target),
            "work": str(folder),
            "run": run,
            **({"options": options} if options else {}),
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
        "bits": sum(trained.bits.values()) / len(trained.bits),
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
    arguments = vars(parser.parse_args(argv))
    try:
        done = train_on_samples(**arguments)
    except StepFailedError:  # the flow has said why
        return 1
    except ClusterError as error:
        parser.error(str(error))
    except (MedZipError, OSError) as error:
        print(f"error: {failure_of(None, 'start', error).message}", file=sys.stderr)
        return 1
    print(f"{done['bits']:.4f} bits a voxel outside flat contexts: {done['folder']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
