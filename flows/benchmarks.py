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
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import flow
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.futures import as_completed

from flows.cluster import ClusterSpec
from flows.printing import told_on_stderr
from flows.running import on_gpu, workers_of
from medzip.papers.benchmarks.cohort import choose_cohort
from medzip.papers.benchmarks.collect import collect, write_rows
from medzip.papers.benchmarks.heat import heat_rows, write_pictures
from medzip.papers.benchmarks.plan import plan_jobs
from medzip.papers.benchmarks.reproduction import reproduction_page
from medzip.papers.benchmarks.sizes import SIZES
from tasks.benchmarks import measure_model, measure_others
from tasks.policy import StepFailedError

if TYPE_CHECKING:
    from prefect.futures import PrefectFuture

    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["run_benchmarks"]

SECONDS_BETWEEN_UPDATES = 2.0


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
    chosen = SIZES[size]
    if changes:
        lists = {key: tuple(v) if isinstance(v, list) else v for key, v in changes.items()}
        chosen = chosen.with_(**lists)
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
        jobs = plan_jobs(chosen)
        with on_gpu(runner):
            models = {
                job.key: runner.submit(
                    measure_model,
                    parameters
                    | {"label": job.key, "job": job, "folder": str(folder), "device": device},
                )
                for job in jobs
            }
        names = [member.name for member in (*members.members, *members.unseen)]
        others = {
            name: runner.submit(measure_others, parameters | {"label": name}) for name in names
        }
        done, failed = _gathered(models)
        rows, without = _gathered(others)
    found = collect(
        chosen,
        members,
        done.values(),
        [row for name in names for row in rows.get(name, ())],
    )
    paths = _write(found, folder, results, document)
    _artifacts(found, paths["document"])
    return {"models": len(done), "failed": sorted(failed + without)} | paths


def _gathered(futures: dict[str, PrefectFuture[Any]]) -> tuple[dict[str, Any], list[str]]:
    """Results by key as they come, and the keys of those that failed; shows how far it is."""
    artifact = create_progress_artifact(
        progress=0.0, key="medzip-benchmarks-progress", description="models and codecs measured"
    )
    keys = {id(future): key for key, future in futures.items()}
    done: dict[str, Any] = {}
    failed: list[str] = []
    updated = time.monotonic()
    for future in as_completed(list(futures.values())):
        key = keys[id(future)]
        try:
            done[key] = future.result()
        except StepFailedError as error:
            failed.append(key)
            print(f"{key}: {error.failure.message}", file=sys.stderr)
        if time.monotonic() - updated >= SECONDS_BETWEEN_UPDATES:
            updated = time.monotonic()
            update_progress_artifact(artifact, 100.0 * (len(done) + len(failed)) / len(futures))
    update_progress_artifact(artifact, 100.0)
    return done, failed


def _write(
    found: Reproduction, folder: Path, results: str | None, document: str | None
) -> dict[str, str]:
    """All files of a run; returns where figures and page lie."""
    page = reproduction_page(found)
    write_rows(found, folder / "rows.parquet")
    write_pictures(found, folder)
    paths = {}
    for name, own, other in (
        ("results", folder / "reproduction.json", results),
        ("document", folder / "reproduction.md", document),
    ):
        paths[name] = str(Path(other).absolute() if other else own)
        for path in {own, Path(paths[name])}:
            path.parent.mkdir(parents=True, exist_ok=True)
            if name == "results":
                found.write(path)
            else:
                path.write_text(page, encoding="utf-8")
    return paths


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
