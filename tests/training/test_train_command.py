"""`medzip train`: a corpus or a store in, a model directory out; what it refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from medzip.bench.phantom import ct_volume
from medzip.cli import app
from medzip.errors import SourceError
from medzip.models import check_directory
from medzip.papers.training.run import PredictorRun
from medzip.training.kinds import run_of
from medzip.training.network import NetworkRun
from medzip.training.store import SampleStore

if TYPE_CHECKING:
    from pathlib import Path

SHORT = ("--steps", "20", "--batch", "128", "--threads", "1", "--device", "cpu")


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def train(*arguments: object):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_a_corpus_is_sampled_and_a_store_is_trained_on_to_the_same_model(tmp_path: Path) -> None:
    corpus, work, models = tmp_path / "corpus", tmp_path / "work", tmp_path / "models"
    corpus.mkdir()
    np.save(corpus / "a.npy", ct_volume((8, 64, 64), seed=1))
    size = ("--form", "fast", "--voxels", "3000")
    assert train(corpus, models, "--work", work, *size, *SHORT).exit_code == 0
    (folder,) = models.iterdir()
    assert check_directory(folder).digest == folder.name
    assert SampleStore.open(work / "samples").voxels == 3000

    again = train(corpus, models, "--work", work, *size, *SHORT)
    assert again.exit_code == 2
    assert "--resume" in again.output
    assert train(corpus, models, "--work", work, *size, *SHORT, "--resume").exit_code == 0

    other = tmp_path / "other"
    done = train(work / "samples", other, "--work", tmp_path / "w", *SHORT)
    assert done.exit_code == 0
    assert [path.name for path in other.iterdir()] == [folder.name]
    assert str(other / folder.name) in done.stdout
    assert train(work / "samples", other, "--work", tmp_path / "v", *size).exit_code == 2


def test_options_that_would_change_nothing_are_refused() -> None:
    assert run_of({"steps": 5, "epochs": None, "configuration": None}) == NetworkRun(5)
    assert run_of({"configuration": "lstm-32", "epochs": 1}) == PredictorRun("lstm-32", 1)
    with pytest.raises(SourceError, match="got steps; drop"):
        run_of({"configuration": "lstm-32", "steps": 5})
    with pytest.raises(SourceError, match="got backend, epochs"):
        run_of({"epochs": 5, "backend": "order0"})
    assert run_of({"configuration": "lstm-32"}).form == "pyramid-13-9-5-1"
    assert NetworkRun().form == "default"
