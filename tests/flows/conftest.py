"""Fixtures of the flow tests.

=================  =====================================================================
`cohort`           folder with two phantoms, three real DICOM files and a text file
`prefect_api`      a Prefect server of this session's own (prefect_test_harness)
`scheduler`        address of a Dask cluster of two worker processes, shared by the session
`home`             a PREFECT_HOME of one test: nothing is cached across tests
`environment`      environment of a subprocess that uses neither server nor home of the user
=================  =====================================================================
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

# Before Prefect is imported: it reads the user's profile and writes logs and results to its home.
HOME = tempfile.mkdtemp(prefix="medzip-prefect-")
os.environ["PREFECT_HOME"] = HOME
for name in ("PREFECT_API_URL", "PREFECT_PROFILE", "PREFECT_API_KEY"):
    os.environ.pop(name, None)

import medzip_flows  # noqa: E402, F401, I001 - sets the rest of the environment
import dask  # noqa: E402
import distributed  # noqa: E402
from prefect.settings import PREFECT_HOME, PREFECT_LOCAL_STORAGE_PATH, temporary_settings  # noqa: E402
from prefect.testing.utilities import prefect_test_harness  # noqa: E402
from pydicom.data import get_testdata_file  # noqa: E402

from medzip_flows.cluster import PRE_SPAWN, Where  # noqa: E402
from medzip.bench.phantom import SeriesSpec, ct_volume, mr_volume, write_series  # noqa: E402

ROOT = Path(__file__).parents[2]
CHECKOUT = [str(ROOT / folder) for folder in ("", "flows", "tasks")]


def pytest_unconfigure() -> None:
    shutil.rmtree(HOME, ignore_errors=True)


def write_cohort(folder: Path, shape: tuple[int, int, int] = (12, 64, 64)) -> Path:
    """Phantoms under folders that are named as carelessly as people do, and files of the wheel."""
    ct = SeriesSpec(1, 1, 2, "CT", "CHEST")
    mr = SeriesSpec(2, 1, 3, "MR", "HEAD")
    write_series(folder / "DOE^JANE" / "ct", ct_volume(shape, seed=1), ct)
    write_series(folder / "DOE^JANE" / "mr", mr_volume(shape, seed=2), mr)
    samples = folder / "samples"
    samples.mkdir()
    for name in ("CT_small.dcm", "MR_small.dcm", "JPEG2000.dcm"):
        source = get_testdata_file(name, download=False)
        assert source is not None, f"{name} is no longer in the wheel of pydicom"
        shutil.copyfile(source, samples / name)
    (samples / "notes.txt").write_text("Jane Doe, born 1970-01-01")
    return folder


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="session")
def prefect_api():
    with prefect_test_harness(server_startup_timeout=120):
        yield


@pytest.fixture(scope="session")
def scheduler():
    local = Where(workers=2).spec().cluster_kwargs
    with dask.config.set(PRE_SPAWN), distributed.LocalCluster(**local) as cluster:
        yield cluster.scheduler_address


@pytest.fixture
def home(prefect_api: None, tmp_path: Path):
    path = tmp_path / "prefect"
    with temporary_settings(
        {PREFECT_HOME: path, PREFECT_LOCAL_STORAGE_PATH: path / "storage"},
    ):
        yield path


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PREFECT_")}
    return {
        **inherited,
        "PREFECT_HOME": str(tmp_path / "prefect-home"),
        "PREFECT_LOGGING_EXTRA_LOGGERS": "medzip",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PYTHONPATH": os.pathsep.join(filter(None, [*CHECKOUT, os.environ.get("PYTHONPATH")])),
    }
