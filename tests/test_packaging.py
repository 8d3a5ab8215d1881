"""The wheel and the sdist: what is in them, and that what they install works on its own."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from medzip.bench.phantom import SeriesSpec, ct_volume, write_series
from medzip.extras import EXTRAS
from medzip.models.shelf import shipped_models
from medzip.testing.archives import same

ROOT = Path(__file__).parents[1]
SOURCES = ("medzip", "flows", "tasks", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel, made of an sdist as `pip install` makes it where there is no wheel."""
    folder = tmp_path_factory.mktemp("built")
    tree = folder / "tree"
    tree.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
            shutil.copytree(ROOT / name, tree / name, ignore=ignored)
        else:
            shutil.copyfile(ROOT / name, tree / name)
    build(tree, "sdist", folder)
    (sdist,) = folder.glob("*.tar.gz")
    shutil.unpack_archive(sdist, folder / "unpacked", filter="data")
    (unpacked,) = (folder / "unpacked").iterdir()
    build(unpacked, "wheel", folder)
    return folder


def build(tree: Path, kind: str, into: Path) -> None:
    """Call the build backend as a frontend does, without the net."""
    code = f"import setuptools.build_meta as b, sys; b.build_{kind}(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(into)],
        cwd=tree,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def names(built: Path) -> set[str]:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        return set(opened.namelist())


def test_nothing_general_at_the_top_of_site_packages(names: set[str]) -> None:
    tops = {PurePosixPath(name).parts[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "medzip",
        "medzip_flows",
        "medzip_tasks",
    }


def test_wheel_has_all_that_is_not_code(names: set[str]) -> None:
    for name in shipped_models():
        files = ("config.json", "model.safetensors", "training.json", "MODEL_CARD.md")
        assert {f"medzip/models/{name}/{file}" for file in files} <= names
    templates = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "medzip" / "report" / "templates").iterdir()
    }
    assert templates
    assert templates <= names
    assert {"medzip/py.typed", "medzip_flows/command/__init__.py"} <= names


def test_wheel_has_every_module_and_no_test(names: set[str]) -> None:
    modules = {
        path.relative_to(ROOT / top).as_posix()
        for top, package in ((".", "medzip"), ("flows", "medzip_flows"), ("tasks", "medzip_tasks"))
        for path in (ROOT / top / package).rglob("*.py")
    }
    assert {name for name in names if name.endswith(".py")} == modules
    assert not any(re.search(r"(^|/)(tests?/|test_|conftest)", name) for name in names)


@pytest.fixture(scope="module")
def installed(built: Path) -> Path:
    """An environment that has the wheel alone; what it needs comes from the one of these tests."""
    folder = built / "venv"
    venv.create(folder, symlinks=os.name != "nt")
    (wheel,) = built.glob("*.whl")
    binaries = folder / ("Scripts" if os.name == "nt" else "bin")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", str(binaries / "python"), "install"),
            *("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)),
        ],
        check=True,
    )
    (packages,) = (folder / "lib").glob("python*/site-packages")
    # a plain path: no checkout that is installed there for development can be found through it
    (packages / "outer.pth").write_text("\n".join(site.getsitepackages()))
    return binaries


def run(installed: Path, *arguments: object) -> str:
    """Run a program of that environment in a folder without a checkout."""
    program, *rest = map(str, arguments)
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "NUMBA_CACHE_DIR") and not name.startswith("PREFECT_")
    }
    clean["PREFECT_HOME"] = str(installed.parent / "prefect")
    done = subprocess.run(
        [str(installed / program), *rest],
        cwd=installed.parent,
        env=clean,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_command_of_the_wheel(installed: Path, project: dict[str, Any]) -> None:
    assert run(installed, "medzip", "--version") == f"medzip {project['version']}\n"
    assert "--scheduler" in run(installed, "medzip", "flow", "archive", "--help")
    home = run(installed, "python", "-c", "import medzip_tasks as m; print(m.__file__)")
    assert Path(home.strip()).is_relative_to(installed.parent)


def test_deployments_name_flows_of_the_wheel(installed: Path) -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    points = sorted({deployment["entrypoint"] for deployment in deployments})
    code = (
        "import sys\nfrom prefect.flows import load_flow_from_entrypoint\n"
        "print(*(load_flow_from_entrypoint(name).name for name in sys.argv[1:]))"
    )
    found = run(installed, "python", "-c", code, *points).split()
    assert set(found) == {
        "medzip-archive",
        "medzip-recompress",
        "medzip-sample",
        "medzip-train",
    }


@pytest.mark.slow
def test_wheel_compresses_verifies_and_restores(installed: Path, tmp_path: Path) -> None:
    source, archive = tmp_path / "source", tmp_path / "archive"
    write_series(source / "ct", ct_volume((12, 64, 64), seed=1), SeriesSpec(1, 1, 2, "CT", "CHEST"))
    (source / "notes.txt").write_text("kept as it is")
    run(installed, "medzip", "compress", source, archive, "--profile", "fast", "--workers", 1)
    assert "match" in run(installed, "medzip", "verify", archive, "--workers", 1)
    run(installed, "medzip", "restore", archive, tmp_path / "restored", "--workers", 1)
    same(source, tmp_path / "restored")
    run(installed, "medzip", "report", archive)
    assert "<html" in (tmp_path / "archive.html").read_text()
    # workers of Dask are processes of their own, which import the tasks
    options = ("--profile", "fast", "--workers", 1, "--compare", 0)
    run(installed, "medzip", "flow", "archive", source, tmp_path / "flow", *options)
    assert (tmp_path / "flow-report" / "report.html").exists()
    assert "match" in run(installed, "medzip", "verify", tmp_path / "flow", "--workers", 1)


def test_every_requirement_is_pinned_in_the_constraints(project: dict[str, Any]) -> None:
    pinned = {
        plain(line.split("==")[0])
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *(one for extra in extras.values() for one in extra)]
    names = {plain(re.split(r"[\[<>=,;\s]", one)[0]) for one in wanted} - {"medzip"}
    assert names - pinned == set()


def test_modules_of_an_extra_are_those_that_it_brings(project: dict[str, Any]) -> None:
    """Else an error would name an extra that does not help."""
    assert {"all", "dev", *EXTRAS} == set(project["optional-dependencies"])
    base = {plain(re.split(r"[<>=,]", one)[0]) for one in project["dependencies"]}
    for extra, modules in EXTRAS.items():
        brought = {
            plain(re.split(r"[<>=,]", one)[0]) for one in project["optional-dependencies"][extra]
        }
        for module in map(plain, modules):
            assert module in brought, f"{extra}: {module}"
            assert module not in base


def plain(name: str) -> str:
    """A name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()
