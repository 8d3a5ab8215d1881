"""Sampling and training as flows on a real Dask cluster; a run that is killed goes on."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dask
import distributed
import psutil
import pytest
from medzip_flows.cluster import Where
from medzip_flows.sample import sample_training_set
from medzip_flows.train import train_on_samples
from medzip_flows.workers import on_gpu
from prefect.client.orchestration import get_client
from prefect.client.schemas.sorting import ArtifactSort

from medzip.bench.phantom import SeriesSpec, ct_volume, write_series
from medzip.models import Registry
from medzip.papers.codec.model import read_sequence_model
from medzip.papers.training.run import PredictorRun
from medzip.training.curves import read_curves
from medzip.training.learning import CURVES
from medzip.training.network import NetworkRun
from medzip.training.store import SampleStore

from .flow_command import PROGRAM, flow_command
from .processes import kill
from .server import Site

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (12, 64, 64)


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three series of two kernels, in folders that are named as carelessly as people do."""
    folder = tmp_path_factory.mktemp("scans")
    for number, kernel in enumerate(("SOFT", "SOFT", "LUNG")):
        spec = SeriesSpec(number, 1, 1, "CT", "CHEST", details=(("ConvolutionKernel", kernel),))
        write_series(folder / "DOE^JANE" / str(number), ct_volume(SHAPE, seed=number), spec)
    return folder


@dataclass(frozen=True)
class Learned:
    """A store and a model that the flows made, for the tests that only look."""

    store: Path
    models: Path
    sampled: dict
    trained: dict


@pytest.fixture(scope="module")
def learned(
    prefect_api: None, scheduler: str, scans: Path, tmp_path_factory: pytest.TempPathFactory
) -> Learned:
    folder = tmp_path_factory.mktemp("learned")
    store, models = folder / "store", folder / "models"
    sampled = sample_training_set(
        str(scans),
        str(store),
        voxels=6000,
        form="fast",
        modality="CT",
        where=Where(scheduler=scheduler),
    )
    trained = train_on_samples(
        str(store),
        str(models),
        NetworkRun(100, 256, start="fast"),
        publish=str(folder / "registry"),
        where=Where(scheduler=scheduler),
    )
    return Learned(store, models, sampled, trained)


def test_sampling_reads_dicom_and_is_equal_by_kernel(learned: Learned) -> None:
    store = SampleStore.open(learned.store)
    by_kernel: dict[str, int] = {}
    for one in store.sampled:
        by_kernel[one.about.kernel] = by_kernel.get(one.about.kernel, 0) + one.rows
    assert by_kernel == {"SOFT": 3000, "LUNG": 3000}
    assert learned.sampled["digest"] == store.digest
    assert not (learned.store / ".scratch").exists()


def test_model_is_in_its_folder_and_in_the_registry(learned: Learned) -> None:
    digest = learned.trained["digest"]
    assert (learned.models / digest / "model.safetensors").is_file()
    registry = Registry(learned.models.with_name("registry"))
    assert [entry.digest for entry in registry.entries()] == [digest]


def test_pages_show_strata_and_curves(learned: Learned) -> None:
    digest = learned.trained["digest"]
    page = learned.models.with_name(f"models-{digest[:12]}.html").read_text()
    assert "<polyline" in page
    assert digest in page
    samples = learned.store.with_name("store-sampling.html").read_text()
    assert "LUNG" in samples
    for text in (page, samples):
        assert "DOE" not in text


def test_artifacts_show_samples_progress_curve_and_bits(learned: Learned) -> None:
    with get_client(sync_client=True) as client:
        newest = client.read_artifacts(limit=200, sort=ArtifactSort.UPDATED_DESC)
    # the server is the session's, and other tests train, too: the last of a name is this module's
    artifacts = {artifact.key: artifact for artifact in reversed(newest)}
    assert artifacts["medzip-sampling-progress"].data == 100.0
    assert artifacts["medzip-training-progress"].data == 100.0
    assert {row["kernel"] for row in json.loads(artifacts["medzip-samples"].data)} == {
        "SOFT",
        "LUNG",
    }
    bits = json.loads(artifacts["medzip-training-bits"].data)
    about = json.loads((learned.models / learned.trained["digest"] / "training.json").read_text())
    assert {row["series"]: row["bits"] for row in bits} == about["held_out_bits"]
    assert {row["series"]: row["before"] for row in bits} == about["start_bits"]
    assert artifacts["medzip-training-curve"].data.startswith("data:image/svg+xml;base64,")
    assert "| 100 |" in artifacts["medzip-training"].data
    for artifact in artifacts.values():
        assert "DOE" not in str(artifact.data)


def test_the_same_run_again_takes_up_what_is_there(learned: Learned, scheduler: str) -> None:
    again = train_on_samples(
        str(learned.store),
        str(learned.models),
        NetworkRun(100, 256, start="fast"),
        where=Where(scheduler=scheduler),
    )
    assert (again["digest"], again["resumed"]) == (learned.trained["digest"], 100)


@pytest.mark.slow
def test_a_predictor_of_the_papers_is_trained_on_its_neighbours(
    home: Path, scheduler: str, scans: Path, tmp_path: Path
) -> None:
    sample_training_set(
        str(scans),
        str(tmp_path / "store"),
        voxels=3000,
        form="pyramid-5-3-1",
        where=Where(scheduler=scheduler),
    )
    done = train_on_samples(
        str(tmp_path / "store"),
        str(tmp_path / "models"),
        PredictorRun("lstm-32", epochs=1, backend="order0"),
        where=Where(scheduler=scheduler),
    )
    assert read_sequence_model(tmp_path / "models" / done["digest"]).backend == "order0"
    page = tmp_path / f"models-{done['digest'][:12]}.html"
    assert "lstm pyramid-5-3-1 order0" in page.read_text()


def test_training_takes_the_worker_with_a_gpu(home: Path) -> None:
    local = {**Where(workers=1).spec().cluster_kwargs, "processes": False}
    with (
        distributed.LocalCluster(**local) as plain,
        Where(scheduler=plain.scheduler_address).spec().start() as runner,
        on_gpu(runner),
    ):
        assert "resources" not in dask.get_annotations()
    with (
        distributed.LocalCluster(**local, resources={"GPU": 1}) as gpu,
        Where(scheduler=gpu.scheduler_address).spec().start() as runner,
        on_gpu(runner),
    ):
        assert dask.get_annotations()["resources"] == {"GPU": 1}


def test_usage_and_failures_have_exit_codes(
    home: Path, scheduler: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    where = ["--scheduler", scheduler]
    assert flow_command("train") == 2
    assert flow_command("sample", tmp_path / "none", tmp_path / "store", *where) == 1
    assert "check the path" in capfd.readouterr().err
    assert flow_command("train", tmp_path / "none", tmp_path / "models", *where) == 1
    assert "expected a sample store" in capfd.readouterr().err


def command(store: Path, models: Path, work: Path) -> list[str]:
    options = ["--steps", "1500", "--batch", "512", "--checkpoint-every", "50", "--workers", "1"]
    where = [str(store), str(models), "--work", str(work)]
    return [*PROGRAM, "train", *where, *options]


def start(arguments: list[str], environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            arguments, env=environment, stdout=output, stderr=output, start_new_session=True
        )


def wait_for_points(work: Path, count: int, process: subprocess.Popen[bytes], log: Path) -> None:
    while len(read_curves(work / CURVES)) < count:
        assert process.poll() is None, log.read_text()
        time.sleep(0.01)


def kill_the_worker(process: subprocess.Popen[bytes]) -> None:
    (worker,) = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]
    worker.kill()


@pytest.mark.slow
def test_killed_flow_goes_on_and_killed_worker_is_replaced(
    learned: Learned, environment: dict[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "log"
    killed = tmp_path / "killed"
    # a machine that is busy with other tests takes longer to start a server
    environment["PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS"] = "120"
    arguments = command(learned.store, tmp_path / "models", killed)
    process = start(arguments, environment, log)
    wait_for_points(killed, 5, process, log)
    kill(process)
    assert not (tmp_path / "models").exists()

    process = start(arguments, environment, log)
    wait_for_points(killed, 12, process, log)
    kill_the_worker(process)
    assert process.wait() == 0, log.read_text()
    (digest,) = [path.name for path in (tmp_path / "models").iterdir()]

    straight = train_on_samples(
        str(learned.store),
        str(tmp_path / "straight"),
        NetworkRun(1500, 512, checkpoint_every=50),
        work=str(tmp_path / "work"),
        where=Where(workers=1),
    )
    assert straight["digest"] == digest
    assert straight["resumed"] == 0
    assert "Restarting worker" in log.read_text()


@pytest.mark.slow
def test_deployments_sample_and_train_on_a_server(
    scans: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    site = Site(tmp_path, environment)
    try:
        site.run("work-pool", "create", "medzip", "--type", "process")
        site.run("work-pool", "create", "gpu", "--type", "process")
        site.run("--no-prompt", "deploy", "--all")
        site.worker()
        site.worker("gpu")
        store, models = tmp_path / "store", tmp_path / "models"
        watch = ("--watch", "--watch-timeout", "400")
        site.run(
            *("deployment", "run", "medzip-sample/sample", "--param", f"source={scans}"),
            *("--param", f"store={store}", "--param", "voxels=6000", "--param", "form=fast"),
            *watch,
        )
        site.run(
            *("deployment", "run", "medzip-train/train", "--param", f"store={store}"),
            *("--param", f"models={models}", "--param", 'run={"steps": 100, "batch": 256}'),
            *("--param", 'where={"workers": 1}', *watch),
        )
        assert {run["state_type"] for run in site.read("flow_runs")} == {"COMPLETED"}
        assert {artifact["key"] for artifact in site.read("artifacts")} >= {
            "medzip-samples",
            "medzip-sampling-progress",
            "medzip-training-progress",
            "medzip-training-curve",
            "medzip-training-bits",
        }
        (model,) = models.iterdir()
        assert (model / "golden").is_dir()
    finally:
        site.stop()
