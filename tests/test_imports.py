"""What is imported when: the command is there at once, and a reader brings only what it needs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pydicom.data import get_testdata_file

import medzip

ROOT = Path(__file__).parents[1]
HEAVY = ("matplotlib", "numba", "numpy", "pyarrow", "torch", "zarr")
ORCHESTRATOR = ("dask", "distributed", "prefect", "prefect_dask")
PAGES = ("jinja2", "matplotlib")


def imported(code: str, *arguments: str) -> set[str]:
    """Names at the top of `sys.modules` after some code has run in a fresh interpreter."""
    tail = "\nimport json, sys; print(json.dumps(sorted(m for m in sys.modules if '.' not in m)))"
    done = subprocess.run(
        [sys.executable, "-c", code + tail, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


def command(*arguments: str) -> set[str]:
    """What `medzip ARGUMENTS` imports."""
    return imported(
        f"import sys\nsys.argv = ['medzip', *{arguments!r}]\n"
        "from medzip.cli import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["compress", "--help"],
        ["doctor", "--help"],
        ["bench", "--help"],
        ["models", "--help"],
        ["train", "--help"],
    ],
)
def test_help_imports_nothing_that_computes(arguments: list[str]) -> None:
    assert not command(*arguments) & {*HEAVY, *ORCHESTRATOR, *PAGES}


@pytest.mark.parametrize("module", ["medzip", "medzip.errors", "medzip.cli"])
def test_light_modules(module: str) -> None:
    assert not imported(f"import {module}") & {*HEAVY, *ORCHESTRATOR, *PAGES}


def test_finding_files_imports_little() -> None:
    names = imported("import medzip.dicom.walk, medzip.dicom.discover")
    assert not names & {*HEAVY, "pydicom", "highdicom", *ORCHESTRATOR, *PAGES} - {"numpy"}


def test_headers_need_neither_arrays_nor_pydicom() -> None:
    """Unless they are odd, or their pixels compressed: a process that discovers is small."""
    code = (
        "import sys, os\nfrom medzip.dicom.header import read_header\n"
        "assert read_header(sys.argv[1], os.path.getsize(sys.argv[1])).frames"
    )
    path = get_testdata_file("CT_small.dcm", download=False)
    odd = {"pydicom", "highdicom", "jpeg_ls", "imagecodecs"}
    assert not imported(code, str(path)) & {*HEAVY, *odd}


@pytest.mark.parametrize("module", ["medzip.codec", "medzip.zarr_codec"])
def test_codecs_import_no_torch(module: str) -> None:
    assert not imported(f"import {module}") & {"torch", "pyarrow", *ORCHESTRATOR, *PAGES}


@pytest.mark.parametrize("module", ["medzip.archive", "medzip.codec", "medzip.zarr_codec"])
def test_core_imports_no_orchestrator_and_no_pages(module: str) -> None:
    assert not imported(f"import {module}") & {"pyarrow", *ORCHESTRATOR, *PAGES}


def test_decoding_imports_torch_where_a_network_is_used(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    noisy = generator.integers(0, 50, (3, 16, 16)).astype(np.int16)
    for name, volume, torch in (("flat", np.zeros_like(noisy), False), ("noisy", noisy, True)):
        path = tmp_path / name
        path.write_bytes(medzip.encode(volume, "fast"))
        names = imported(
            "import sys, pathlib, medzip\n"
            "volume = medzip.decode(pathlib.Path(sys.argv[1]).read_bytes())\n"
            "assert volume.shape == (3, 16, 16)",
            str(path),
        )
        assert ("torch" in names) is torch
        assert not names & {"pyarrow", "zarr", *ORCHESTRATOR, *PAGES}


def test_reading_through_zarr_imports_no_more(tmp_path: Path) -> None:
    path = tmp_path / "volume.zarr"
    write = (
        "import sys, numpy, zarr\n"
        "from medzip.models import base_model\n"
        "from medzip.zarr_codec import MedZipCodec\n"
        "array = zarr.create_array(sys.argv[1], shape=(2, 16, 16), chunks=(2, 16, 16),\n"
        "    dtype='i2', serializer=MedZipCodec.of(base_model('fast')), filters=None,\n"
        "    compressors=None)\n"
        "array[:] = numpy.arange(512).reshape(2, 16, 16) % int(sys.argv[2])\n"
    )
    read = "import sys, medzip.zarr_codec, zarr\nassert zarr.open(sys.argv[1])[:].max() >= 0\n"
    imported(write, str(path), "7")
    names = imported(read, str(path))
    assert not names & {"pyarrow", *ORCHESTRATOR, *PAGES}


WITHOUT_EXTRAS = """
import importlib, pkgutil, sys
from medzip.extras import EXTRAS
absent = {module for modules in EXTRAS.values() for module in modules}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
import medzip
for found in pkgutil.walk_packages(medzip.__path__, "medzip."):
    if not found.name.startswith(("medzip.bench", "medzip.papers.benchmarks", "medzip.report",
                                  "medzip.testing")):
        importlib.import_module(found.name)
from medzip.errors import MissingExtraError
try:
    import medzip.report
except MissingExtraError as error:
    assert "pip install 'medzip[report]'" in str(error)
else:
    raise AssertionError
"""


def test_all_but_pages_and_comparisons_import_without_extras() -> None:
    imported(WITHOUT_EXTRAS)
