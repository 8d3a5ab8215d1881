"""The page: benchmarks 4 and 5, how sampling and epochs matter, and what integers cost."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from medzip.papers.benchmarks.sections.markdown import count, mean, paragraph, table
from medzip.papers.benchmarks.sections.neighbourhoods import in_order

if TYPE_CHECKING:
    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["epochs", "integers", "sampling"]


def sampling(results: Reproduction) -> str:
    """Benchmark 4."""
    rows = []
    shape = results.size["sampled_shape"]
    for scheme in results.size["samplings"]:
        jobs = [
            job
            for job in results.models("lstm", scheme).get(shape, [])
            if any(row.benchmark == 4 for row in job.rows)
        ]
        if jobs:
            rows.append([scheme, *(mean(results.bits(jobs, b)) for b in ("order0", "conditional"))])
    if not rows:
        return ""
    return (
        f"## Benchmark 4: sampling schemes ({shape})\n\n"
        + table(["scheme", "LSTM, order 0", "conditional"], rows)
        + "\n"
        + paragraph(
            "The papers find them about equal, random and slice best." + _thin_slices(results)
        )
    )


def _thin_slices(results: Reproduction) -> str:
    """Says so where the sample is smaller than a slice of each volume."""
    size = results.size
    trained = len(results.volume_names(unseen=False)) * (size["folds"] - 1) / size["folds"]
    area = min(shape[1] * shape[2] for shape in (volume.shape for volume in results.volumes))
    if size["lstm"]["samples"] / trained >= area:
        return ""
    return (
        " Here the slice scheme takes a part of one middle slice of each volume, so its models "
        "never see what stands before the first slice of a slab, which is a quarter of these "
        "slabs: no statement about the scheme itself."
        if size["crop"] and size["crop"][0] == 4
        else " Here the slice scheme takes a part of one slice of each volume."
    )


def epochs(results: Reproduction) -> str:
    """Benchmark 5."""
    epochs = results.size["snapshots"]
    rows = []
    for name, jobs in in_order(results.models("lstm")):
        found = {
            row.epoch: row.bits
            for job in jobs
            for row in job.rows
            if row.benchmark == 5 and row.backend == "order0"
        }
        if found:
            rows.append([name, *(f"{found[e]:.3f}" if e in found else "" for e in epochs)])
    if not rows:
        return ""
    heads = ["neighbourhood", *(f"after {count(e, 'epoch')}" for e in epochs)]
    return (
        "## Benchmark 5: bits per voxel of one volume during training\n\n"
        + table(heads, rows)
        + "\n"
        + paragraph(
            "The papers draw a curve, without numbers, for epochs 10 to 60; the widest pyramid "
            "ends lowest there. Order-0 coder."
        )
    )


def integers(results: Reproduction) -> str:
    """What quantisation costs."""
    rows = []
    for kind in ("lstm", "mlp", "attention"):
        costs = [job.quantisation for job in results.jobs if job.kind == kind]
        if costs:
            rows.append([kind, str(len(costs)), f"{fmean(costs):+.4f}", f"{max(costs):+.4f}"])
    heads = ["predictor", "models", "mean bits a voxel", "most"]
    return (
        "## Integers instead of floats\n\n"
        + table(heads, rows)
        + "\n"
        + paragraph(
            "Estimated on training voxels: bits of a two-sided geometric law of the errors' mean "
            "size, integers minus floats."
        )
    )
