"""Kinds of models: both tables, what is in neither, and who works on networks alone."""

from __future__ import annotations

import dataclasses
import json
import pickle
import struct
import subprocess
import sys
from importlib import import_module
from typing import TYPE_CHECKING

import google_crc32c
import numpy as np
import pytest

from medzip.codec.model import MAGIC, READERS, Model, read_model
from medzip.errors import ModelError
from medzip.fitting import choose_model, fit_model
from medzip.models import NetworkModel, Registry, base_model, check_directory, network_of
from medzip.models.kinds import KINDS, NETWORK, is_offered, kind_of, load_directory
from medzip.models.network import with_network
from medzip.papers.codec.predictor import PREDICTORS
from medzip.testing.models import changed_network, write_model
from medzip.testing.sequences import random_model

if TYPE_CHECKING:
    from pathlib import Path

BASE = base_model("fast")
MODELS = {
    0: BASE,
    1: with_network(BASE, changed_network()),
    2: NetworkModel(changed_network(), None),
    3: random_model("lstm", "cube-3", "order0"),
}


def loaded(name: str) -> object:
    module, _, function = name.partition(":")
    return getattr(import_module(module), function)


@pytest.mark.parametrize("kind", READERS)
def test_every_kind_is_read_as_it_was_written(kind: int) -> None:
    assert callable(loaded(READERS[kind]))
    model = MODELS[kind]
    assert (model.kind, model.to_bytes()[4]) == (kind, kind)
    again = read_model(model.to_bytes())
    assert type(again) is type(model)
    assert (again.kind, again.name, again.form) == (kind, model.name, model.form)
    assert again == model == pickle.loads(pickle.dumps(model))
    assert len({again, model}) == 1
    assert model.name in repr(model)


def test_models_of_other_bytes_are_others() -> None:
    assert len(set(MODELS.values())) == len(MODELS) == len(READERS)


def test_an_unknown_kind_is_refused_with_the_remedy() -> None:
    data = MAGIC + bytes([max(READERS) + 1]) + bytes(32)
    with pytest.raises(ModelError, match="expected model kind 0 to 3, got 4; use a newer MedZip"):
        read_model(data + struct.pack("<I", google_crc32c.value(data)))


def test_a_model_that_lacks_a_part_cannot_be_made() -> None:
    class Half(Model):
        kind = 9
        name = "half"

    with pytest.raises(TypeError, match="abstract"):
        Half()


def test_a_model_starts_from_its_base_or_from_itself() -> None:
    base, fitted, whole, sequence = MODELS.values()
    assert fitted.origin == base.origin == base.base_digest == fitted.base_digest
    assert (whole.origin, sequence.origin) == (whole.digest, sequence.digest)
    assert whole.base_digest is None
    assert sequence.base_digest is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_directory_can_be_read(kind: str) -> None:
    assert callable(loaded(KINDS[kind].reader))
    assert is_offered(kind) == (kind == NETWORK)


def test_directories_name_the_predictors_of_the_papers() -> None:
    assert KINDS.keys() - {NETWORK} == PREDICTORS.keys()


def test_directories_of_an_unknown_kind_are_listed_and_refused(tmp_path: Path) -> None:
    registry = Registry.at(tmp_path / "registry")
    write_model(tmp_path / "made", changed_network())
    entry = registry.publish(tmp_path / "made")
    assert kind_of(entry.path) == NETWORK
    config = json.loads((entry.path / "config.json").read_text())
    for kind in ("of tomorrow", ["lstm"], None, 7):
        (entry.path / "config.json").write_text(json.dumps(config | {"kind": kind}))
        (found,) = registry.entries()
        assert found.by_name
        assert registry.offered() == ()
        with pytest.raises(ModelError, match="use a newer MedZip"):
            registry.load(entry.digest)
        with pytest.raises(ModelError, match="use a newer MedZip"):
            check_directory(entry.path)
    (entry.path / "config.json").write_text("[")
    assert kind_of(entry.path) == NETWORK, "whoever opens it is told what is wrong"
    with pytest.raises(ModelError, match="copy the model anew"):
        load_directory(entry.path)


def test_a_directory_under_another_name_is_not_loaded(tmp_path: Path) -> None:
    registry = Registry.at(tmp_path / "registry")
    write_model(tmp_path / "made", changed_network())
    entry = registry.publish(tmp_path / "made")
    wrong = "0" * 64
    entry.path.rename(registry.root / wrong)
    with pytest.raises(ModelError, match="named by its digest"):
        registry.load(wrong)


def test_only_networks_are_fitted_and_chosen() -> None:
    network = changed_network()
    assert network_of(NetworkModel(network, None)) is network
    sequence = MODELS[3]
    with pytest.raises(ModelError, match=r"SequenceModel\(lstm-cube-3.*device='cpu'"):
        network_of(sequence)
    with pytest.raises(ModelError, match="without fitting"):
        with_network(sequence, network)
    volume = np.random.default_rng(0).integers(0, 40, (4, 80, 80)).astype(np.int16)
    with pytest.raises(ModelError, match="without fitting"):
        fit_model(volume, "fast", base=sequence)
    entry = dataclasses.make_dataclass("Named", ["name"])("sequence")
    with pytest.raises(ModelError, match="without fitting"):
        choose_model(volume, "fast", [(entry, sequence)])


def test_the_papers_are_loaded_when_a_stream_asks_for_them(tmp_path: Path) -> None:
    for kind, model in MODELS.items():
        (tmp_path / str(kind)).write_bytes(model.to_bytes())
    code = (
        "import sys, pathlib, medzip.models\n"
        "from medzip.codec import read_model\n"
        "for kind in range(4):\n"
        "    read_model((pathlib.Path(sys.argv[1]) / str(kind)).read_bytes())\n"
        "    assert ('medzip.papers' in sys.modules) == (kind == 3), kind\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
