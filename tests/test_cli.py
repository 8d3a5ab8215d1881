"""The command as people and programs use it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medzip.cli import app, main
from medzip.testing.archives import archive_here, same
from medzip.testing.series import SECRET, write_series, write_tree

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
    assert (done.returncode, done.stderr) == (0, "")  # no progress where there is no terminal
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
