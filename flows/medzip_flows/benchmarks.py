"""The papers' six benchmarks on a cohort of volumes, on a Dask cluster.

    medzip flow benchmarks COHORT OUT [--unseen FOLDER] [--size small] [--results JSON]
                               [--document MARKDOWN] [--pictures]
                               [--workers 2 | --cluster YAML | --scheduler A]

A run that was stopped goes on: models that are done lie in OUT/jobs, a training that was killed in
OUT/work. OUT gets rows.parquet, pictures/ (heat tables; with --pictures residual slices, to be
guarded as the images) and reproduction.json; `--results` and `--document` say where else the
figures and the page go. Exit codes: 0 done, 1 something failed (the figures of all else are there),
2 usage.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip_tasks.benchmarks import measure_model, measure_others
from medzip_tasks.progress import Progress
from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from medzip.papers.benchmarks.cohort import choose_cohort
from medzip.papers.benchmarks.collect import collect
from medzip.papers.benchmarks.heat import heat_rows
from medzip.papers.benchmarks.plan import plan_jobs
from medzip.papers.benchmarks.sizes import sized
from medzip.papers.benchmarks.writing import write_run
from medzip_flows.cluster import LOCAL, Where
from medzip_flows.running import absolute, at_work, tell
from medzip_flows.workers import gathered, on_gpu, workers_at

if TYPE_CHECKING:
    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["run_benchmarks"]


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
    pictures: bool = False,
    where: Where = LOCAL,
) -> dict[str, Any]:
    """Train and measure the papers' models on a cohort, and write what came out.

    Many parameters: each is one of a deployment, typed by name; all but two have a default.

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
    pictures : bool
        Whether residual slices of the volumes are kept and drawn: guard them as the images.
    where : Where
        As `archive_cohort` has it.

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
    cohort, out = absolute(cohort), absolute(out)
    unseen = absolute(unseen) if unseen else None
    volumes = {"cohort": cohort, "unseen": unseen, "size": chosen}
    with at_work(where):
        members = choose_cohort(cohort, unseen, chosen)
        with workers_at(where) as workers:
            with on_gpu(workers.runner):
                run = {"folder": out, "device": device, "pictures": pictures, **volumes}
                models = {
                    job.key: workers.begin(measure_model, label=job.key, job=job, **run)
                    for job in plan_jobs(chosen)
                }
            others = {
                f"others-{name}": workers.begin(measure_others, label=name, **volumes)
                for name in members.names
            }
            progress = Progress(
                "medzip-benchmarks-progress", "models and volumes", len(models) + len(others)
            )
            done, failed = gathered(models | others, progress)
        for failure in failed.values():
            tell(failure)
        trained = [done[key] for key in models if key in done]
        rows = [row for name in others for row in done.get(name, ())]
        found = collect(chosen, members, trained, rows)
        paths = write_run(found, Path(out), results, document, pictures=pictures)
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
