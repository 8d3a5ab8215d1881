"""Whatever happens to what is kept, a kernel runs."""

from __future__ import annotations

import errno
import os
import warnings
from contextlib import suppress
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any

import numba
import pytest
from numba.core.caching import FunctionCache

import medzip.compiled
from medzip.compiled import compiled_by_source, kept, places, source_digest
from medzip.compiled.kept import COUNTS, KeptKernel
from medzip.compiled.places import Place, Places, find_places

if TYPE_CHECKING:
    from pathlib import Path


def test_compiled_kernels_follow_their_sources(tmp_path: Path) -> None:
    """One changed line anywhere in the codec gives the cache another name."""
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text("x = 1\n")
    first = source_digest(tmp_path), source_digest(tmp_path / "b.py")
    assert (source_digest(tmp_path), source_digest(tmp_path / "b.py")) == first
    (tmp_path / "b.py").write_text("x = 2\n")
    assert source_digest(tmp_path) != first[0]
    assert source_digest(tmp_path / "b.py") != first[1]


def plus(x: int, y: int) -> int:
    return x + y


def dispatcher(where: Places) -> Any:
    """A kernel that knows nothing yet, as in a fresh process."""
    made = numba.njit(plus)
    made._cache = KeptKernel(plus, where)
    return made


def counted(where: Places) -> tuple[int, int, int]:
    """Kernels loaded, compiled and kept by one call."""
    before = COUNTS.loaded, COUNTS.compiled, COUNTS.kept
    assert dispatcher(where)(2, 3) == 5
    now = COUNTS.loaded, COUNTS.compiled, COUNTS.kept
    return (now[0] - before[0], now[1] - before[1], now[2] - before[2])


def of(folder: Path, private: bool = False) -> Places:
    folder.mkdir(exist_ok=True)
    place = Place(folder, private)
    return Places((place,), place, ())


@pytest.mark.parametrize("private", [False, True])
def test_a_kernel_is_compiled_once(tmp_path: Path, private: bool) -> None:
    where = of(tmp_path / "kept", private)
    assert counted(where) == (0, 1, 1)
    assert counted(where) == (1, 0, 0)
    assert dispatcher(where)(2.5, 3.0) == 5.5  # another signature is another file
    assert len(list((tmp_path / "kept").iterdir())) == 2
    assert counted(where) == (1, 0, 0)


def test_another_compiler_and_another_python_keep_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = of(tmp_path)
    assert counted(where) == (0, 1, 1)
    for module, value in ((kept.numba, "0.0"), (kept.llvmlite, "0.0")):
        with monkeypatch.context() as patch:
            patch.setattr(module, "__version__", value)
            assert counted(where) == (0, 1, 1)


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "no pickle", "other", "folder"])
def test_what_is_damaged_is_compiled_anew(tmp_path: Path, damage: str) -> None:
    where = of(tmp_path)
    counted(where)
    (path,) = tmp_path.iterdir()
    data = bytearray(path.read_bytes())
    if damage == "folder":
        path.unlink()
        path.mkdir()
        assert counted(where) == (0, 1, 0)
        return
    if damage == "cut":
        data = data[:-1]
    elif damage == "empty":
        data = bytearray()
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
    elif damage == "no pickle":
        data = bytearray(kept.hashlib.sha256(b"no").digest() + b"no")
    else:  # of another signature
        made = dispatcher(of(tmp_path / "other"))
        made(2.5, 3.0)
        (other,) = (tmp_path / "other").iterdir()
        data = bytearray(other.read_bytes())
    path.write_bytes(data)
    assert counted(where) == (0, 1, 1)
    assert counted(where) == (1, 0, 0)


def test_a_full_disk_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    where = of(tmp_path)

    def full(*paths: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(kept.os, "replace", full)
    assert counted(where) == (0, 1, 0)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    where.read[0].folder.rmdir()  # whoever cleans up
    assert counted(where) == (0, 1, 0)


def test_files_of_others_do_not_count_where_others_may_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = of(tmp_path, private=True)
    counted(where)
    (path,) = tmp_path.iterdir()
    path.chmod(0o666)
    assert counted(where) == (0, 1, 1)
    monkeypatch.setattr(places.os, "geteuid", lambda: 12345)
    assert counted(where)[0] == 0
    assert counted(of(tmp_path)) == (1, 0, 0)


def test_kernels_of_other_functions_are_refused(tmp_path: Path) -> None:
    captured = 3

    def closure(x: int) -> int:
        return x + captured

    with pytest.raises(TypeError, match="top of its module"):
        KeptKernel(closure, of(tmp_path))


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No folder but those that a test makes."""
    monkeypatch.setattr(places, "_PACKAGE", tmp_path / "none" / "package")
    (tmp_path / "none").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    monkeypatch.setattr(places.tempfile, "gettempdir", lambda: str(tmp_path / "none"))
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def test_places_in_their_order(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = find_places("name")
    assert (found.read, found.written, len(found.refused)) == ((), None, 3)
    temporary = bare / "temporary"
    temporary.mkdir(mode=0o700)
    monkeypatch.setattr(places.tempfile, "gettempdir", lambda: str(temporary))
    found = find_places("name")
    assert found.written == Place(temporary / f"name-{os.geteuid()}", private=True)
    assert found.written.folder.stat().st_mode & 0o777 == 0o700
    monkeypatch.setenv("HOME", str(bare / "home"))
    assert find_places("name").written == Place(bare / "home/.cache/medzip/name", private=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(bare / "cache"))
    assert find_places("name").written == Place(bare / "cache/medzip/name", private=True)
    monkeypatch.setattr(places, "_PACKAGE", bare / "package")
    beside = Place(bare / "package/__pycache__/name", private=False)
    assert find_places("name").written == beside
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(bare / "asked"))
    assert find_places("name") == Places(
        (Place(bare / "asked/name", private=False),), Place(bare / "asked/name", False), ()
    )
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(bare / "none"))
    found = find_places("name")
    assert found.written == beside
    assert found.told.startswith(f"{bare / 'none' / 'name'}: ")


@pytest.mark.parametrize("kind", ["link", "file", "open"])
def test_what_is_not_a_folder_of_ones_own_is_refused(bare: Path, kind: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        (bare / "temporary").mkdir(mode=0o700)
        patch.setattr(places.tempfile, "gettempdir", lambda: str(bare / "temporary"))
        path = bare / "temporary" / f"name-{os.geteuid()}"
        if kind == "link":
            (bare / "elsewhere").mkdir()
            path.symlink_to(bare / "elsewhere")
        elif kind == "file":
            path.touch()
        else:
            path.mkdir()
            path.chmod(0o777)
        assert find_places("name").written is None


def test_a_warning_says_once_what_it_costs(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MEDZIP_TELL_COMPILING", raising=False)
    medzip.compiled.places_of.cache_clear()
    try:
        with pytest.warns(RuntimeWarning, match="about half a minute of a core; set NUMBA_CACHE_"):
            medzip.compiled.places_of(bare)
        with warnings.catch_warnings(action="error"):
            medzip.compiled.places_of(bare)
    finally:
        medzip.compiled.places_of.cache_clear()


def test_others_in_the_process_keep_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that defines kernels changes nothing for another that does so meanwhile."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    inside, outside = Barrier(2), Barrier(2)
    found: dict[str, Any] = {}

    def ours() -> None:
        with compiled_by_source(tmp_path):
            inside.wait(20)
            found["ours"] = numba.njit(cache=True)(plus)._cache
            outside.wait(20)

    thread = Thread(target=ours)
    thread.start()
    inside.wait(20)
    with suppress(RuntimeError):  # where Numba finds no place
        found["theirs"] = numba.njit(cache=True)(plus)._cache
    outside.wait(20)
    thread.join()
    assert isinstance(found["ours"], KeptKernel)
    assert isinstance(found.get("theirs"), FunctionCache | None)
