"""Archives whose objects refer to models: self-contained, verified, smaller, whatever is killed."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zarr
from zarr.storage import ZipStore

from medzip import archive as steps
from medzip.archive import encoding, replacing
from medzip.archive import models as archive_models_module
from medzip.archive.describing import object_paths
from medzip.archive.layout import object_path
from medzip.archive.line import Step
from medzip.archive.models import keep_models, models_path, references_of
from medzip.archive.recompressing import Gate, Outcome, prepare, preparing
from medzip.archive.steps import FUNCTIONS
from medzip.errors import ArchiveError, ModelError, VerificationError
from medzip.models import NetworkModel, Registry, model_folders
from medzip.models.folders import VARIABLE
from medzip.models.shelf import known_network
from medzip.testing.archives import archive_here, objects, same
from medzip.testing.models import (
    changed_network,
    odd_volume,
    tuned_network,
    write_model,
    write_odd_series,
)
from medzip.testing.series import write_series

if TYPE_CHECKING:
    from medzip.codec.model import Model

ROOT = Path(__file__).parents[2]
SERIES = 3
OBJECTS = SERIES + 1
"""With voxels: those of odd noise, which pay for the model, and a small one."""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Series of a noise that another model is better for, one of another, and a text."""
    folder = tmp_path_factory.mktemp("source")
    for seed in range(SERIES):
        write_odd_series(folder / f"odd-{seed}", seed)
    write_series(folder / "smooth", "1.2.3")
    (folder / "note.txt").write_text("text")
    return folder


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    """A registry with a model that is better for that noise."""
    folder = tmp_path_factory.mktemp("registry")
    write_model(folder / "made", tuned_network(48))
    registry = Registry.at(folder / "models")
    registry.publish(folder / "made")
    return registry


@pytest.fixture(scope="module")
def plain(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of the sources, coded with a model that is bad for that noise."""
    archive = tmp_path_factory.mktemp("plain") / "archive"
    bad = NetworkModel(tuned_network(1500), None)
    real = encoding.fit_model

    def fit_model(volume: Any, profile: str, base: Model | None = None) -> Model:
        return bad if volume.shape[1] == 49 else real(volume, profile, base=base)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(encoding, "fit_model", fit_model)
        archive_here([source], archive)
    return archive


@pytest.fixture
def archive(plain: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(plain, tmp_path / "archive"))


@pytest.fixture
def provers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prove in this process: another one proves in earnest elsewhere, and takes seconds."""
    monkeypatch.setitem(FUNCTIONS, Step.PROVE, lambda sealed: steps.prove(replace(sealed, pid=-1)))


def size(archive: Path) -> int:
    return sum(len(data) for data in objects(archive).values())


def forget() -> None:
    known_network.cache_clear()
    from medzip.zarr_codec import _model

    _model.cache_clear()


@pytest.fixture(scope="module")
def once(plain: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive, recompressed once for the tests that only look."""
    archive = tmp_path_factory.mktemp("once") / "archive"
    shutil.copytree(plain, archive)
    with pytest.MonkeyPatch.context() as patched:
        patched.setitem(FUNCTIONS, Step.PROVE, lambda sealed: steps.prove(replace(sealed, pid=-1)))
        assert steps.recompress(archive, registry.root).replaced == OBJECTS
    return archive


@pytest.fixture
def recompressed(provers: None, once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once, tmp_path / "recompressed"))


def test_smaller_and_every_byte_comes_back(
    provers: None, source: Path, archive: Path, registry: Registry, tmp_path: Path
) -> None:
    before = size(archive)
    order = [path.name for path in object_paths(archive)]
    summary = steps.recompress(archive, registry.root)
    assert not summary.failures
    assert summary.replaced == OBJECTS
    # the index says sizes in digits, and those are fewer now
    saved = summary.before_bytes - summary.after_bytes
    assert 0 < saved <= before - size(archive) <= saved + 2 * SERIES
    assert [path.name for path in object_paths(archive)] == order, "newest stays newest"
    assert not (archive / "work").exists()
    verified = steps.verify(archive)
    assert verified.ok
    assert verified.models == 1
    forget()
    assert steps.restore(archive, tmp_path / "out").ok
    same(source, tmp_path / "out")


def test_again_changes_nothing(recompressed: Path, registry: Registry) -> None:
    before = objects(recompressed)
    summary = steps.recompress(recompressed, registry.root)
    assert summary.replaced == 0
    assert summary.model_bytes == 0
    for one in summary.objects:
        chosen = next(trial for trial in one.trials if trial.chosen)
        assert chosen.digest == registry.entries()[0].digest
        assert one.outcome is Outcome.KEPT
        assert one.reason == f"coded with the best model already ({chosen.name})"
    assert objects(recompressed) == before


def test_without_models_nothing_is_done(provers: None, archive: Path) -> None:
    before = objects(archive)
    summary = steps.recompress(archive)
    assert {one.reason for one in summary.objects} == {"no models are registered"}
    assert objects(archive) == before


def test_self_contained(recompressed: Path, registry: Registry, tmp_path: Path) -> None:
    """Away from its registry; verifying does not take a copy elsewhere for its own."""
    moved = Path(shutil.move(recompressed, tmp_path / "elsewhere"))
    (entry,) = Registry.at(models_path(moved)).entries()
    path = next(p for p in sorted((moved / "objects").glob("*.zip")) if references_of(p))
    assert references_of(path) == {entry.digest}
    forget()
    assert steps.verify(moved).ok
    shutil.rmtree(entry.path)
    forget()
    with model_folders(registry.root):
        failures = steps.verify(moved).failures
    assert len(failures) == OBJECTS
    assert all(f"expected model {entry.digest[:16]}" in f.message for f in failures)
    forget()
    failures = steps.restore(moved, tmp_path / "out").failures
    assert {failure.kind for failure in failures} == {"ModelError"}
    with model_folders(registry.root):
        assert keep_models(moved, [entry.digest], finished=True) == entry.size
    assert steps.verify(moved).ok


def test_every_file_of_a_model_is_verified(recompressed: Path) -> None:
    (entry,) = Registry.at(models_path(recompressed)).entries()
    for path in sorted(p for p in entry.path.rglob("*") if p.is_file()):
        data = path.read_bytes()
        path.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        assert not steps.verify(recompressed).ok, path.name
        path.write_bytes(data)
    (models_path(recompressed) / "stray").touch()
    (failure,) = steps.verify(recompressed).failures
    assert "expected only published models" in failure.message


def test_zarr_reads_an_object_where_the_variable_names_the_models(
    recompressed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = max((recompressed / "objects").glob("*.zip"), key=lambda path: path.stat().st_size)
    assert references_of(path)
    forget()
    with ZipStore(path, mode="r") as store, pytest.raises(ModelError, match=VARIABLE):
        zarr.open_group(store, mode="r")["volumes/0"][:]
    monkeypatch.setenv(VARIABLE, str(models_path(recompressed)))
    with ZipStore(path, mode="r") as store:
        voxels = zarr.open_group(store, mode="r")["volumes/0"][:]
    seeds = range(SERIES)
    assert any((voxels == odd_volume(seed)).all() for seed in seeds)


def test_a_model_that_does_not_pay_is_not_taken(
    provers: None, archive: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = objects(archive)
    monkeypatch.setattr(Gate, "_cost", lambda gate, models: 10**6 if models else 0)
    summary = steps.recompress(archive, registry.root)
    assert summary.replaced == 0
    assert sum("its model takes 1.00 MB" in one.reason for one in summary.objects) == OBJECTS
    assert objects(archive) == before


def test_never_larger(recompressed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sample may promise too much; the object itself decides."""
    worse = Registry.at(recompressed.parent / "worse")
    write_model(recompressed.parent / "made", changed_network(400))
    worse.publish(recompressed.parent / "made")
    monkeypatch.setattr(preparing, "worth_fitting", lambda staged, trials: "")
    monkeypatch.setattr(preparing, "worth_coding", lambda staged: "")
    before = objects(recompressed)
    summary = steps.recompress(recompressed, worse.root)
    assert summary.replaced == 0
    assert all(one.reason.endswith("B with the new models") for one in summary.objects)
    assert objects(recompressed) == before


def test_a_failure_leaves_the_object_and_the_others_go_on(
    provers: None, archive: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = max(archive.glob("objects/*.zip"), key=lambda path: path.stat().st_size)
    data = victim.read_bytes()
    real = steps.seal

    def seal(staged: steps.Staged) -> steps.Sealed:
        if staged.key == victim.stem:
            raise OSError(5, "Input/output error")
        return real(staged)

    monkeypatch.setitem(FUNCTIONS, Step.SEAL, seal)
    summary = steps.recompress(archive, registry.root)
    (failure,) = summary.failures
    assert (failure.name, failure.kind) == (victim.stem[:12], "OSError:EIO")
    assert summary.replaced == OBJECTS - 1
    assert victim.read_bytes() == data
    assert steps.verify(archive).ok


def test_a_broken_object_is_not_replaced(provers: None, archive: Path, registry: Registry) -> None:
    victim = max(archive.glob("objects/*.zip"), key=lambda path: path.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    summary = steps.recompress(archive, registry.root)
    assert {f.kind for f in summary.failures} == {"VerificationError"}
    assert victim.read_bytes() == data


def test_only_proven_and_smaller_objects_replace(archive: Path) -> None:
    path = max(archive.glob("objects/*.zip"), key=lambda path: path.stat().st_size)
    (record,) = (r for r in steps.inspect(archive) if r.key == path.stem)
    ref, size = steps.ObjectRef(str(archive), path.stem, "fast"), path.stat().st_size
    proof = steps.Proof(ref, str(path), "0" * 64, size, 1, record.files, 0.0, (), record)
    for other in (replace(proof, pid=0), replace(proof, files=record.files - 1)):
        with pytest.raises(VerificationError, match="expected a proof"):
            replacing.replace_object(other)
    with pytest.raises(ArchiveError, match="the old object stays"):
        replacing.replace_object(proof)


class KilledError(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.mark.parametrize("point", ["keep_models", "write_atomic", "replace", "flush", "index"])
def test_killed_while_replacing(
    provers: None,
    source: Path,
    archive: Path,
    plain: Path,
    registry: Registry,
    point: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At every point the archive verifies and restores; the next writer ends what was begun."""

    def kill(*arguments: object, **named: object) -> None:
        raise KilledError

    real = replacing.write_atomic

    def kill_at_digest(path: Path, data: bytes) -> None:
        if path.name.endswith(".sha256"):
            raise KilledError
        real(path, data)

    with monkeypatch.context() as patched:
        target, name, stand_in = {
            "keep_models": (archive_models_module, "keep_models", kill),
            "write_atomic": (replacing, "write_atomic", kill_at_digest),
            "replace": (replacing.os, "replace", kill_renames(archive)),
            "flush": (replacing, "flush", kill),
            "index": (replacing, "write_index", kill),
        }[point]
        patched.setattr(target, name, stand_in)
        with pytest.raises(KilledError):
            steps.recompress(archive, registry.root)
    verified = steps.verify(archive)
    assert verified.ok, verified.failures
    assert verified.unfinished >= 1
    assert steps.restore(archive, tmp_path / "between").ok
    same(source, tmp_path / "between")
    with steps.archive_lock(archive):
        assert not replacing.pending(archive)
    assert steps.verify(archive).ok
    steps.recompress(archive, registry.root)
    assert size(archive) < size(plain)
    assert steps.verify(archive).ok
    assert steps.restore(archive, tmp_path / "after").ok
    same(source, tmp_path / "after")


def kill_renames(archive: Path):
    """Renames that die when an object would get its name."""
    real = os.replace

    def rename(old: Path, new: Path) -> None:
        if Path(new).suffix == ".zip":
            raise KilledError
        real(old, new)

    return rename


def test_compress_chooses_a_model_and_takes_it_along(
    source: Path, registry: Registry, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    inventory = steps.scan([source / "odd-0"])
    with steps.archive_lock(archive):
        (plan,) = inventory.plans
        staged = steps.stage(plan, archive, "fast")
        fitted = steps.fit(staged, registry.root)
        assert steps.fit(staged, registry.root) == fitted, "found there by a second run"
        for volume, slab in staged.slab_indices:
            steps.encode(staged, volume, slab)
        assert not models_path(archive).exists(), "not before an object needs it"
        record = steps.commit(steps.prove(replace(steps.seal(staged), pid=-1))).record
        steps.publish(archive, [record])
    assert [(t.name, t.chosen) for t in record.trials] == [
        ("fast", False),
        (registry.entries()[0].name, True),
    ]
    assert "% more bytes than model-" in record.trials[0].reason
    assert steps.verify(archive).models == 1
    assert steps.already_proven(plan, archive) is not None
    # what the archive has is offered to whatever comes later, without any registry
    inventory = steps.scan([source / "odd-1"])
    with steps.archive_lock(archive):
        staged = steps.stage(inventory.plans[0], archive, "fast")
        assert steps.fit(staged).offered == (registry.entries()[0].digest,)
        steps.discard(archive, inventory.plans[0].key)


def test_preparing_is_taken_up_where_it_was(
    archive: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = max(archive.glob("objects/*.zip"), key=lambda path: path.stat().st_size).stem
    with steps.archive_lock(archive):
        first = prepare(archive, key, registry.root)

        def again(*arguments: object, **named: object) -> None:
            raise AssertionError("done before")

        monkeypatch.setattr("medzip.archive.encoding.fit_model", again)
        monkeypatch.setattr("medzip.archive.encoding.choose_model", again)
        monkeypatch.setattr("medzip.archive.unpacking._unpack_volume", again)
        second = prepare(archive, key, registry.root)
    assert (second.staged, second.fitted) == (first.staged, first.fitted)


POINTS = [
    "work/*/stage.json",
    "work/*/models/fit.json",
    "work/*/replace.json",
    "models/*/SHA256SUMS",
]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_with_sigkill(
    source: Path, archive: Path, registry: Registry, tmp_path: Path
) -> None:
    code = "from medzip.cli import main; main()"
    command = [sys.executable, "-c", code, "recompress", str(archive), "--workers", "2"]
    command += ["--models", str(registry.root)]
    killed = 0
    for pattern in POINTS:
        there = set(archive.glob(pattern))
        with subprocess.Popen(command, cwd=ROOT, start_new_session=True) as process:
            while process.poll() is None:
                if set(archive.glob(pattern)) - there:
                    os.killpg(process.pid, signal.SIGKILL)
                    killed += 1
                    break
                time.sleep(0.001)
        verified = steps.verify(archive)
        assert verified.ok, (pattern, verified.failures)
    assert killed >= 2
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == 0
    digests = {p.stem: hashlib.sha256(p.read_bytes()) for p in archive.glob("objects/*.zip")}
    assert sum(bool(references_of(object_path(archive, key))) for key in digests) == OBJECTS
    assert steps.verify(archive).ok
    assert steps.restore(archive, tmp_path / "out").ok
    same(source, tmp_path / "out")
