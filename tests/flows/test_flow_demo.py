"""The demo: what it compares, and the whole of it on a small folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from medzip_flows.demo import differences, main


def tree(root: Path) -> Path:
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "one").write_bytes(b"1")
    (root / "a" / "b" / "two").write_bytes(b"22")
    (root / "link").symlink_to("a/one")
    return root


def names(left: Path, right: Path) -> list[str]:
    return [Path(path).name for path in differences(left, right)]


def test_equal_trees_do_not_differ(tmp_path: Path) -> None:
    assert names(tree(tmp_path / "x"), tree(tmp_path / "y")) == []


def test_every_difference_is_found(tmp_path: Path) -> None:
    left, right = tree(tmp_path / "x"), tree(tmp_path / "y")
    (right / "a" / "one").write_bytes(b"2")
    (right / "link").unlink()
    (right / "link").symlink_to("a/b/two")
    (right / "a" / "b" / "two").unlink()
    (right / "a" / "b" / "two").mkdir()
    (right / "new").touch()
    assert names(left, right) == ["two", "one", "link", "new"]


def test_a_folder_that_is_not_of_a_demo_is_left_alone(tmp_path: Path) -> None:
    tree(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main([str(tmp_path)])
    assert caught.value.code == 2
    assert (tmp_path / "a" / "one").exists()


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
