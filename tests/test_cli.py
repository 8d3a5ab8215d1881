"""The command as people and programs use it."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import typer
from medzip_flows.command import app as flow_app
from typer.testing import CliRunner

import medzip
from medzip.archive import Summary, inspect
from medzip.bench.phantom import ct_volume
from medzip.cli import app, main
from medzip.errors import SourceError
from medzip.report import rows_from, write_report_rows
from medzip.testing.archives import archive_here, same
from medzip.testing.series import SECRET, write_series, write_tree

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
runner = CliRunner()


def run(*arguments: object) -> tuple[int, str, str]:
    result = runner.invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    write_tree(tmp_path / "source")
    archive_here([tmp_path / "source"], tmp_path / "archive")
    return tmp_path / "archive"


def test_compress_as_a_command(tmp_path: Path) -> None:
    write_series(tmp_path / "Doe^Jane", "1.2.840.99")
    command = [sys.executable, "-c", "from medzip.cli import main; main()"]
    arguments = ["compress", str(tmp_path / "Doe^Jane"), str(tmp_path / "archive")]
    options = ["--profile", "fast", "--workers", "1", "--json"]
    done = subprocess.run(
        [*command, *arguments, *options], cwd=ROOT, capture_output=True, text=True, check=False
    )
    compiling = "medzip: compiling its kernels"  # if it is the first on this machine
    told = [line for line in done.stderr.splitlines() if not line.startswith(compiling)]
    assert (done.returncode, told) == (0, [])  # no progress where there is no terminal
    summary = json.loads(done.stdout)
    assert summary["ok"]
    assert [record["verdict"] for record in summary["objects"]] == ["proven"]
    for secret in (SECRET, "Doe", "1.2.840.99"):
        assert secret not in done.stdout


def test_restore_verify_inspect(archive: Path, tmp_path: Path) -> None:
    code, out, _ = run("verify", archive, "--workers", 1)
    assert (code, out.strip().endswith("files match")) == (0, True)
    code, out, _ = run("verify", archive, "--workers", 1, "--json")
    assert json.loads(out)["ok"]
    code, out, _ = run("restore", archive, tmp_path / "out", "--workers", 1)
    assert code == 0
    same(tmp_path / "source", tmp_path / "out")
    code, out, _ = run("inspect", archive)
    assert code == 0
    assert "series" in out
    code, out, _ = run("inspect", archive, "--json")
    described = json.loads(out)
    assert {record["kind"] for record in described["objects"]} == {"series", "other"}
    for secret in (SECRET, "1.2.3", "one.dcm"):
        assert secret not in json.dumps(described["objects"])


def test_restore_one_series(archive: Path, tmp_path: Path) -> None:
    code, out, _ = run("restore", archive, tmp_path / "out", "--series", "1.2.4", "--json")
    assert (code, json.loads(out)["files"]) == (0, 3)
    code, out, _ = run("restore", archive, tmp_path / "two", "--series", "1.2.4", "1.2.5", "--json")
    assert (code, json.loads(out)["files"]) == (0, 4)


def test_a_broken_archive_ends_with_1(archive: Path, tmp_path: Path) -> None:
    path = next(iter((archive / "objects").glob("*.zip")))
    path.write_bytes(path.read_bytes()[:-9])
    code, out, err = run("verify", archive, "--workers", 1, "--json")
    assert code == 1
    assert [failure["name"] for failure in json.loads(out)["failures"]] == [path.stem[:12]]
    assert "messages" not in out
    assert str(path) in err.replace("\n", "")
    assert "restore it from a copy" in err.replace("\n", " ")
    assert run("restore", archive, tmp_path / "out", "--workers", 1)[0] == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["compress"],
        ["compress", "only-one"],
        ["compress", "a", "b", "--profile", "best"],
        ["compress", "a", "b", "--workers", "0"],
        ["restore", "a"],
        ["restore", "a", "b", "c"],
        ["verify"],
        ["unknown"],
    ],
)
def test_usage_ends_with_2(arguments: list[str]) -> None:
    assert run(*arguments)[0] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "none"], "got no medzip.json"),
        (["inspect", "none"], "got no medzip.json"),
        (["restore", "none", "out"], "got no medzip.json"),
        (["compress", "none", "archive"], "got nothing"),
        (["compress", ".", "archive"], "one inside the other"),
    ],
)
def test_errors_are_told_without_a_traceback(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["medzip", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 1
    err = capsys.readouterr().err
    assert message in err
    assert "Traceback" not in err


def test_help_of_every_command_names_no_reason_of_the_code() -> None:
    """Docstrings say why a function has many parameters; a reader of --help need not know."""
    for one in (app, flow_app):
        for words in paths_of(typer.main.get_command(one)):
            done = runner.invoke(one, [*words, "--help"])
            assert done.exit_code == 0, done.output
            assert "Usage:" in done.stdout
            assert "Many parameters" not in done.stdout, words


def paths_of(command: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """A command and all below it, as words."""
    yield before
    for name, below in getattr(command, "commands", {}).items():
        yield from paths_of(below, (*before, name))


def test_version() -> None:
    assert run("--version")[:2] == (0, f"medzip {medzip.__version__}\n")


def test_entry_points_are_there() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for points in (project["scripts"], *project["entry-points"].values()):
        for name, value in points.items():
            assert EntryPoint(name, value, "").load() is not None


def test_commands_of_other_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    """They load when they are asked for, and stand beside the others."""
    other = EntryPoint("flow", "medzip_flows.command:app", "medzip.commands")
    broken = EntryPoint("broken", "nowhere:app", "medzip.commands")
    monkeypatch.setattr("medzip.cli.command.entry_points", lambda group: (other,))
    assert "Prefect" in run("--help")[1]
    assert "--scheduler" in run("flow", "archive", "--help")[1]
    monkeypatch.setattr("medzip.cli.command.entry_points", lambda group: (broken,))
    assert run("verify", "--help")[0] == 0
    assert run("flow")[0] == 2


@pytest.mark.parametrize(
    ("module", "remedy"),
    [("prefect", "pip install 'medzip[flow]'"), ("matplotlib", "pip install 'medzip[report]'")],
)
def test_a_missing_extra_is_named_with_what_installs_it(
    module: str, remedy: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = typer.Typer()

    @command.command()
    def need() -> None:
        raise ModuleNotFoundError(f"No module named '{module}'", name=f"{module}.part")

    monkeypatch.setattr(sys, "argv", ["medzip"])
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 1
    assert remedy in capsys.readouterr().err


def test_another_missing_module_is_an_error_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    command = typer.Typer(pretty_exceptions_enable=False)

    @command.command()
    def need() -> None:
        raise ModuleNotFoundError("No module named 'mezdip'", name="mezdip")

    monkeypatch.setattr(sys, "argv", ["medzip"])
    with pytest.raises(ModuleNotFoundError):
        main(command)


def test_sample_and_its_page(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    np.save(source / "volume.npy", ct_volume((24, 32, 32), seed=1))
    store = tmp_path / "store"
    code, out, err = run("sample", source, store, "--voxels", "1000")
    assert (code, "samples of 1 series" in out) == (0, True)
    assert "samples" in err
    assert run("report", store)[0] == 0
    assert "<html" in (tmp_path / "store.html").read_text()
    assert run("sample", store)[0] == 2


def test_page_of_an_archive(archive: Path, tmp_path: Path) -> None:
    code, out, _ = run("report", archive, "--out", tmp_path / "pages" / "archive.html")
    assert (code, out.strip()) == (0, str(tmp_path / "pages" / "archive.html"))
    page = Path(out.strip()).read_text()
    assert "<html" in page
    assert SECRET not in page


def test_page_of_an_archive_shows_slices_when_asked(archive: Path, tmp_path: Path) -> None:
    page, name = tmp_path / "page.html", max(inspect(archive), key=lambda one: one.voxels).name
    for options, pictures in (((), 0), (("--pictures",), 0), (("--pictures-of", name), 2)):
        code, _, err = run("report", archive, "--out", page, *options)
        assert (code, page.read_text().count("<img ")) == (0, pictures)
        assert ("no picture: not slices of CT" in err) == (options == ("--pictures",))
    wrong = runner.invoke(app, ["report", str(archive), "--pictures-of", "Doe"])
    assert isinstance(wrong.exception, SourceError)


def test_page_of_a_report(archive: Path, tmp_path: Path) -> None:
    records = tuple(inspect(archive))
    summary = Summary(str(archive), "fast", records, (), 1.0)
    write_report_rows(tmp_path / "report" / "rows", rows_from(summary, run_id="one"))
    for folder, page in (("report", "report/report.html"), ("report/rows", "report/rows.html")):
        assert run("report", tmp_path / folder)[0] == 0
        assert "<html" in (tmp_path / page).read_text()
    assert isinstance(runner.invoke(app, ["report", str(tmp_path)]).exception, SourceError)
