"""The papers' six benchmarks on a cohort of volumes, on a Dask cluster.

    medzip flow benchmarks COHORT OUT [--unseen FOLDER] [--size small] [--results JSON]
                               [--document MARKDOWN] [--workers 2 | --cluster YAML | --scheduler A]

A run that was stopped goes on: models that are done lie in OUT/jobs, a training that was killed in
OUT/work. OUT gets rows.parquet, pictures/ (heat tables, residuals) and reproduction.json;
`--results` and `--document` say where else the figures and the page go. Exit codes: 0 done, 1
something failed (the figures of all else are there), 2 usage.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip_tasks.benchmarks import measure_model, measure_others
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from medzip.papers.benchmarks.cohort import choose_cohort
from medzip.papers.benchmarks.collect import collect
from medzip.papers.benchmarks.heat import heat_rows
from medzip.papers.benchmarks.plan import plan_jobs
from medzip.papers.benchmarks.sizes import sized
from medzip.papers.benchmarks.writing import write_run
from medzip_flows.cluster import ClusterSpec
from medzip_flows.console import told_on_stderr
from medzip_flows.gathering import gathered, tell
from medzip_flows.workers import on_gpu, workers_of

if TYPE_CHECKING:
    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["run_benchmarks"]

PROGRESS = "medzip-benchmarks-progress"


@flow(name="medzip-benchmarks", flow_run_name="benchmarks-{size}", persist_result=False)
def run_benchmarks(
    cohort: str,
    out: str,
    unseen: str | None = None,
    size: str = "small",
    changes: dict[str, Any] | None = None,
    results: str | None = None,
    document: str | None = None,
    device: str = "auto",
    workers: int | None = None,
    cluster: str | None = None,
    scheduler: str | None = None,
) -> dict[str, Any]:
    """Train and measure the papers' models on a cohort, and write what came out.

    Parameters
    ----------
    cohort : str
        Folder of volumes to train and test on by cross-validation (CT, where an index tells).
    out : str
        Folder of this run; keep it to resume.
    unseen : str, optional
        Folder of MR volumes that models are tested on and never trained on.
    size : str
        "small" or "full" (`medzip.papers.benchmarks.sizes`).
    changes : dict, optional
        Fields of the size to change, such as {"folds": 2}.
    results, document : str, optional
        Where the figures (JSON) and the page (Markdown) go beside OUT.
    device : str
        "cpu", "cuda" or "auto". Where workers offer the Dask resource GPU, models train on it.
    workers, cluster, scheduler
        As `archive_cohort` has them.

    Returns
    -------
    dict
        models, failed (keys of jobs without figures), results (path), document (path).

    Raises
    ------
    ClusterError
        If the cluster makes no sense or has no workers.
    """
    chosen = sized(size, changes)
    folder = Path(out).absolute()
    parameters = {
        "cohort": str(Path(cohort).absolute()),
        "unseen": None if unseen is None else str(Path(unseen).absolute()),
        "size": chosen,
    }
    members = choose_cohort(parameters["cohort"], parameters["unseen"], chosen)
    spec = ClusterSpec.read(
        path=Path(cluster) if cluster else None, scheduler=scheduler, workers=workers
    )
    logging.getLogger("medzip").setLevel(logging.INFO)
    with told_on_stderr(), workers_of(spec) as (runner, _):
        with on_gpu(runner):
            train = {"folder": str(folder), "device": device, **parameters}
            models = {
                job.key: runner.submit(measure_model, {"label": job.key, "job": job, **train})
                for job in plan_jobs(chosen)
            }
        others = {
            f"others-{name}": runner.submit(measure_others, {"label": name, **parameters})
            for name in members.names
        }
        done, failed = gathered(models | others, PROGRESS, "models and codecs measured")
        for failure in failed.values():
            tell(failure)
    trained = [done[key] for key in models if key in done]
    rows = [row for name in others for row in done.get(name, ())]
    found = collect(chosen, members, trained, rows)
    paths = write_run(found, folder, results, document)
    _artifacts(found, paths["document"])
    return {"models": len(trained), "failed": sorted(failed)} | paths


def _artifacts(found: Reproduction, document: str) -> None:
    """The page and the heat tables' numbers in Prefect's pages."""
    create_markdown_artifact(
        markdown=Path(document).read_text(encoding="utf-8"), key="medzip-reproduction"
    )
    for number in (1, 2):
        table = heat_rows(found, number)
        if table:
            create_table_artifact(
                table=table,
                key=f"medzip-benchmark-{number}",
                description="bits per voxel, LSTM, order-0 coder as published",
            )
