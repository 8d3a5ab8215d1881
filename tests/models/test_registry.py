"""Publishing, looking up and refusing models."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import medzip
from medzip.errors import ModelError
from medzip.fitting import choose_model
from medzip.models import (
    NetworkModel,
    Registry,
    base_model,
    check_directory,
    model_folders,
    model_of,
    offered_models,
    reference_of,
    write_golden,
)
from medzip.models.folders import VARIABLE
from medzip.models.golden import golden_volume
from medzip.models.shelf import known_network, shipped_digests
from medzip.models.weights import read_network
from medzip.papers.codec.mlp import IntegerMLP
from medzip.papers.codec.model import SequenceModel, write_sequence_model
from medzip.testing.models import changed_network, odd_volume, write_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    write_model(tmp_path / "made", changed_network())
    return tmp_path / "made"


@pytest.fixture
def registry(tmp_path: Path, directory: Path) -> Registry:
    registry = Registry.at(tmp_path / "registry")
    registry.publish(directory)
    return registry


def forget() -> None:
    """Look models up anew: digests are remembered for the life of a process."""
    known_network.cache_clear()


def test_published_by_digest_with_all_its_files(registry: Registry, directory: Path) -> None:
    (entry,) = registry.entries()
    assert entry.digest == check_directory(directory).digest
    for path in directory.rglob("*"):
        if path.is_file():
            name = path.relative_to(directory)
            assert (entry.path / name).read_bytes() == path.read_bytes()
    assert registry.verify(entry.digest) == 1
    assert registry.strays() == ()
    sums = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    assert subprocess.run(sums, cwd=entry.path, check=False).returncode == 0


def test_publishing_again_changes_nothing(registry: Registry, directory: Path) -> None:
    before = registry.entries()
    assert registry.publish(directory) == before[0]
    assert registry.entries() == before


def test_a_directory_made_in_place_is_published_where_it_is(tmp_path: Path) -> None:
    digest = write_model(tmp_path / "made", changed_network())
    os.rename(tmp_path / "made", tmp_path / digest)
    registry = Registry.at(tmp_path)
    assert registry.entries() == ()
    assert registry.publish(tmp_path / digest).digest == digest
    assert registry.verify(digest) == 1


def test_pin_unpin_retire(tmp_path: Path, registry: Registry) -> None:
    (old,) = registry.entries()
    other = write_model(tmp_path / "other", changed_network(2))
    new = registry.publish(tmp_path / "other")
    os.utime(old.path / "SHA256SUMS", (1, 1))
    assert [e.digest for e in registry.offered()] == [other, old.digest]
    registry.pin(old.digest[:8])
    assert [e.digest for e in registry.offered()] == [old.digest, other]
    with pytest.raises(ModelError, match="unpin it first"):
        registry.retire(old.digest)
    registry.unpin(old.digest)
    registry.retire(old.digest)
    assert [e.digest for e in registry.offered()] == [other]
    assert [e.digest for e in registry.entries()] == [other, old.digest]
    with pytest.raises(ModelError, match="publish it again"):
        registry.pin(old.digest)
    assert registry.load(old.digest).base_digest == old.digest, "retired models still decode"
    assert registry.publish(tmp_path / "made").retired is False
    assert new.path.is_dir()


def test_one_registry_may_retire_what_another_offers(tmp_path: Path, registry: Registry) -> None:
    (entry,) = registry.entries()
    copy = Registry.at(shutil.copytree(registry.root, tmp_path / "copy"))
    assert [e.digest for e in offered_models([registry.root, copy.root])] == [entry.digest]
    copy.retire(entry.digest)
    assert offered_models([registry.root, copy.root]) == ()


@pytest.mark.parametrize("prefix", ["", "abcde", "zzzzzz", "../../etc"])
def test_a_name_that_is_none(registry: Registry, prefix: str) -> None:
    with pytest.raises(ModelError, match="medzip models list"):
        registry.entry(prefix)


def test_looked_up_in_folders_of_this_process(registry: Registry) -> None:
    (entry,) = registry.entries()
    forget()
    with pytest.raises(ModelError, match=VARIABLE):
        model_of(entry.digest)
    with model_folders(registry.root):
        model = model_of(entry.digest)
    assert len(model.to_bytes()) == 41
    assert reference_of(model.to_bytes()) == entry.digest
    assert model.name == f"model-{entry.digest[:8]}"
    whole = NetworkModel(model.network, None)
    assert reference_of(whole.to_bytes()) is None


def test_streams_decode_where_the_variable_names_the_folder(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    (entry,) = registry.entries()
    voxels = golden_volume()
    stream = medzip.encode(voxels, profile="fast", model=registry.load(entry.digest))
    forget()
    with pytest.raises(ModelError, match=VARIABLE):
        medzip.decode(stream)
    monkeypatch.setenv(VARIABLE, os.pathsep.join(["/nowhere", str(registry.root)]))
    assert np.array_equal(medzip.decode(stream), voxels)
    assert pickle.loads(pickle.dumps(model_of(entry.digest))) == model_of(entry.digest)


def test_a_model_of_another_digest_is_not_taken_for_this_one(
    registry: Registry, tmp_path: Path
) -> None:
    (entry,) = registry.entries()
    wrong = "0" * 64
    shutil.copytree(entry.path, tmp_path / "wrong" / wrong)
    forget()
    with model_folders(tmp_path / "wrong"), pytest.raises(ModelError, match=wrong[:16]):
        model_of(wrong)


def test_every_changed_byte_is_noticed(registry: Registry) -> None:
    (entry,) = registry.entries()
    for path in sorted(entry.path.rglob("*")):
        if not path.is_file():
            continue
        data = path.read_bytes()
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        with pytest.raises(ModelError):
            registry.verify(entry.digest)
        path.write_bytes(data)
    assert registry.verify(entry.digest) == 1


def test_golden_streams_are_decoded(tmp_path: Path) -> None:
    folder = tmp_path / "made"
    write_model(folder, changed_network())
    index = json.loads((folder / "golden" / "index.json").read_text())
    index["slab.mz"]["sha256"] = "0" * 64
    (folder / "golden" / "index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match="expected voxels 0000"):
        Registry.at(tmp_path / "registry").publish(folder)
    assert Registry.at(tmp_path / "registry").entries() == ()


def spoil_link(folder: Path) -> None:
    (folder / "README").symlink_to("/etc/passwd")


def spoil_pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe")


def spoil_huge(folder: Path) -> None:
    with open(folder / "model.safetensors", "r+b") as file:
        file.truncate(1 << 40)  # a hole: takes no disk, would take all memory


def spoil_config(folder: Path) -> None:
    (folder / "config.json").write_bytes(b"[" * 60_000)


def spoil_deep(folder: Path) -> None:
    (folder / "golden" / "more").mkdir()
    (folder / "golden" / "more" / "file").write_text("x")


def spoil_name(folder: Path) -> None:
    (folder / "a file\n").write_text("x")


def spoil_many(folder: Path) -> None:
    for number in range(80):
        (folder / f"file-{number}").touch()


def spoil_missing(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def spoil_header(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"\xff" * 8 + b"{}")


def spoil_digest(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"digest": "0" * 64}))


def spoil_form(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"hidden": [1024] * 8}))


@pytest.mark.parametrize(
    "spoil",
    [
        spoil_link,
        spoil_pipe,
        spoil_huge,
        spoil_config,
        spoil_deep,
        spoil_name,
        spoil_many,
        spoil_missing,
        spoil_header,
        spoil_digest,
        spoil_form,
    ],
)
def test_unsafe_directories_are_refused(directory: Path, tmp_path: Path, spoil) -> None:
    spoil(directory)
    registry = Registry.at(tmp_path / "registry")
    with pytest.raises(ModelError, match="expected"):
        registry.publish(directory)
    assert registry.entries() == ()
    assert not list((tmp_path / "registry").glob("*"))


def test_sequence_models_are_published_but_not_offered(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    model = SequenceModel(
        IntegerMLP(
            weights=(generator.integers(-99, 99, (8, 5)).astype(np.int16),),
            biases=(np.zeros(8, np.int32),),
            shifts=(np.full(8, 9, np.int32),),
            head=generator.integers(-99, 99, 8).astype(np.int32),
            head_bias=np.zeros(1, np.int32),
            head_shift=np.full(1, 9, np.int32),
        ),
        "line-5",
        "order0",
    )
    files = {**write_sequence_model(model), **write_golden(model, odd_volume(7, (2, 12, 12)))}
    for name, data in files.items():
        (tmp_path / "made" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "made" / name).write_bytes(data)
    registry = Registry.at(tmp_path / "registry")
    entry = registry.publish(tmp_path / "made")
    assert entry.digest == model.digest
    assert (entry.kind, entry.by_name) == ("mlp", True)
    assert registry.verify(entry.digest) == 1
    assert registry.load(entry.digest) == model
    assert registry.offered() == ()
    spoil_huge(entry.path)
    with pytest.raises(ModelError):
        registry.verify(entry.digest)


def test_tensors_of_floats_are_refused(directory: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(directory / "model.safetensors")
    save_file(
        {name: value.astype(np.float32) for name, value in tensors.items()},
        directory / "model.safetensors",
    )
    with pytest.raises(ModelError, match="expected integers"):
        read_network(directory)


def test_strays_are_named(registry: Registry) -> None:
    (registry.root / "notes.txt").write_text("x")
    (registry.root / "0.pinned").write_text("")
    assert registry.strays() == ("0.pinned", "notes.txt")


def test_a_killed_publisher_leaves_nothing_that_counts(directory: Path, tmp_path: Path) -> None:
    code = (
        "import os, sys, medzip.models, medzip.models.publishing as publishing\n"
        "publishing.flush_tree = lambda folder: os._exit(9)\n"
        "medzip.models.Registry.at(sys.argv[2]).publish(sys.argv[1])\n"
    )
    command = [sys.executable, "-c", code, str(directory), str(tmp_path / "registry")]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run(command, env=environment, check=False).returncode == 9
    registry = Registry.at(tmp_path / "registry")
    assert registry.entries() == ()
    (part,) = registry.root.iterdir()
    os.utime(part, (1, 1))
    registry.publish(directory)
    assert len(registry.entries()) == 1
    assert not part.exists()


def test_shipped_models_are_base_models() -> None:
    assert base_model("fast").base_digest in shipped_digests()


def test_choice_is_the_one_of_fewest_bytes(registry: Registry) -> None:
    (entry,) = registry.entries()
    volume = np.tile(golden_volume(), (2, 2, 2))
    choice = choose_model(volume, "fast", [(entry, registry.load(entry.digest))])
    assert [trial.name for trial in choice.trials] == ["fast", entry.name]
    best = min(choice.trials, key=lambda trial: trial.estimate)
    assert [trial.chosen for trial in choice.trials].count(True) == 1
    assert next(t for t in choice.trials if t.chosen).estimate == best.estimate
    assert choice.trials[0].sample_voxels == volume.size


def test_a_model_slower_than_the_profile_is_not_tried(tmp_path: Path) -> None:
    network = base_model("default").network
    write_model(tmp_path / "made", network)
    registry = Registry.at(tmp_path / "registry")
    entry = registry.publish(tmp_path / "made")
    offered = [(entry, registry.load(entry.digest))]
    choice = choose_model(golden_volume(), "fast", offered)
    refused = choice.trials[-1]
    assert refused.reason == "not tried: slower than profile fast allows"
    assert not refused.chosen
    assert refused.sample_voxels == 0
    assert choice.model.base_digest == base_model("fast").base_digest
