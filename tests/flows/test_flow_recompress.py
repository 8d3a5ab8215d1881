"""A cohort model trained, and an archive coded anew with it, on a real Dask cluster."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from medzip_flows.cluster import Where
from medzip_flows.recompress import recompress_cohort
from medzip_flows.running import IncompleteError
from prefect.client.orchestration import get_client

from medzip import archive as steps
from medzip.archive import encoding, restore, verify
from medzip.bench.phantom import SeriesSpec, ct_volume, mr_volume, write_series
from medzip.bench.trees import differences
from medzip.models import NetworkModel, Registry, base_model
from medzip.report import read_report_rows

from .flow_command import PROGRAM, flow_command

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.codec.model import Model

SMALL = {"form": "fast", "voxels": 20_000, "training_steps": 30, "batch": 256}
OPTIONS = ["--form", "fast", "--voxels", "20000", "--steps", "30", "--batch", "256"]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    ct = SeriesSpec(1, 1, 2, "CT", "CHEST")
    write_series(folder / "DOE^JANE" / "ct", ct_volume((12, 64, 64), seed=1), ct)
    mr = SeriesSpec(2, 1, 3, "MR", "HEAD")
    write_series(folder / "DOE^JANE" / "mr", mr_volume((12, 64, 64), seed=2), mr)
    (folder / "note.txt").write_text("Jane Doe, born 1970-01-01")
    return folder


def far_too_wide() -> Model:
    """A model that any other is better than."""
    network = base_model("fast").network
    bias = network.head.bias.copy()
    bias[6:9] += (1500 << network.head.shift[6:9]).astype(bias.dtype)
    head = dataclasses.replace(network.head, bias=bias)
    return NetworkModel(dataclasses.replace(network, head=head), None)


@pytest.fixture(scope="module")
def plain(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive that can be made smaller."""
    archive = tmp_path_factory.mktemp("plain") / "archive"
    bad = far_too_wide()

    def fit_model(volume: Any, profile: str, base: Model | None = None) -> Model:
        return bad

    with pytest.MonkeyPatch.context() as patched, steps.archive_lock(archive):
        patched.setattr(encoding, "fit_model", fit_model)
        records = []
        for plan in steps.scan([source]).plans:
            staged = steps.stage(plan, archive, "fast")
            steps.fit(staged)
            for volume, slab in staged.slab_indices:
                steps.encode(staged, volume, slab)
            sealed = dataclasses.replace(steps.seal(staged), pid=-1)
            records.append(steps.commit(steps.prove(sealed)).record)
        steps.publish(archive, records)
    return archive


@pytest.fixture
def archive(plain: Path, tmp_path: Path) -> Path:
    return shutil.copytree(plain, tmp_path / "archive")


def objects(archive: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((archive / "objects").iterdir())}


def size(archive: Path) -> int:
    return sum(path.stat().st_size for path in archive.rglob("*") if path.is_file())


def test_trained_published_recompressed_reported(
    home: Path, scheduler: str, archive: Path, source: Path, tmp_path: Path
) -> None:
    before = size(archive)
    summary = recompress_cohort(str(archive), where=Where(scheduler=scheduler), **SMALL)
    assert summary.replaced == 2
    assert summary.before_bytes - summary.after_bytes > 10_000
    assert size(archive) < before
    assert verify(archive).ok
    assert restore(archive, tmp_path / "out").ok
    assert differences(source, tmp_path / "out") == []
    assert not (archive / "work").exists()

    (entry,) = Registry.at(tmp_path / "archive-models").entries()
    assert Registry.at(tmp_path / "archive-models").verify(entry.digest) == 1
    rows = read_report_rows(tmp_path / "archive-report" / "rows")
    assert {row["outcome"] for row in rows.gains} == {"replaced"}
    assert {row["model"] for row in rows.trials} == {"fast", entry.name}
    assert sum(row["chosen"] for row in rows.trials) == 2
    page = (tmp_path / "archive-report" / "report.html").read_text()
    assert "2 of 2 objects have a smaller one in their place" in page
    with get_client(sync_client=True) as client:
        artifacts = {artifact.key: artifact for artifact in client.read_artifacts()}
        said = "".join(
            record.model_dump_json()
            for record in [*client.read_artifacts(), *client.read_logs(), *client.read_flow_runs()]
        )
    assert artifacts["medzip-recompress-progress"].data == 100.0
    table = json.loads(artifacts["medzip-gains"].data)
    assert sum(row["before"] - row["after"] for row in table) > 10_000
    assert "DOE^JANE" not in said
    assert "1970-01-01" not in page

    now = objects(archive)
    again = recompress_cohort(
        str(archive), train=False, where=Where(scheduler=scheduler), report=str(tmp_path / "report")
    )
    assert again.replaced == 0
    assert {one.outcome.value for one in again.objects} == {"kept"}
    assert objects(archive) == now


def test_an_object_that_fails_stays_and_the_others_go_on(
    home: Path, scheduler: str, archive: Path
) -> None:
    victim = max((archive / "objects").glob("*.zip"), key=lambda path: path.stat().st_size)
    (archive / "work").mkdir()
    (archive / "work" / victim.stem).write_text("a file where the step wants a folder")
    data = victim.read_bytes()
    with pytest.raises(IncompleteError) as caught:
        recompress_cohort(str(archive), train=False, where=Where(scheduler=scheduler))
    assert str(archive) not in str(caught.value)
    outcomes = {one.key: one.outcome.value for one in caught.value.summary.objects}
    assert outcomes.pop(victim.stem) == "failed"
    assert victim.read_bytes() == data
    assert len(outcomes) == 1


@pytest.mark.parametrize(
    "arguments",
    [[], ["archive", "--profile", "best"], ["archive", "--cluster", "a", "--scheduler", "b"]],
)
def test_wrong_usage_is_exit_code_two(arguments: list[str]) -> None:
    assert flow_command("recompress", *arguments) == 2


def test_no_archive_is_one_line(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "DOE^JANE").mkdir()
    assert flow_command("recompress", str(tmp_path / "DOE^JANE"), "--no-train") == 1
    assert "expected a MedZip archive" in capsys.readouterr().err
    with get_client(sync_client=True) as client:
        run = client.read_flow_runs()[-1]
    assert "DOE^JANE" not in run.state.model_dump_json()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_flow_goes_on(
    archive: Path, source: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """Killed while it trains, while it codes and while it replaces; nothing is lost."""
    command = [*PROGRAM, "recompress", str(archive), *OPTIONS, "--workers", "2"]
    patterns = ["archive-models-samples/*/series/*", "archive/work/*/models/fit.json"]
    patterns.append("archive/work/*/replace.json")
    log = tmp_path / "log"
    killed = 0
    for pattern in patterns:
        there = set(tmp_path.glob(pattern))
        with (
            log.open("ab") as output,
            subprocess.Popen(
                command, env=environment, stdout=output, stderr=output, start_new_session=True
            ) as process,
        ):
            while process.poll() is None:
                if set(tmp_path.glob(pattern)) - there:
                    os.killpg(process.pid, signal.SIGKILL)
                    killed += 1
                    break
                time.sleep(0.005)
        verified = verify(archive)
        assert verified.ok, verified.failures
    assert killed >= 2, log.read_text()[-2000:]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert verify(archive).ok
    assert restore(archive, tmp_path / "out").ok
    assert differences(source, tmp_path / "out") == []


def test_far_too_wide_is_a_model_like_any_other() -> None:
    """What the archive of these tests is coded with decodes; it only takes more bytes."""
    import medzip

    voxels = ct_volume((4, 32, 32), seed=3)
    stream = medzip.encode(voxels, profile="fast", model=far_too_wide())
    assert np.array_equal(medzip.decode(stream), voxels)
