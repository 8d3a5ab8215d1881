"""What differs between two folders."""

from __future__ import annotations

from pathlib import Path

from medzip.bench.trees import differences


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
