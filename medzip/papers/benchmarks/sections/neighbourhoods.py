"""The page: benchmarks 1 to 3, all neighbourhoods on CT and MR, and their seconds."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING

from medzip.papers.benchmarks.published import CLASSICAL, MR, PUBLISHED
from medzip.papers.benchmarks.sections.markdown import (
    count,
    mean,
    paragraph,
    percent,
    saving,
    table,
)
from medzip.papers.codec.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from medzip.papers.benchmarks.records import JobResult, Row
    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["in_order", "seconds", "shapes", "slice_seconds", "timed", "unseen"]

SLICE = 512 * 512
"""Voxels of a slice of the papers."""


def shapes(results: Reproduction, benchmark: int) -> str:
    """Benchmarks 1 and 2: all neighbourhoods of the cohort."""
    lstm, mlp = results.models("lstm"), results.models("mlp")
    base = results.other_bits("jpeg-2000")
    published_base = CLASSICAL["CT"]["jpeg-2000"]
    rows = []
    for name, form in SHAPES.items():
        if name.endswith("-rows") != (benchmark == 2) or name not in lstm:
            continue
        paper = PUBLISHED[name]
        row = [name, f"{paper.length} / {len(form)}", f"{paper.bits:.3f}"]
        row.append(percent(1 - paper.bits / published_base))
        for jobs, backend in (
            (lstm[name], "order0"),
            (lstm[name], "conditional"),
            (mlp.get(name, []), "conditional"),
        ):
            bits = results.bits(jobs, backend)
            row += [mean(bits), saving(bits, base)]
        rows.append(row)
    if not rows:
        return ""
    title = "with left voxels" if benchmark == 1 else "without left voxels"
    heads = ["neighbourhood", "voxels, papers / here", "papers", "saving"]
    heads += [
        "LSTM, order 0",
        "saving",
        "LSTM, conditional",
        "saving",
        "MLP, conditional",
        "saving",
    ]
    own = results.other_bits("jpeg-2000")
    note = (
        f"Savings are against JPEG 2000: {published_base} bits in the papers, {mean(own)} here. "
        "*Order 0* is the papers' coder; *conditional* codes the same predictions with a "
        "distribution as wide as recent errors."
    )
    folds = results.size["mlp_folds"]
    if 0 < folds < results.size["folds"]:
        note += f" The MLP's figures are of the volumes of {count(folds, 'fold')} alone."
    note += _alike(results, lstm, benchmark)
    head = f"## Benchmark {benchmark}: neighbourhoods {title}"
    return f"{head}\n\n{table(heads, rows)}\n{paragraph(note)}"


def _alike(results: Reproduction, lstm: Mapping[str, list[JobResult]], benchmark: int) -> str:
    """Says so where pyramids of all sizes give the same bits, other than in the papers."""
    names = [
        name
        for name in lstm
        if name.startswith("pyramid") and name.endswith("-rows") == (benchmark == 2)
    ]
    if len(names) < 2:
        return ""
    means = [fmean(results.bits(lstm[name], "order0").values()) for name in names]
    ours = max(means) / min(means) - 1
    published = [PUBLISHED[name].bits for name in names]
    theirs = max(published) / min(published) - 1
    if ours > 0.5 * theirs:
        return ""
    return (
        f" The LSTM's pyramids lie within {100 * ours:.1f} % here, {100 * theirs:.1f} % in the "
        "papers: so short a training teaches it to read the last voxels of a sequence and no "
        "more, and the neighbourhoods cannot be told apart by it. The savings of the papers are "
        "not reached at this size."
    )


def unseen(results: Reproduction) -> str:
    """MR volumes by models trained on CT."""
    base = results.other_bits("jpeg-2000", unseen=True)
    published_base = CLASSICAL["MR"]["jpeg-2000"]
    rows = []
    for name, jobs in in_order(results.models("lstm")):
        bits = {b: results.bits(jobs, b, unseen=True) for b in ("order0", "conditional")}
        if not bits["order0"]:
            continue
        paper = MR.get(name)
        row = [name, "" if paper is None else f"{paper:.3f}"]
        row.append("" if paper is None else percent(1 - paper / published_base))
        for found in bits.values():
            row += [mean(found), saving(found, base)]
        rows.append(row)
    if not rows:
        return ""
    heads = [
        "neighbourhood",
        "papers",
        "saving",
        "LSTM, order 0",
        "saving",
        "conditional",
        "saving",
    ]
    return (
        "## Benchmarks 1 and 2 on MR, models trained on CT\n\n"
        + table(heads, rows)
        + "\n"
        + paragraph(
            f"JPEG 2000: {published_base} bits in the papers, {mean(base)} here. The papers' text "
            "gives figures of some neighbourhoods only."
        )
    )


def seconds(results: Reproduction) -> str:
    """Benchmark 3, scaled to a slice of 512 x 512."""
    rows = []
    checked = [row for row in results.rows if row.benchmark == 3]
    kinds = {kind: results.models(kind) for kind in ("lstm", "mlp")}
    for name, paper in PUBLISHED.items():
        row = [name, f"{paper.encode:.2f}", f"{paper.decode:,.1f}"]
        found = False
        for models in kinds.values():
            taken = [r for job in models.get(name, []) for r in timed(job)]
            found = found or bool(taken)
            row += [slice_seconds(taken, "encode_ns"), slice_seconds(taken, "decode_ns")]
        if found:
            rows.append(row)
    if not rows:
        return ""
    lossless = sum(bool(row.lossless) for row in checked)
    left = [n for n in PUBLISHED if not n.endswith("-rows") and n in kinds["lstm"]]
    theirs = fmean(PUBLISHED[name].decode / PUBLISHED[name].encode for name in left)
    pairs = [row for name in left for job in kinds["lstm"][name] for row in timed(job)]
    ours = fmean(row.decode_ns / row.encode_ns for row in pairs)
    heads = ["neighbourhood", "papers, encode", "decode", "LSTM here, encode", "decode"]
    heads += ["MLP here, encode", "decode"]
    units = results.size["lstm"]["hidden"][0]
    piece = results.size["timed"]
    what = f"a piece of {' x '.join(map(str, piece))} voxels" if piece else "a whole slice"
    text = paragraph(
        f"Papers: GTX 1080, LSTM of 128 units. Here: one busy core, LSTM of {units} units, "
        f"measured once on {what} (order-0 coder) and scaled: seconds do not compare, and vary "
        "severalfold with what else ran (`benchmarks/sequence_speed.py` measures better). What "
        "compares "
        "is decoding to encoding with left voxels: the papers decode voxel by voxel and take "
        f"{theirs:.0f} times as long as for encoding; the linear wavefront here predicts all "
        f"voxels of a step in one batch and takes {ours:.1f} times as long. Of {len(checked)} "
        f"pieces (both back-ends of all models that were timed) {lossless} decoded to the same "
        "voxels."
    )
    title = "## Benchmark 3: seconds for as many voxels as a 512 x 512 slice has"
    return f"{title}\n\n{table(heads, rows)}\n{text}"


def timed(job: JobResult) -> list[Row]:
    """Rows of a job that have seconds, of the order-0 coder."""
    return [row for row in job.rows if row.benchmark == 3 and row.backend == "order0"]


def slice_seconds(rows: Sequence[Row], what: str) -> str:
    """Mean seconds of `what` ("encode_ns", "decode_ns") for the voxels of a slice."""
    if not rows:
        return ""
    return f"{fmean(getattr(row, what) / row.voxels for row in rows) * SLICE / 1e9:.2f}"


def in_order(models: Mapping[str, list[JobResult]]) -> Iterable[tuple[str, list[JobResult]]]:
    """Models by shape, in the order of the shapes."""
    return ((name, models[name]) for name in SHAPES if name in models)
