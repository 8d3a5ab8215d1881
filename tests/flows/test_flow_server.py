"""The deployments on a real Prefect server with a real worker, each a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from medzip.archive import restore, verify
from medzip.bench.trees import differences

from .server import Site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def site(tmp_path: Path, environment: dict[str, str]):
    site = Site(tmp_path, environment)
    yield site
    site.stop()


def test_deployments_run_on_a_server_with_a_worker(
    site: Site, cohort: Path, tmp_path: Path
) -> None:
    site.run("work-pool", "create", "medzip", "--type", "process")
    site.run("work-pool", "create", "gpu", "--type", "process")
    site.run("--no-prompt", "deploy", "--all")
    deployments = {deployment["name"]: deployment for deployment in site.read("deployments")}
    assert deployments.keys() >= {"on-demand", "nightly", "sample", "train"}
    strategies = {
        name: (
            deployment["global_concurrency_limit"]["limit"],
            deployment["concurrency_options"]["collision_strategy"],
        )
        for name, deployment in deployments.items()
        if name in ("on-demand", "nightly")
    }
    assert strategies == {"on-demand": (1, "ENQUEUE"), "nightly": (1, "CANCEL_NEW")}
    assert [s["active"] for s in deployments["nightly"]["schedules"]] == [False]

    site.worker()
    archive = tmp_path / "archive"
    site.run(
        *("deployment", "run", "medzip-archive/on-demand"),
        *("--param", f"source={cohort}", "--param", f"archive={archive}"),
        *("--param", "profile=fast", "--watch", "--watch-timeout", "200"),
    )

    (flow_run,) = site.read("flow_runs")
    assert flow_run["state_type"] == "COMPLETED"
    assert {run["state_type"] for run in site.read("task_runs")} == {"COMPLETED"}
    assert {"medzip-progress", "medzip-objects"} <= {a["key"] for a in site.read("artifacts")}
    assert (tmp_path / "archive-report" / "report.html").exists()
    assert verify(archive).ok
    restore(archive, tmp_path / "restored")
    assert differences(cohort, tmp_path / "restored") == []
