"""A predictor of the papers, trained on a store of raw neighbours; killed, it goes on.

    store -> sequences -> float net (checkpoints, curves) -> integers -> table -> model directory

The training itself is `medzip.papers.training.learn`; this is what surrounds it on a store.
"""

from __future__ import annotations

import platform
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from medzip.codec.slab import encode_slab
from medzip.errors import SourceError
from medzip.models.writing import write_sequence_directory
from medzip.papers.codec.gather import normalised
from medzip.papers.codec.model import SequenceModel
from medzip.papers.codec.predicting import predict_slab
from medzip.papers.codec.shapes import shape_named
from medzip.papers.training.learn import train_on_samples
from medzip.papers.training.quantise import quantise
from medzip.papers.training.samples import SequenceSamples
from medzip.papers.training.table import ErrorSamples, error_samples, fit_table
from medzip.training.checkpoint import only_run
from medzip.training.curves import Curves, Point
from medzip.training.run import CHECKPOINT, CURVES, TrainedModel
from medzip.training.store import SampleStore

if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from pathlib import Path

    from medzip.fitting.linear import Window
    from medzip.papers.training.configurations import SequenceRun
    from medzip.papers.training.learn import Point as EpochPoint
    from medzip.papers.training.learn import TrainedSequence

__all__ = ["sequences_of", "train_sequence_on_store"]

CALIBRATION = 4096
"""Sequences by which the shifts of the integers are chosen."""
JUDGED_SERIES = 32
"""Series whose central windows fit the table and give the figures, at most."""
CROP = 96
"""Voxels along y and x of those windows: an LSTM takes seconds for each."""
_BATCH = 4096


def train_sequence_on_store(
    store: str | os.PathLike[str],
    models: str | os.PathLike[str],
    work: str | os.PathLike[str],
    run: SequenceRun,
    *,
    backend: str = "conditional",
    device: str = "auto",
    checkpoint_every: int = 2000,
    progress: Callable[[Point], None] | None = None,
) -> TrainedModel:
    """Train a predictor on a store, or go on where a killed run stopped.

    Parameters
    ----------
    store
        Of the neighbours of the run's shape; all of its samples are used, so the run's `samples`,
        `sampling` and `spacings` do not count. They are held in memory, 2 L bytes each.
    models, work
        As `medzip.training.run.train_on_store` has them.
    run
        How to train.
    backend
        "conditional" or "order0".
    device
        "cpu", "cuda" or "auto".
    checkpoint_every
        Steps.
    progress
        Called after each epoch.

    Returns
    -------
    TrainedModel
        `bits` are those of the central window of each series, coded: header, both ends and all.

    Raises
    ------
    SourceError
        The store is missing, incomplete, or of other neighbours.
    ModelError
        The weights cannot be proven exact, or the work folder holds a run of other settings.
    """
    opened = SampleStore.open(store)
    if opened.form.kind != "neighbours" or opened.form.name != run.shape:
        raise SourceError(
            f"expected a store of the neighbours {run.shape}, got one of {opened.form.name}; "
            f"sample again with --form {run.shape}"
        )
    chosen = ("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device
    samples = sequences_of(opened)
    run = run.with_(samples=len(samples))
    with only_run(work) as folder:
        show = _Shown(folder / CURVES, run, progress)
        trained = train_on_samples(
            samples,
            run,
            checkpoint=folder / CHECKPOINT,
            every=checkpoint_every,
            device=chosen,
            progress=show.epoch,
        )
        curves = Curves(folder / CURVES, 0)
        for point in trained.points:
            curves.add(show.point(point))
        windows = [_cropped(window) for window in opened.windows(JUDGED_SERIES)]
        model = _model(trained, samples, windows, backend)
        bits = _coded_bits(opened, model, windows)
        about = _about(opened, run, trained, chosen, backend, bits)
        target = write_sequence_directory(models, model, about, (folder / CURVES).read_bytes())
    return TrainedModel(
        target, target.name, bits, {}, trained.voxels, trained.seconds, trained.resumed
    )


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


class _Shown:
    """Epochs of the training as points of the curves."""

    def __init__(
        self, path: Path, run: SequenceRun, progress: Callable[[Point], None] | None
    ) -> None:
        self._path, self._run, self._progress = path, run, progress

    def epoch(self, point: EpochPoint) -> None:
        shown = self.point(point)
        Curves(self._path, shown.step - 1).add(shown)
        if self._progress is not None:
            self._progress(shown)

    def point(self, point: EpochPoint) -> Point:
        steps = point.step * self._run.epochs // max(1, point.epoch)
        return Point(point.step, steps, point.loss, self._run.rate, 0.0, point.bits)


def _model(
    trained: TrainedSequence, samples: SequenceSamples, windows: list[Window], backend: str
) -> SequenceModel:
    """Integers, and the table of the conditional back-end."""
    every = max(1, len(samples) // CALIBRATION)
    predictor = quantise(trained.net, samples.x[::every])
    shape = trained.run.shape
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


def _about(
    store: SampleStore,
    run: SequenceRun,
    trained: TrainedSequence,
    device: str,
    backend: str,
    bits: dict[str, float],
) -> dict[str, Any]:
    return {
        "form": f"{run.kind} {run.shape} {backend}",
        "run": asdict(run),
        "steps": trained.points[-1].step if trained.points else 0,
        "batch": run.batch,
        "rate": run.rate,
        "seed": run.seed,
        "start": None,
        "voxels": trained.voxels,
        "seconds": round(trained.seconds),
        "device": device,
        "precision": "float32",
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "per_volume": max(store.quotas.values()),
        "store": store.digest,
        "left_out": [],
        "volumes": store.volumes_about(),
        "held_out_bits": bits,
        "start_bits": {},
    }
