"""One job: train a predictor, turn it into integers, code the volumes that it has not seen."""

from __future__ import annotations

import io
import json
import shutil
import time
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import torch

from medzip.atomic import new_folder, write_atomic
from medzip.canonical import canonical_json, digest_of
from medzip.codec.slab import decode_slab, encode_slab
from medzip.papers.benchmarks.coding import encode_all
from medzip.papers.benchmarks.records import JobResult, Row, read_job, write_job
from medzip.papers.codec.gates import OUTPUT_BITS
from medzip.papers.codec.model import SequenceModel, write_sequence_model
from medzip.papers.codec.predicting import predict_slab
from medzip.papers.codec.shapes import shape_named
from medzip.papers.training.learn import SequenceLearner, laplace_bits
from medzip.papers.training.quantise import CALIBRATION, quantise
from medzip.papers.training.samples import sample_sources
from medzip.papers.training.table import ErrorSamples, error_samples, fit_table
from medzip.training.devices import device_of
from medzip.training.learning import learn
from medzip.volumes import middle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from medzip.papers.benchmarks.cohort import Cohort, Member
    from medzip.papers.benchmarks.plan import Job
    from medzip.papers.benchmarks.sizes import BenchmarkSize
    from medzip.papers.training.nets import SequenceNet
    from medzip.papers.training.samples import SequenceSamples, Source
    from medzip.training.curves import Point

__all__ = ["identity_of", "run_job"]

CHECKPOINT_STEPS = 2000
"""Steps of a training between two checkpoints."""
TABLE_CROP = (2, 32, 32)
"""Out of the middle of each training volume: whole pieces of slices, as the unit of an error is
made of the errors around it."""


def identity_of(job: Job, cohort: Cohort, size: BenchmarkSize) -> str:
    """Digest of everything that decides a job's figures but the code."""
    return digest_of(
        {
            "job": asdict(job),
            "training": [member.name for member in cohort.training(job.fold)],
            "tested": [member.name for member in cohort.folds[job.fold]],
            "unseen": [member.name for member in cohort.unseen] if job.unseen else [],
            "crop": size.crop,
            "timed": size.timed,
        }
    )


def run_job(
    job: Job,
    cohort: Cohort,
    size: BenchmarkSize,
    folder: Path,
    device: str = "auto",
    progress: Callable[[Point], None] | None = None,
    *,
    pictures: bool = False,
) -> JobResult:
    """Do a job, or find that it is done.

    Parameters
    ----------
    job
        What to train and measure.
    cohort, size
        Volumes, and what is done with them.
    folder
        Of the whole run: gets jobs/KEY.json and models/KEY/, each written at once; a killed
        training goes on from what work/KEY-IDENTITY/ holds.
    device
        "cpu", "cuda", or "auto": a GPU where there is one.
    progress
        Called after each epoch.
    pictures
        Keep the residuals of a middle slice in residuals/KEY.npy, to be drawn.
    """
    began = time.perf_counter()
    identity = identity_of(job, cohort, size)
    path = folder / "jobs" / f"{job.key}.json"
    done = read_job(path, identity)
    if done is not None:
        return done
    sources = [member.source() for member in cohort.training(job.fold)]
    samples = sample_sources(sources, job.run)
    learner = SequenceLearner(samples, job.run, device_of(device))
    work = folder / "work" / f"{job.key}-{identity[:12]}"
    first = cohort.folds[job.fold][0]

    def tell(point: Point) -> None:
        if progress is not None:
            progress(point)
        if learner.epoch in job.snapshots:
            models = _models(learner.net, job, samples, sources)
            _keep_snapshot(work, _coded(job.key, models, first, job.fold, 5, learner.epoch)[0])

    learned = learn(learner, work, CHECKPOINT_STEPS, tell)
    net = learner.trained()
    models = _models(net, job, samples, sources)
    rows = [row for epoch in job.snapshots for row in _read_snapshot(work, epoch)]
    rows += _rows(job, models, cohort, size, folder if pictures else None)
    result = JobResult(
        job.key,
        identity,
        job.run.kind,
        job.run.shape,
        len(shape_named(job.run.shape)),
        job.run.hidden,
        job.run.sampling,
        job.fold,
        learner.voxels,
        learner.steps,
        learned.seconds,
        round(time.perf_counter() - began, 3),
        {name: len(model.to_bytes()) for name, model in models.items()},
        _cost_of_integers(net, models, samples),
        tuple((n, point.loss, point.mean_bits or 0.0) for n, point in enumerate(learned.points, 1)),
        tuple(rows),
    )
    with new_folder(folder / "models" / job.key) as place:
        for name, data in write_sequence_model(models["conditional"]).items():
            (place / name).write_bytes(data)
    write_job(path, result)
    shutil.rmtree(work, ignore_errors=True)
    return result


def _rows(
    job: Job,
    models: dict[str, SequenceModel],
    cohort: Cohort,
    size: BenchmarkSize,
    folder: Path | None,
) -> list[Row]:
    """All volumes that a job's models code; `folder` gets the residuals of the first."""
    rows: list[Row] = []
    first = cohort.folds[job.fold][0]
    for member in cohort.folds[job.fold]:
        coded, residual = _coded(job.key, models, member, job.fold, job.benchmarks[0])
        rows += [replace(row, benchmark=number) for number in job.benchmarks for row in coded]
        if member is first and folder is not None:
            _keep_residual(folder, job.key, residual)
    for member in cohort.unseen if job.unseen else ():
        rows += _coded(job.key, models, member, job.fold, job.benchmarks[0])[0]
    if job.timed:
        rows += _timed(job.key, models, first, job.fold, size)
    return rows


def _models(
    net: SequenceNet, job: Job, samples: SequenceSamples, sources: list[Source]
) -> dict[str, SequenceModel]:
    """Both back-ends of a net."""
    device = next(net.parameters()).device
    predictor = quantise(net.cpu(), samples.x[:: max(1, len(samples) // CALIBRATION)])
    net.to(device)
    parts = []
    for source in sources:
        values = middle(source.values, *TABLE_CROP)
        predictions = predict_slab(predictor, job.run.shape, values, source.count)
        parts.append(error_samples(values, predictions, job.run.shape, source.count))
    table = fit_table(ErrorSamples.concatenate(parts), most=10_000)
    return {
        "order0": SequenceModel(predictor, job.run.shape, "order0"),
        "conditional": SequenceModel(predictor, job.run.shape, "conditional", table),
    }


def _coded(
    key: str,
    models: dict[str, SequenceModel],
    member: Member,
    fold: int,
    benchmark: int,
    epoch: int = 0,
) -> tuple[list[Row], np.ndarray]:
    """Rows of one volume, one a back-end, and its residuals."""
    voxels = member.voxels()
    data, residual = encode_all(models, voxels)
    rows = [
        Row(key, benchmark, member.name, fold, backend, epoch, voxels.size, len(slab))
        for backend, slab in data.items()
    ]
    return rows, residual


def _timed(
    key: str, models: dict[str, SequenceModel], member: Member, fold: int, size: BenchmarkSize
) -> Iterator[Row]:
    """Seconds of a piece by both back-ends, encoded and decoded as anybody would."""
    whole = member.voxels()
    _, height, width = whole.shape
    voxels = middle(whole, *(size.timed or (1, height, width)))
    warm = middle(voxels, 2, 16, 16)
    for backend, model in models.items():
        decode_slab(encode_slab(warm, model), model)  # compiles and loads what is needed
        began = time.perf_counter_ns()
        data = encode_slab(voxels, model)
        between = time.perf_counter_ns()
        back = decode_slab(data, model)
        ended = time.perf_counter_ns()
        yield Row(
            key,
            3,
            member.name,
            fold,
            backend,
            0,
            voxels.size,
            len(data),
            between - began,
            ended - between,
            bool(back.dtype == voxels.dtype and np.array_equal(back, voxels)),
        )


def _cost_of_integers(
    net: SequenceNet, models: dict[str, SequenceModel], samples: SequenceSamples
) -> float:
    """Bits a voxel that rounding costs, on a part of the sample."""
    some = samples.take(np.arange(len(samples))[:: max(1, len(samples) // CALIBRATION)])
    steps, truth = (some.count - 1) / 2.0, some.y / 2.0**14
    with torch.no_grad():
        floats = net(torch.from_numpy(some.x).float() / 2**14).double().numpy()
    integers = models["order0"].predictor.forward(some.x) / 2.0**OUTPUT_BITS
    return laplace_bits((integers - truth) * steps) - laplace_bits((floats - truth) * steps)


def _keep_residual(folder: Path, key: str, residual: np.ndarray) -> None:
    """Residuals of a volume's middle slice, for pictures."""
    buffer = io.BytesIO()
    np.save(buffer, residual[len(residual) // 2])
    (folder / "residuals").mkdir(parents=True, exist_ok=True)
    write_atomic(folder / "residuals" / f"{key}.npy", buffer.getvalue())


def _keep_snapshot(work: Path, rows: list[Row]) -> None:
    write_atomic(work / f"epoch{rows[0].epoch}.json", canonical_json([asdict(row) for row in rows]))


def _read_snapshot(work: Path, epoch: int) -> list[Row]:
    """What `_keep_snapshot` wrote; also in a run that was killed after that epoch."""
    path = work / f"epoch{epoch}.json"
    return [Row(**row) for row in json.loads(path.read_bytes())] if path.exists() else []
