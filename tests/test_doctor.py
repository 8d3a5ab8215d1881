"""`medzip doctor` finds what would not work, whatever it is, and says what to do."""

from __future__ import annotations

import json
import re
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from medzip.cli import app, examining, requirements
from medzip.cli.examining import CHECKS, Finding, State, examine, examine_archive
from medzip.codec.fast import products
from medzip.compiled.places import Places
from medzip.dicom import pinned
from medzip.testing.archives import archive_here
from medzip.testing.series import write_series

OUTPUTS = (Path(__file__).parents[1] / "docs" / "outputs.md").read_text()


def run(*arguments: object) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


def only(monkeypatch: pytest.MonkeyPatch, **checks: Any) -> None:
    """Have it look at these things alone."""
    for name in set(CHECKS) - set(checks):
        monkeypatch.delitem(CHECKS, name)
    for name, check in checks.items():
        monkeypatch.setitem(CHECKS, name, check)


def test_all_that_is_needed_works_here(tmp_path: Path) -> None:
    code, out = run("--json", tmp_path / "archive")
    found = json.loads(out)
    assert (code, found["ok"]) == (0, True), out
    checks = found["checks"]
    assert set(checks) == {*CHECKS, "archive"}
    rows = OUTPUTS.partition("### `medzip doctor`")[2].partition("\n### ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", rows, re.MULTILINE)) == set(found)
    for check in checks.values():
        assert {"state", "text", "remedy", "facts"} == set(check)
        assert all(f"`{key}`" in rows for key in check)
    assert {check["state"] for check in checks.values()} <= {"ok", "absent"}
    versions = checks["packages"]["facts"]["versions"]
    assert {"numba", "numpy", "torch", "zarr", "pydicom", "pyjpegls"} <= set(versions)
    kernels = checks["kernels"]["facts"]
    assert kernels["loaded"] + kernels["compiled"] > 0
    assert kernels["folders"]
    used = checks["products"]["facts"]["kernels"]
    assert set(used) == {"fast", "default", "max"}
    assert {kernel for layers in used.values() for kernel in layers} <= {"int8", "float32"}
    assert checks["encoders"]["facts"] == {"faults": {"jpeg-ls": ""}}
    assert checks["machine"]["facts"]["cores"] >= 1
    for name in ("scratch", "archive"):
        facts = checks[name]["facts"]
        assert facts["writable"]
        assert facts["free_bytes"] > 0
    assert not (tmp_path / "archive").exists()  # it only looks


@pytest.mark.parametrize(
    "error", [ImportError("no such library"), OSError(5, "broken"), RecursionError(), KeyError("x")]
)
def test_whatever_is_broken_is_told(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def broken() -> Finding:
        raise error

    only(monkeypatch, kernels=broken, scratch=CHECKS["scratch"])
    code, out = run()
    assert code == 1
    assert f"FAILS   kernels      {type(error).__name__}" in out
    assert "ok      scratch" in out  # the others are looked at
    assert out.endswith("something would not work\n")
    code, out = run("--json")
    assert (code, json.loads(out)["ok"]) == (1, False)


def test_what_is_optional_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    only(monkeypatch, flow=CHECKS["flow"], packages=CHECKS["packages"])
    there = requirements.version

    def version(name: str) -> str:
        if name in ("dask", "numba"):
            raise PackageNotFoundError(name)
        return there(name)

    monkeypatch.setattr(requirements, "version", version)
    flow, packages = examine("flow", CHECKS["flow"]), examine("packages", CHECKS["packages"])
    assert (flow.state, flow.remedy) == (State.ABSENT, "pip install 'medzip[flow]'")
    assert flow.text.startswith("not installed: dask; ")
    assert packages.state is State.FAILS
    assert packages.text.startswith("not installed: numba; ")
    assert packages.facts["versions"]["numba"] is None
    assert run()[0] == 1
    only(monkeypatch, flow=CHECKS["flow"])
    assert run()[0] == 0


def test_versions_that_are_not_wanted_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "version", lambda name: "0.4.1")
    found = examine("packages", CHECKS["packages"])
    assert found.state is State.FAILS
    assert "constriction 0.4.1 (wanted " in found.text


def test_a_checkout_that_is_not_installed_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requirements, "_PACKAGE", "no-such-package-of-anybody")
    assert examine("packages", CHECKS["packages"]).state is State.ABSENT


def test_products_that_are_not_exact_are_floats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "int8_is_exact", lambda *shape: False)
    found = examine("products", CHECKS["products"])
    assert found.state is State.OK
    assert "default float32" in found.text


def test_kernels_that_are_not_kept_cost_time_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = Places((), None, ((tmp_path / "cache", "Permission denied"),))
    monkeypatch.setattr("medzip.compiled.kept_places", lambda: (nowhere,))
    found = examine("kernels", CHECKS["kernels"])
    assert found.state is State.OK
    assert f"not kept ({tmp_path / 'cache'}: Permission denied)" in found.text
    assert found.remedy.startswith("set NUMBA_CACHE_DIR")


def test_an_encoder_of_other_bytes_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    fault = "expected the jpeg-ls encoder"
    monkeypatch.setattr(pinned, "encoder_fault", lambda coding: fault)
    found = examine("encoders", CHECKS["encoders"])
    assert (found.state, found.text) == (State.FAILS, fault)


def test_archives_and_places_for_them(tmp_path: Path) -> None:
    new = examine("archive", lambda: examine_archive(tmp_path / "a" / "b"))
    assert (new.state, new.facts["objects"]) == (State.OK, 0)
    assert new.facts["folder"] == str(tmp_path)
    write_series(tmp_path / "source")
    archive = tmp_path / "archive"
    archive_here([tmp_path / "source"], archive)
    held = examine("archive", lambda: examine_archive(archive))
    assert (held.state, held.facts["objects"]) == (State.OK, 1)
    (archive / "index.json").write_text("{")
    assert examine("archive", lambda: examine_archive(archive)).state is State.FAILS
    assert examine("archive", lambda: examine_archive(tmp_path / "source")).text.endswith(
        "a folder of other things"
    )
    for path in (tmp_path / "source" / "00.dcm", "/proc/self/nowhere/archive"):
        found = examine("archive", lambda path=path: examine_archive(type(tmp_path)(path)))
        assert found.state is State.FAILS


def test_no_folder_of_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(examining.tempfile, "gettempdir", none)
    found = examine("scratch", CHECKS["scratch"])
    assert found.state is State.FAILS
    assert found.remedy.startswith("set TMPDIR")


def test_a_disk_that_is_nearly_full_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Usage:
        free = 1000

    monkeypatch.setattr(examining.shutil, "disk_usage", lambda folder: Usage)
    found = examine("archive", lambda: examine_archive(tmp_path))
    assert (found.state, found.facts["free_bytes"]) == (State.OK, 1000)
    assert found.remedy
