"""The papers' benchmarks as a flow on a real Dask cluster."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from medzip_flows.benchmarks import run_benchmarks
from medzip_flows.cluster import Where
from prefect.client.orchestration import get_client

from medzip.bench.phantom import ct_volume
from medzip.papers.benchmarks.results import Reproduction
from medzip.papers.benchmarks.sizes import SIZES

from .flow_command import flow_command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cohort of two phantoms, and a size that takes seconds."""
    small = SIZES["small"]
    short = {"samples": 400, "epochs": 1, "hidden": (8,)}
    size = small.with_(
        name="tiny",
        lstm=small.lstm.with_(**short),
        mlp=small.mlp.with_(**short),
        extras=(),
        shapes=("line-5",),
        folds=2,
        crop=(2, 24, 24),
        timed=(2, 8, 8),
        samplings=(),
        snapshots=(),
        peers=("jpeg-2000",),
    )
    monkeypatch.setitem(SIZES, "tiny", size)
    cohort = tmp_path / "ct"
    cohort.mkdir()
    for seed in range(2):
        np.save(cohort / f"c{seed}.npy", ct_volume((3, 30, 30), seed=seed))
    return cohort


@pytest.mark.slow
def test_flow_measures_writes_and_goes_on(
    tiny: Path, home: Path, scheduler: str, tmp_path: Path
) -> None:
    out, document = tmp_path / "out", tmp_path / "docs" / "reproduction.md"
    arguments = {
        "cohort": str(tiny),
        "out": str(out),
        "size": "tiny",
        "document": str(document),
        "where": Where(scheduler=scheduler),
    }
    done = run_benchmarks(**arguments)
    assert done["failed"] == []
    assert done["models"] == 3  # two folds of the LSTM, one of the MLP
    results = Reproduction.read(done["results"])
    assert {job.key for job in results.jobs} == {
        "lstm-line-5-fold0",
        "lstm-line-5-fold1",
        "mlp-line-5-fold0",
    }
    assert "## Benchmark 1" in document.read_text()
    assert (out / "rows.parquet").exists()
    assert (out / "pictures" / "benchmark-1-order0.svg").exists()
    assert not (out / "residuals").exists()
    assert not list(out.rglob("*.png"))
    with get_client(sync_client=True) as client:
        keys = {artifact.key for artifact in client.read_artifacts()}
    assert {"medzip-reproduction", "medzip-benchmark-1", "medzip-benchmarks-progress"} <= keys
    # a job that is gone is done again, the others are read
    gone = out / "jobs" / "mlp-line-5-fold0.json"
    kept = out / "jobs" / "lstm-line-5-fold0.json"
    before = json.loads(kept.read_text())["total_seconds"]
    gone.unlink()
    again = run_benchmarks(**arguments)
    assert again["models"] == 3
    assert gone.exists()
    assert json.loads(kept.read_text())["total_seconds"] == before


def test_a_folder_that_is_missing_is_said(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert flow_command("benchmarks", str(tmp_path / "none"), str(tmp_path / "out")) == 1
    assert "expected a folder of images" in capsys.readouterr().err
