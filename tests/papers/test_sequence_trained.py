"""The papers' predictors at the papers' sizes, trained a little on a real slab, for all shapes."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

import medzip
from medzip.papers.codec import SHAPES, SequenceModel
from medzip.papers.codec.predicting import predict_slab
from medzip.papers.training.configurations import configuration
from medzip.papers.training.learn import SequenceLearner
from medzip.papers.training.quantise import quantise
from medzip.papers.training.samples import Source, sample_sources
from medzip.papers.training.table import error_samples, fit_table
from medzip.training.learning import learn

SHARED = Path(os.environ.get("MEDZIP_SHARED", Path(__file__).parents[3] / "shared"))
LITTLE = {"samples": 2000, "epochs": 1, "batch": 64, "rate": 1e-3, "start": "solved"}
RUNS = {
    "lstm": configuration("sampling-strategies").with_(**LITTLE),
    "mlp": configuration("local-sampling-2").with_(sampling="random", slices=None, **LITTLE),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def slab() -> np.ndarray:
    """Four slices of 64 x 64 voxels from the middle of a chest CT."""
    folder = SHARED / "data" / "corpus"
    if not (folder / "index.json").is_file():
        pytest.skip(f"no data at {folder}; set MEDZIP_SHARED to the folder that holds data/corpus")
    entry = next(iter(json.loads((folder / "index.json").read_text()).values()))
    stored = tifffile.imread(folder / entry["file"]).reshape(entry["shape"])
    voxels = (stored.astype(np.int32) + entry["offset"]).astype(entry["dtype"])
    z, y, x = (n // 2 for n in voxels.shape)
    return np.ascontiguousarray(voxels[z - 2 : z + 2, y - 32 : y + 32, x - 32 : x + 32])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", RUNS)
def test_a_trained_predictor_codes_a_real_slab(kind: str, shape: str, slab: np.ndarray) -> None:
    run = RUNS[kind].with_(shape=shape)
    assert run.hidden == {"lstm": (128,), "mlp": (1024, 512, 256, 128)}[kind]
    source = Source.of("slab", slab, 1.0)
    samples = sample_sources([source], run)
    learner = SequenceLearner(samples, run)
    learn(learner)
    predictor = quantise(learner.trained(), samples.x[:512])
    predictions = predict_slab(predictor, shape, source.values, source.count)
    table = fit_table(error_samples(source.values, predictions, shape, source.count))
    sizes = {}
    for backend in ("order0", "conditional"):
        model = SequenceModel(
            predictor, shape, backend, table if backend == "conditional" else None
        )
        data = medzip.encode(slab, model=model)
        assert np.array_equal(medzip.decode(data), slab)
        sizes[backend] = len(data) - len(model.to_bytes())
    assert sizes["conditional"] < sizes["order0"] < 2 * slab.size
