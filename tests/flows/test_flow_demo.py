"""The demo on a small folder; any other folder is left alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from medzip_flows.demo import main

if TYPE_CHECKING:
    from pathlib import Path


def test_a_folder_that_is_not_of_a_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("not of a demo")
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path)])
    assert caught.value.code == 2
    assert (tmp_path / "mine").exists()


@pytest.mark.slow
def test_demo_of_a_folder(
    home: Path,
    cohort: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MEDZIP_DEMO_SOURCE", str(cohort))
    for _ in range(2):  # the second removes what the first left
        assert main([str(tmp_path / "demo"), "--profile", "fast"]) == 0
    assert "every file is the same" in capsys.readouterr().out
    assert (tmp_path / "demo" / "report" / "report.html").exists()
