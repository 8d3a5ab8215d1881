"""Someone who can write neither home nor package nor cache compresses, verifies and restores."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medzip.testing.archives import same
from medzip.testing.series import write_series

from .nobody import NOBODY, Place, needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_root

COMMAND = "import sys; from medzip.cli import main; sys.argv[0] = 'medzip'; main()"

KERNELS = """
import json, sys
import numpy as np
from medzip.compiled.kept import COUNTS
from medzip.dicom.jpeg_lossless import ScanHeader, decode_segment, encode_segment
symbols = bytes([3, 4, 0, 1, 2, *range(5, 17)])
header = ScanHeader(5, 7, 16, 1, 0, bytes([0, 2, 0, 0, 0, 15, *([0] * 10)]), symbols)
samples = np.arange(35, dtype=np.uint16).reshape(5, 7)
assert (decode_segment(encode_segment(samples, header, 1), header, 5) == samples).all()
print(json.dumps([COUNTS.loaded, COUNTS.compiled, COUNTS.kept]))
"""


@pytest.fixture
def place() -> Iterator[Place]:
    """Not in a folder of pytest's, which nobody but its user may enter."""
    with tempfile.TemporaryDirectory(prefix="medzip-") as folder:
        os.chmod(folder, 0o755)
        yield Place(Path(folder)).make()


def counts(place: Place, user: int | None = NOBODY) -> tuple[tuple[int, ...], str]:
    """Kernels that were loaded, compiled and kept by a process, and what it told."""
    done = place.run(KERNELS, user=user)
    return tuple(json.loads(done.stdout)), done.stderr


def test_nobody_compresses_verifies_and_restores(place: Place) -> None:
    source, archive, out = (place.folder / "own" / name for name in ("source", "archive", "out"))
    write_series(source)
    done = place.run(COMMAND, "compress", source, archive, "--workers", 2, "--profile", "fast")
    (line,) = done.stderr.splitlines()
    kept = next(path for path in place.scratch.glob("medzip-*") if any(path.iterdir()))
    assert line.startswith("medzip: compiling its kernels, which takes about")
    assert line.endswith(f"kept in {kept}")
    status = kept.lstat()
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (NOBODY, 0o700)
    assert kept.name.endswith(f"-{NOBODY}")
    files = {path.name: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert len(files) > 10
    assert all(name.endswith(".kernel") for name in files)
    assert not place.run(COMMAND, "verify", archive, "--workers", 2).stderr
    assert not place.run(COMMAND, "restore", archive, out, "--workers", 1).stderr
    same(source, out)
    assert {path.name: path.stat().st_mtime_ns for path in kept.iterdir()} == files


def test_a_folder_of_somebody_else_is_not_used(place: Place) -> None:
    assert counts(place) == ((0, 3, 3), "")
    assert counts(place) == ((2, 0, 0), "")  # what one kernel inlines of another is in it
    (kept,) = place.scratch.glob("medzip-*")
    files = list(kept.iterdir())
    for path in files:  # planted in the right folder
        os.chown(path, 1, 1)
    assert counts(place) == ((0, 3, 3), "")
    kept.chmod(0o770)
    found, told = counts(place)
    assert found == (0, 3, 0)
    kept.chmod(0o700)
    os.chown(kept, 1, 1)
    assert counts(place)[0] == (0, 3, 0)
    (line,) = [line for line in told.splitlines() if "RuntimeWarning" in line]
    assert "about half a minute" in line
    assert f"{kept}: somebody else's, or open to others" in line
    assert line.endswith("set NUMBA_CACHE_DIR to a folder that may be written")


def test_a_temporary_directory_that_others_can_rename_in_is_not_used(place: Place) -> None:
    place.scratch.chmod(0o777)
    found, told = counts(place)
    assert found == (0, 3, 0)
    assert "others can rename what lies in it" in told


def test_kernels_of_a_read_only_installation_are_used(place: Place) -> None:
    """As an image has them that ran once when it was built."""
    (place.folder / "closed").rmdir()
    (place.folder / "closed").symlink_to("/proc/self/nowhere")
    place.package.joinpath("__pycache__").mkdir()
    assert counts(place, user=None) == ((0, 3, 3), "")
    assert counts(place) == ((2, 0, 0), "")


def test_where_nothing_can_be_written_each_process_compiles(place: Place) -> None:
    done = place.run(KERNELS, read_only=True)
    assert json.loads(done.stdout) == [0, 3, 0]
    (line,) = [line for line in done.stderr.splitlines() if "RuntimeWarning" in line]
    assert "each process compiles them anew, which takes about half a minute" in line
    assert line.endswith("set NUMBA_CACHE_DIR to a folder that may be written")


@pytest.mark.slow
def test_nobody_compresses_where_nothing_else_can_be_written(place: Place) -> None:
    """No server of forks either, as its socket needs a temporary directory."""
    source, archive, out = (place.folder / "own" / name for name in ("source", "archive", "out"))
    write_series(source)
    options = ("--workers", 2, "--profile", "fast")
    place.run(COMMAND, "compress", source, archive, *options, read_only=True)
    done = place.run(COMMAND, "restore", archive, out, "--workers", 1, read_only=True)
    (line,) = done.stderr.splitlines()
    assert line.startswith("medzip: compiling its kernels, which takes about")
    assert "as every command will" in line
    assert line.endswith("set NUMBA_CACHE_DIR to one that may be written")
    same(source, out)
