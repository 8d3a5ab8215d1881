"""A predictor of the papers, trained on a store of raw neighbours.

    store -> sequences -> float net -> integers -> table -> model directory

The run itself is `medzip.training.run.train`; this is what it asks of a predictor.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from medzip.codec.slab import encode_slab
from medzip.errors import SourceError
from medzip.models import write_directory
from medzip.papers.codec.gather import normalised
from medzip.papers.codec.model import SequenceModel, write_sequence_model
from medzip.papers.codec.predicting import predict_slab
from medzip.papers.codec.shapes import shape_named
from medzip.papers.training.card import sequence_card
from medzip.papers.training.configurations import SequenceRun, configuration
from medzip.papers.training.learn import SequenceLearner
from medzip.papers.training.quantise import CALIBRATION, quantise
from medzip.papers.training.samples import SequenceSamples
from medzip.papers.training.table import ErrorSamples, error_samples, fit_table
from medzip.training.run import Judged, StoreLearner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from medzip.fitting.linear import Window
    from medzip.papers.training.nets import SequenceNet
    from medzip.training.store import SampleStore

__all__ = ["PredictorRun", "sequences_of"]

JUDGED_SERIES = 32
"""Series whose central windows fit the table and give the figures, at most."""
CROP = 96
"""Voxels along y and x of those windows: an LSTM takes seconds for each."""


@dataclass(frozen=True)
class PredictorRun:
    """How to train a predictor on a store of the neighbours of its shape.

    All samples of the store are used, so `samples`, `sampling` and `spacings` of the configuration
    do not count. They are held in memory, 2 L bytes each.

    Attributes
    ----------
    configuration
        Name of a configuration ("sampling-strategies", "lstm-32", ...), which then takes the shape
        of the store; or the configuration itself.
    epochs, seed
        Instead of the configuration's.
    backend
        "conditional", or "order0" as published.
    device
        "cpu", "cuda", or "auto": a GPU where there is one.
    checkpoint_every
        Steps between two checkpoints.
    """

    configuration: str | SequenceRun
    epochs: int | None = None
    seed: int | None = None
    backend: str = "conditional"
    device: str = "auto"
    checkpoint_every: int = 500
    precision: ClassVar[str] = "float32"

    @property
    def form(self) -> str:
        """Its shape."""
        return self._configured.shape

    def learner(self, store: SampleStore, device: str) -> PredictorLearner:
        """What learns; raises SourceError where the store is of another form."""
        return PredictorLearner(store, self._resolved(store), self.backend, device)

    @property
    def _configured(self) -> SequenceRun:
        named = self.configuration
        return configuration(named) if isinstance(named, str) else named

    def _resolved(self, store: SampleStore) -> SequenceRun:
        """The configuration for a store."""
        run = self._configured
        shape = store.form.name if isinstance(self.configuration, str) else run.shape
        if store.form.kind != "neighbours" or store.form.name != shape:
            raise SourceError(
                f"expected a store of the neighbours {run.shape}, got one of {store.form.name}; "
                f"sample again with --form {run.shape}"
            )
        return run.with_(
            shape=shape,
            epochs=run.epochs if self.epochs is None else self.epochs,
            seed=run.seed if self.seed is None else self.seed,
        )


class PredictorLearner(SequenceLearner, StoreLearner):
    """A predictor on a store; `bits` are of the central window of each series, coded.

    Header, both ends and all of a slab count.
    """

    def __init__(self, store: SampleStore, run: SequenceRun, backend: str, device: str) -> None:
        self._samples = sequences_of(store)
        super().__init__(self._samples, run.with_(samples=len(self._samples)), device)
        self._store, self._backend = store, backend

    def judged(self) -> Judged:
        """Integers, their table, and bits of the central window of each series."""
        windows = [_cropped(window) for window in self._store.windows(JUDGED_SERIES)]
        shape = self.run.shape
        model = _model(self.trained(), shape, self._samples, windows, self._backend)
        return Judged(_coded_bits(self._store, model, windows), {}, partial(_write, model))

    def about(self) -> dict[str, Any]:
        """What training.json says of it alone."""
        run = self.run
        return {
            "form": f"{run.kind} {run.shape} {self._backend}",
            "run": asdict(run),
            "steps": self.steps,
            "batch": run.batch,
            "rate": run.rate,
            "seed": run.seed,
            "start": None,
            "left_out": [],
        }


def _write(model: SequenceModel, models: Path, about: Mapping[str, Any], curves: bytes) -> Path:
    card = sequence_card(about, model)
    return write_directory(models, model, write_sequence_model(model), about, card, curves)


def sequences_of(store: SampleStore) -> SequenceSamples:
    """All samples of a store, in the order and with the normalisation of the codec."""
    shape = shape_named(store.form.name)
    column = {offset: k for k, offset in enumerate(store.form.neighbourhood.offsets)}
    order = [column[int(z), int(y), int(x)] for z, y, x in shape.offsets]
    parts: list[tuple[np.ndarray, ...]] = []
    names = []
    for number, one in enumerate(store.sampled):
        key = one.about.key
        neighbours = store.column(key, "neighbours")[:, order]
        target = store.column(key, "target")
        values = store.column(key, "values")
        x = np.empty(neighbours.shape, dtype=np.int16)
        y = np.empty(len(target), dtype=np.int16)
        for count in np.unique(values):
            rows = values == count
            x[rows] = normalised(neighbours[rows], int(count))
            y[rows] = normalised(target[rows], int(count))
        parts.append((x, y, values, np.full(len(y), number, dtype=np.int16)))
        names.append(one.about.name)
    x, y, count, origin = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return SequenceSamples(x, y, count, origin, tuple(names))


def _model(
    net: SequenceNet, shape: str, samples: SequenceSamples, windows: list[Window], backend: str
) -> SequenceModel:
    """Integers, and the table of the conditional back-end."""
    every = max(1, len(samples) // CALIBRATION)
    predictor = quantise(net, samples.x[::every])
    if backend == "order0":
        return SequenceModel(predictor, shape, backend)
    parts = [
        error_samples(
            window.values,
            predict_slab(predictor, shape, window.values, window.count),
            shape,
            window.count,
        )
        for window in windows
    ]
    # gradients of shared parameters are summed in whatever order threads come
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        table = fit_table(ErrorSamples.concatenate(parts))
    finally:
        torch.set_num_threads(threads)
    return SequenceModel(predictor, shape, backend, table)


def _cropped(window: Window) -> Window:
    """The middle of a window along y and x, packed anew."""
    _, height, width = window.values.shape
    top, left = max(0, (height - CROP) // 2), max(0, (width - CROP) // 2)
    values = window.values[:, top : top + CROP, left : left + CROP]
    return type(window).of(np.ascontiguousarray(values))


def _coded_bits(
    store: SampleStore, model: SequenceModel, windows: list[Window]
) -> dict[str, float]:
    """Bits a voxel of each window, by the name of its series."""
    return {
        one.name: round(8 * len(encode_slab(window.values, model)) / window.values.size, 4)
        for one, window in zip(store.window_series(JUDGED_SERIES), windows, strict=True)
    }
