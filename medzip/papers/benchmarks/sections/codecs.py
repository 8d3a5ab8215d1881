"""The page: benchmark 6, the other codecs, and the models beyond the papers."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from medzip.bench.peers import PEERS
from medzip.papers.benchmarks.published import CLASSICAL, SEQUENCE_BITS
from medzip.papers.benchmarks.sections.markdown import mean, percent, saving, table
from medzip.papers.benchmarks.sections.neighbourhoods import slice_seconds, timed

if TYPE_CHECKING:
    from medzip.papers.benchmarks.records import JobResult
    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["beyond", "others"]


def others(results: Reproduction) -> str:
    """Benchmark 6."""
    best = _best_models(results)
    codecs = list(results.size["peers"])
    rows = []
    absent: dict[str, str] = {}
    bases = {unseen: results.other_bits("jpeg-2000", unseen=unseen) for unseen in (False, True)}
    for codec in codecs:
        row = [PEERS[codec].label if codec in PEERS else codec]
        found = {u: results.other_bits(codec, unseen=u) for u in (False, True)}
        if not any(found.values()):
            notes = [row.note for row in results.others if row.job == codec and row.note]
            absent[row[0]] = notes[0] if notes else "no figure"
            continue
        for unseen in (False, True):
            row += [mean(found[unseen], bases[unseen]), saving(found[unseen], bases[unseen])]
        rows.append(row)
    for title, jobs, backend in best:
        row = [title]
        for unseen in (False, True):
            bits = results.bits(jobs, backend, unseen=unseen)
            row += [mean(bits), saving(bits, bases[unseen])]
        rows.append(row)
    if not rows:
        return ""
    text = table(["codec", "CT", "saving", "MR", "saving"], rows)
    text += "\nBits per voxel here, mean of volumes; savings against JPEG 2000 on the same ones.\n"
    text += "".join(f"- {name}: {reason}\n" for name, reason in absent.items())
    text += "\n" + _published_savings(results)
    return f"## Benchmark 6: other codecs on the same volumes\n\n{text}"


def _best_models(results: Reproduction) -> list[tuple[str, list[JobResult], str]]:
    """The LSTM neighbourhoods with the fewest bits, with and without left voxels."""
    out = []
    for rows in (False, True):
        found = {
            name: jobs
            for name, jobs in results.models("lstm").items()
            if name.endswith("-rows") == rows and results.bits(jobs, "order0")
        }
        if not found:
            continue
        name = min(found, key=lambda n: fmean(results.bits(found[n], "order0").values()))
        for backend, label in (("order0", "order 0"), ("conditional", "conditional")):
            out.append((f"LSTM, {name}, {label}", found[name], backend))
    return out


def _published_savings(results: Reproduction) -> str:
    """Savings of the best models against JP3D and JPEG 2000, published and ours."""
    rows = []
    for title, jobs, backend in _best_models(results):
        left = "without" if jobs[0].shape.endswith("-rows") else "with"
        for group, unseen in (("CT", False), ("MR", True)):
            for codec, bits in CLASSICAL[group].items():
                found = results.bits(jobs, backend, unseen=unseen)
                ours = saving(found, results.other_bits(codec, unseen=unseen))
                paper = percent(1 - SEQUENCE_BITS[group, left] / bits)
                rows.append([group, title, PEERS[codec].label, paper, ours or "no figure"])
    heads = ["volumes", "our best", "against", "papers' best saves", "ours saves"]
    return table(heads, rows) if rows else ""


def beyond(results: Reproduction) -> str:
    """Runs beyond the papers."""
    rows = []
    plain = {
        shape: [job for job in jobs if job.fold == 0]
        for shape, jobs in results.models("lstm").items()
    }
    extra = [job for job in results.jobs if any(row.benchmark == 0 for row in job.rows)]
    mlp = results.models("mlp")
    for shape in dict.fromkeys(job.shape for job in extra):
        for name, jobs in (("LSTM", plain.get(shape, [])), ("MLP", mlp.get(shape, []))):
            rows += [_size_row(name, job, results) for job in jobs if job.fold == 0]
        rows += [
            _size_row(job.key.removesuffix("-fold0"), job, results)
            for job in extra
            if job.shape == shape
        ]
    if not rows:
        return ""
    heads = ["model", "neighbourhood", "widths", "stored bytes", "order 0", "conditional"]
    return (
        "## Beyond the papers: attention, narrower and pruned LSTMs\n\n"
        + table([*heads, "s a slice, decode"], rows)
        + "\nVolumes of the first fold. Bytes are those of the stored integers.\n"
    )


def _size_row(name: str, job: JobResult, results: Reproduction) -> list[str]:
    widths = " x ".join(map(str, job.hidden))
    bits = [mean(results.bits([job], backend)) for backend in ("order0", "conditional")]
    stored = f"{job.model_bytes['conditional']:,}"
    return [name, job.shape, widths, stored, *bits, slice_seconds(timed(job), "decode_ns")]
