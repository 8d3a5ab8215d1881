"""Broken bytes of one object are that object's failure: no traceback, and the others go on."""

from __future__ import annotations

import random
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from medzip import archive as steps
from medzip.archive import workers
from medzip.archive.container import MANIFEST, slab_name, volume_metadata
from medzip.archive.reader import ObjectReader
from medzip.cli import app
from medzip.testing.archives import archive_here, same
from medzip.testing.series import volume, write_slice

if TYPE_CHECKING:
    from pathlib import Path

PLACES = 6
ONLY_ZARR_READS = {name + "zarr.json" for name in ("", "envelope/", "manifest/", "volumes/")}
runner = CliRunner()


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, str]:
    """Archive of two series, and the key of the one in folder "bad"."""
    for name, uid in (("bad", "1.2.3"), ("good", "1.2.4")):
        for z, pixels in enumerate(volume((2, 12, 16), len(uid + name))):
            path = tmp_path / "source" / name / f"{z}.dcm"
            write_slice(path, pixels, series=uid, position=(0, 0, z))
    archive_here([tmp_path / "source"], tmp_path / "archive")
    plans = steps.scan([tmp_path / "source"]).plans
    (key,) = [plan.key for plan in plans if plan.files[0].series_uid == "1.2.3"]
    return tmp_path / "archive", key


def extents(path: Path) -> dict[str, tuple[int, int]]:
    """First byte and length of what each entry stores, and of the directory behind all of them."""
    with zipfile.ZipFile(path) as file:
        infos = file.infolist()
        begin = file.start_dir
    data = path.read_bytes()
    found = {"directory": (begin, len(data) - begin)}
    for info in infos:
        at = info.header_offset
        lengths = (int.from_bytes(data[at + n : at + n + 2], "little") for n in (26, 28))
        found[info.filename] = (at + 30 + sum(lengths), info.compress_size)
    return found


def test_a_flipped_byte_anywhere_in_one_of_two_objects(
    two: tuple[Path, str], tmp_path: Path
) -> None:
    archive, key = two
    path = archive / "objects" / f"{key}.zip"
    original = path.read_bytes()
    generator = random.Random(1)
    for name, (first, length) in extents(path).items():
        places = range(first, first + length)
        codes = set()
        for number, at in enumerate(generator.sample(places, min(length, PLACES))):
            broken = bytearray(original)
            broken[at] ^= generator.randrange(1, 256)
            path.write_bytes(broken)
            dest = tmp_path / f"out-{name.replace('/', '-')}-{number}"
            where = f"byte {at} in {name}"
            done = runner.invoke(
                app, ["restore", str(archive), str(dest), "--workers", "1"], catch_exceptions=False
            )
            assert done.exit_code in (0, 1), where
            codes.add(done.exit_code)
            same(tmp_path / "source" / "good", dest / "good")
            if done.exit_code == 0:
                same(tmp_path / "source", dest)
            else:
                assert "1 failed" in done.stderr or "2 failed" in done.stderr, where
            done = runner.invoke(app, ["inspect", str(archive)], catch_exceptions=False)
            assert done.exit_code in (0, 1), where
            assert (key[:12] in done.stdout) == (done.exit_code == 0), where
            assert not steps.verify(archive).ok, where
        if name in ONLY_ZARR_READS:
            assert codes == {0}, name
        else:  # 0 where the byte says nothing about the content: times, padding of deflate
            assert 1 in codes, name
    path.write_bytes(original)
    assert steps.verify(archive).ok


@pytest.mark.parametrize("name", [MANIFEST, volume_metadata(0), slab_name(0, 0)])
def test_what_inspect_reads(name: str, two: tuple[Path, str]) -> None:
    archive, key = two
    path = archive / "objects" / f"{key}.zip"
    first, length = extents(path)[name]
    data = bytearray(path.read_bytes())
    data[first + length // 2] ^= 0x55
    path.write_bytes(data)
    failures: list[steps.Failure] = []
    records = steps.inspect(archive, failures.append)
    broken = name != slab_name(0, 0)  # nothing is decoded
    assert (len(records), len(failures)) == ((1, 1) if broken else (2, 0))
    if broken:
        assert failures[0].name == key[:12]
        with pytest.raises(Exception, match="expected"):
            steps.inspect(archive)


def test_whatever_one_object_raises(
    two: tuple[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, key = two
    read = ObjectReader._read

    for error in (MemoryError("huge"), ZeroDivisionError("x"), OverflowError(), RecursionError()):

        def fail(self: Any, name: str, error: Exception = error) -> bytes:
            if self.path.stem == key and name != MANIFEST:
                raise error
            return read(self, name)

        with monkeypatch.context() as patch:
            patch.setattr(ObjectReader, "_read", fail)
            dest = tmp_path / type(error).__name__
            restored = steps.restore(archive, dest)
            assert {failure.name for failure in restored.failures} == {key[:12]}
            assert all("expected" in failure.message for failure in restored.failures)
            same(tmp_path / "source" / "good", dest / "good")


def test_a_call_that_fails_or_dies_leaves_the_others() -> None:
    """The calls are of Python itself: a worker has nothing of the tests to import."""
    alone = dict(workers.fan_out(divmod, [(1, 0), (12, 2)], 1))
    assert isinstance(alone[0], ZeroDivisionError)
    assert alone[1] == (6, 0)
    calls = ["1 // 0", "12 // 2", "__import__('os')._exit(9)", "12 // 4"]
    both = dict(workers.fan_out(eval, [(call,) for call in calls], 2))
    assert isinstance(both[0], ZeroDivisionError)
    assert isinstance(both[2], Exception)
    assert (both[1], both[3]) == (6, 3)
