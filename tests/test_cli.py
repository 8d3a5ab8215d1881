"""The command as people and programs use it."""

from __future__ import annotations

import hashlib
import json
import os
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
from medzip.archive import Summary, inspect, restore
from medzip.bench.phantom import ct_volume
from medzip.cli import app, main
from medzip.cli.console import show_error
from medzip.cli.options import PROFILE_COSTS
from medzip.dicom.reasons import REASONS
from medzip.errors import ArchiveError, SourceError
from medzip.profile import PROFILES
from medzip.report import rows_from, write_report_rows
from medzip.testing.archives import archive_here, same
from medzip.testing.series import SECRET, write_series, write_tree
from medzip.units import size_text

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


@pytest.mark.skipif(os.name != "posix", reason="shells close streams there")
def test_streams_may_be_closed(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "note").write_text("text")
    command = (
        f"exec '{sys.executable}' -c 'from medzip.cli import main; main()' \"$@\" <&- >&- 2>&-"
    )
    arguments = ["sh", "compress", "source", "archive", "--profile", "fast", "--workers", "1"]
    subprocess.run(
        ["sh", "-c", command, *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)])},
        check=True,
    )
    assert len(list((tmp_path / "archive" / "objects").glob("*.zip"))) == 1


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


def test_every_file_with_storage_and_reason(archive: Path) -> None:
    code, out, _ = run("inspect", archive, "--files", "--json")
    files = {file["path"]: file for file in json.loads(out)["files"]}
    assert code == 0
    assert files["one.dcm"]["storage"] == "coded"
    assert files["one.dcm"]["reason"] == ""
    assert files["empty file"]["storage"] == "whole"
    assert files["empty file"]["reason"] == "empty"
    assert {file["storage"] for file in files.values()} == {"coded", "whole", "copy"}
    code, out, _ = run("inspect", archive, "--files")
    assert code == 0
    assert all(path.isprintable() == (path in out) for path in files)
    assert f"empty: {REASONS['empty']}" in out


def test_restore_one_series(archive: Path, tmp_path: Path) -> None:
    code, out, _ = run("restore", archive, tmp_path / "out", "--series", "1.2.4", "--json")
    assert (code, json.loads(out)["files"]) == (0, 3)
    two = ["--series", "1.2.4", "--series", "1.2.5"]
    code, out, _ = run("restore", archive, tmp_path / "two", *two, "--json")
    assert (code, json.loads(out)["files"]) == (0, 4)
    key = next(record.key for record in inspect(archive) if record.voxels)
    code, out, _ = run("restore", archive, tmp_path / "three", "--series", key[:6])
    assert code == 0
    with pytest.raises(ArchiveError, match="of which 6 digits do"):
        restore(archive, tmp_path / "four", [key[:5]])


def break_a_slab(archive: Path) -> str:
    """Flip a bit in a slab of an object of several files; gives its key."""
    record = next(one for one in inspect(archive) if one.voxels and one.files > 2)
    path = archive / "objects" / f"{record.key}.zip"
    data = bytearray(path.read_bytes())
    at = data.find(b"volumes/0/c/0/0/0") + len("volumes/0/c/0/0/0") + 150
    data[at] ^= 1
    path.write_bytes(data)
    return record.key


def test_what_is_recorded_is_not_called_proven(archive: Path) -> None:
    break_a_slab(archive)
    code, out, _ = run("inspect", archive)
    assert code == 0
    assert "recorded, not checked: `medzip verify` checks every byte" in out
    assert "proven" not in out
    told = json.loads(run("inspect", archive, "--json")[1])
    assert {record["verdict"] for record in told["objects"]} == {"recorded"}
    assert not told["checked"]
    assert run("report", archive)[0] == 0
    page = archive.with_name("archive.html").read_text()
    assert "nothing of them was checked" in page
    assert "comes back byte for byte" not in page
    assert run("verify", archive, "--workers", 1)[0] == 1


@pytest.mark.parametrize("command", ["restore", "verify"])
def test_a_damaged_object_is_one_line_and_each_lost_file_another(
    command: str, archive: Path, tmp_path: Path
) -> None:
    key = break_a_slab(archive)
    places = [archive, tmp_path / "out"] if command == "restore" else [archive]
    code, _, err = run(command, *places, "--workers", 1)
    assert code == 1
    lines = [line for line in err.splitlines() if line.startswith(key[:12])]
    lost = [line.partition("does not come back: ")[2] for line in lines[1:]]
    assert f": {command}: " in lines[0]
    assert len(lines) == len(set(lines)) > 2
    assert all((tmp_path / "source" / path).is_file() for path in lost)
    assert err.splitlines()[-1] == f"1 failed, {len(lost)} files lost"
    if command == "restore":
        files = [p for p in (tmp_path / "source").rglob("*") if p.is_file()]
        paths = [str(path.relative_to(tmp_path / "source")) for path in files]
        assert {path for path in paths if not (tmp_path / "out" / path).exists()} == set(lost)
        places[1] = tmp_path / "again"
    told = run(command, *places, "--workers", 1, "--json")[1]
    digests = {
        hashlib.sha256((tmp_path / "source" / path).read_bytes()).hexdigest() for path in lost
    }
    assert {(one["name"], one["sha256"]) for one in json.loads(told)["lost"]} == {
        (key[:12], digest) for digest in digests
    }
    assert [one["name"] for one in json.loads(told)["failures"]] == [key[:12]]
    assert not any(path in told for path in lost)


def test_names_of_files_do_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show_error("a\x1b[2Jb\nc\udcff d é")
    assert capsys.readouterr().err == "a\\x1b[2Jb\\nc\\udcff d é\n"


def test_sizes_are_for_people_and_bytes_for_programs(archive: Path, tmp_path: Path) -> None:
    counts = (0, 999, 1000, 1290, 99_950, 999_499, 999_500, 1_294_000_000, 5 * 10**12, 2 * 10**18)
    texts = ("0 B", "999 B", "1.00 kB", "1.29 kB", "100 kB", "999 kB", "1.00 MB")
    assert tuple(map(size_text, counts)) == (*texts, "1.29 GB", "5.00 TB", "2,000 PB")
    assert size_text(-1290) == "-1.29 kB"
    raw = sum(record.raw_bytes for record in inspect(archive))
    assert size_text(raw) in run("inspect", archive)[1]
    assert size_text(raw) in run("restore", archive, tmp_path / "out", "--workers", "1")[1]
    assert (
        sum(one["raw_bytes"] for one in json.loads(run("inspect", archive, "--json")[1])["objects"])
        == raw
    )


def test_costs_of_profiles_are_those_that_were_measured() -> None:
    measured = json.loads((ROOT / "benchmarks/results/eval.json").read_text())["measurements"]
    # of the study and the scanner of a training volume
    ours = [one for one in measured if one["slab"] != "head-phantom-ct-1mm"]
    rival = {one["slab"]: one["encoded_bytes"] for one in ours if one["codec"] == "jpeg-xl-7"}
    back = []
    for name in PROFILES:
        rows = [one for one in ours if one["codec"] == f"medzip-{name}"]
        raw = sum(one["raw_bytes"] for one in rows) / 1e6
        speed = raw / sum(one["fit_ns"] + one["encode_ns"] for one in rows) * 1e9
        gain = 100 * (1 - np.mean([one["encoded_bytes"] / rival[one["slab"]] for one in rows]))
        assert f"{name} {speed:.2g} MB, {gain:.1f} %" in PROFILE_COSTS
        back.append(f"{raw / sum(one['decode_ns'] for one in rows) * 1e9:.2g}")
    assert "restores {}, {} and {} MB".format(*back) in PROFILE_COSTS
    assert len(rival) == 6


def test_no_command_has_a_hidden_parameter() -> None:
    for one in (app, flow_app):
        command = typer.main.get_command(one)
        for words in paths_of(command):
            found: Any = command
            for word in words:
                found = found.commands[word]
            assert not [part.name for part in found.params if getattr(part, "hidden", False)]


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
