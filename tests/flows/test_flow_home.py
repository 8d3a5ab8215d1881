"""Prefect has a folder for its database whoever runs a flow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from medzip_flows.home import VARIABLE, prepare_home


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.setenv("HOME", "/proc/self/nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    tmp_path.chmod(0o700)


def test_a_home_that_can_be_written_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    prepare_home()
    assert os.environ[VARIABLE] == ""
    monkeypatch.setenv("HOME", "/proc/self/nowhere")
    monkeypatch.setenv(VARIABLE, "/set/already")
    prepare_home()
    assert os.environ[VARIABLE] == "/set/already"


def test_without_one_it_is_a_private_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare_home()
    folder = Path(os.environ[VARIABLE])
    assert folder.parent == tmp_path
    assert (folder.stat().st_uid, folder.stat().st_mode & 0o777) == (os.geteuid(), 0o700)
    (line,) = capsys.readouterr().err.splitlines()
    assert str(folder) in line
    assert line.endswith(f"set {VARIABLE} to another folder")
    os.environ[VARIABLE] = ""
    prepare_home()
    assert os.environ[VARIABLE] == str(folder)


def test_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"medzip-prefect-{os.geteuid()}").mkdir()
    (tmp_path / f"medzip-prefect-{os.geteuid()}").chmod(0o777)
    with pytest.raises(OSError, match="somebody else's"):
        prepare_home()
