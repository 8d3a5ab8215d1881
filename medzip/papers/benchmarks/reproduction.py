"""docs/reproduction.md: published figures and ours side by side, from the results file alone.

medzip papers page RESULTS.json docs/reproduction.md [--check]
"""

from __future__ import annotations

import textwrap
from statistics import fmean
from typing import TYPE_CHECKING, Any

from medzip.bench.peers import PEERS
from medzip.papers.benchmarks.published import CLASSICAL, MR, PUBLISHED, SEQUENCE_BITS
from medzip.papers.codec.shapes import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from medzip.papers.benchmarks.records import JobResult, Row
    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["reproduction_page"]

SLICE = 512 * 512
"""Voxels of a slice of the papers."""
PAPER = {
    "volumes": "12 CT (private, 728 to 1120 slices of 512 x 512), 12 MR",
    "LSTM": "128 units",
    "samples": "4,700,000",
    "epochs": "60",
    "batch, rate": "128, 1e-4, kept",
    "normalised": "each volume, in floats",
}


def reproduction_page(results: Reproduction) -> str:
    """The whole page, Markdown."""
    parts = [
        _head(results),
        _differences(results),
        _shapes(results, 1),
        _shapes(results, 2),
        _unseen(results),
        _seconds(results),
        _sampling(results),
        _epochs(results),
        _others(results),
        _beyond(results),
        _integers(results),
    ]
    return "\n".join(part for part in parts if part)


def _head(results: Reproduction) -> str:
    size, machine = results.size, results.machine
    spent = sum(job.total_seconds for job in results.jobs)
    folder = " --unseen MR" if results.volume_names(unseen=True) else ""
    made = _paragraph(
        "Written by `medzip flow benchmarks` from `benchmarks/results/reproduction.json`; a test "
        f'holds both together. Size "{size["name"]}": {len(results.jobs)} models, '
        f"{spent / 60:.0f} minutes of workers' time (training and coding, on cores that were busy "
        f"with other work as well), on {machine.get('cpu', '?')}; {results.date[:10]}."
    )
    compared = _paragraph(
        "The papers' CT volumes are private. Bits per voxel of different volumes do not compare, "
        "so what is compared are **savings against JPEG 2000 (and JP3D) on the same volumes**: "
        "one minus the ratio of mean bits."
    )
    command = f"    medzip flow benchmarks CT OUT{folder} --size {size['name']}\n"
    return f"# The papers' benchmarks, repeated\n\n{made}\n{command}\n{compared}"


def _differences(results: Reproduction) -> str:
    size = results.size
    lstm = size["lstm"]
    ct, mr = results.volume_names(unseen=False), results.volume_names(unseen=True)
    crop = size["crop"]
    cut = f", the middle {' x '.join(map(str, crop))} voxels of each" if crop else ""
    passes = lstm["samples"] * lstm["epochs"]
    left_out = [name for name in SHAPES if name not in size["shapes"]]
    decay = "falling to 0" if lstm["decay"] else "kept"
    ours = {
        "volumes": f"{len(ct)} CT, {len(mr)} MR of public collections{cut}",
        "LSTM": f"{lstm['hidden'][0]} units",
        "samples": f"{lstm['samples']:,}",
        "epochs": str(lstm["epochs"]),
        "batch, rate": f"{lstm['batch']}, {lstm['rate']:g}, {decay}",
        "normalised": "each slab, in 14 bits; integers all the way",
    }
    rows = [[what, PAPER[what], ours[what]] for what in PAPER]
    rows.append(["output layer starts", "random", _start(lstm["start"])])
    text = _table(["", "papers", "here"], rows)
    share = 4_700_000 * 60 / passes
    notes = [
        f"- {share:,.0f} times fewer samples pass through a model here than in the papers."
        if share > 1.5
        else "",
        f"- Left out at this size: {', '.join(left_out)}." if left_out else "",
        "- Slices here are 1 to 8 mm apart, theirs .625 mm: less to learn from the slice before.",
        "- The scanners differ from fold to fold; theirs was one hospital's.",
        f"- The MLP is trained for {_count(size['mlp_folds'], 'fold')}.",
        f"- MR is coded by the models of {_count(size['unseen_folds'], 'fold')}.",
        "- Bytes are those of slabs. Models are stored once an archive and not counted, as there.",
    ]
    return "\n".join(["## What differs", "", text, *filter(None, notes), ""])


def _start(start: str) -> str:
    return "at its least-squares solution" if start == "solved" else "random"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _shapes(results: Reproduction, benchmark: int) -> str:
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
        row.append(_percent(1 - paper.bits / published_base))
        for jobs, backend in (
            (lstm[name], "order0"),
            (lstm[name], "conditional"),
            (mlp.get(name, []), "conditional"),
        ):
            bits = results.bits(jobs, backend)
            row += [_mean(bits), _saving(bits, base)]
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
        f"Savings are against JPEG 2000: {published_base} bits in the papers, {_mean(own)} here. "
        "*Order 0* is the papers' coder; *conditional* codes the same predictions with a "
        "distribution as wide as recent errors."
    )
    folds = results.size["mlp_folds"]
    if 0 < folds < results.size["folds"]:
        note += f" The MLP's figures are of the volumes of {_count(folds, 'fold')} alone."
    note += _alike(results, lstm, benchmark)
    head = f"## Benchmark {benchmark}: neighbourhoods {title}"
    return f"{head}\n\n{_table(heads, rows)}\n{_paragraph(note)}"


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


def _unseen(results: Reproduction) -> str:
    """MR volumes by models trained on CT."""
    base = results.other_bits("jpeg-2000", unseen=True)
    published_base = CLASSICAL["MR"]["jpeg-2000"]
    rows = []
    for name, jobs in _in_order(results.models("lstm")):
        bits = {b: results.bits(jobs, b, unseen=True) for b in ("order0", "conditional")}
        if not bits["order0"]:
            continue
        paper = MR.get(name)
        row = [name, "" if paper is None else f"{paper:.3f}"]
        row.append("" if paper is None else _percent(1 - paper / published_base))
        for found in bits.values():
            row += [_mean(found), _saving(found, base)]
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
        + _table(heads, rows)
        + "\n"
        + _paragraph(
            f"JPEG 2000: {published_base} bits in the papers, {_mean(base)} here. The papers' text "
            "gives figures of some neighbourhoods only."
        )
    )


def _seconds(results: Reproduction) -> str:
    """Benchmark 3, scaled to a slice of 512 x 512."""
    rows = []
    checked = [row for row in results.rows if row.benchmark == 3]
    kinds = {kind: results.models(kind) for kind in ("lstm", "mlp")}
    for name, paper in PUBLISHED.items():
        row = [name, f"{paper.encode:.2f}", f"{paper.decode:,.1f}"]
        found = False
        for models in kinds.values():
            timed = [r for job in models.get(name, []) for r in _timed(job)]
            found = found or bool(timed)
            row += [_slice_seconds(timed, "encode_ns"), _slice_seconds(timed, "decode_ns")]
        if found:
            rows.append(row)
    if not rows:
        return ""
    lossless = sum(bool(row.lossless) for row in checked)
    left = [n for n in PUBLISHED if not n.endswith("-rows") and n in kinds["lstm"]]
    theirs = fmean(PUBLISHED[name].decode / PUBLISHED[name].encode for name in left)
    pairs = [row for name in left for job in kinds["lstm"][name] for row in _timed(job)]
    ours = fmean(row.decode_ns / row.encode_ns for row in pairs)
    heads = ["neighbourhood", "papers, encode", "decode", "LSTM here, encode", "decode"]
    heads += ["MLP here, encode", "decode"]
    units = results.size["lstm"]["hidden"][0]
    piece = results.size["timed"]
    what = f"a piece of {' x '.join(map(str, piece))} voxels" if piece else "a whole slice"
    text = _paragraph(
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
    return f"{title}\n\n{_table(heads, rows)}\n{text}"


def _timed(job: JobResult) -> list[Row]:
    return [row for row in job.rows if row.benchmark == 3 and row.backend == "order0"]


def _slice_seconds(rows: Sequence[Row], what: str) -> str:
    if not rows:
        return ""
    return f"{fmean(getattr(row, what) / row.voxels for row in rows) * SLICE / 1e9:.2f}"


def _sampling(results: Reproduction) -> str:
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
            rows.append(
                [scheme, *(_mean(results.bits(jobs, b)) for b in ("order0", "conditional"))]
            )
    if not rows:
        return ""
    return (
        f"## Benchmark 4: sampling schemes ({shape})\n\n"
        + _table(["scheme", "LSTM, order 0", "conditional"], rows)
        + "\n"
        + _paragraph(
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


def _epochs(results: Reproduction) -> str:
    """Benchmark 5."""
    epochs = results.size["snapshots"]
    rows = []
    for name, jobs in _in_order(results.models("lstm")):
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
    heads = ["neighbourhood", *(f"after {_count(e, 'epoch')}" for e in epochs)]
    return (
        "## Benchmark 5: bits per voxel of one volume during training\n\n"
        + _table(heads, rows)
        + "\n"
        + _paragraph(
            "The papers draw a curve, without numbers, for epochs 10 to 60; the widest pyramid "
            "ends lowest there. Order-0 coder."
        )
    )


def _others(results: Reproduction) -> str:
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
            row += [_mean(found[unseen], bases[unseen]), _saving(found[unseen], bases[unseen])]
        rows.append(row)
    for title, jobs, backend in best:
        row = [title]
        for unseen in (False, True):
            bits = results.bits(jobs, backend, unseen=unseen)
            row += [_mean(bits), _saving(bits, bases[unseen])]
        rows.append(row)
    if not rows:
        return ""
    text = _table(["codec", "CT", "saving", "MR", "saving"], rows)
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
                ours = _saving(found, results.other_bits(codec, unseen=unseen))
                paper = _percent(1 - SEQUENCE_BITS[group, left] / bits)
                rows.append([group, title, PEERS[codec].label, paper, ours or "no figure"])
    heads = ["volumes", "our best", "against", "papers' best saves", "ours saves"]
    return _table(heads, rows) if rows else ""


def _beyond(results: Reproduction) -> str:
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
        + _table([*heads, "s a slice, decode"], rows)
        + "\nVolumes of the first fold. Bytes are those of the stored integers.\n"
    )


def _size_row(name: str, job: JobResult, results: Reproduction) -> list[str]:
    widths = " x ".join(map(str, job.hidden))
    bits = [_mean(results.bits([job], backend)) for backend in ("order0", "conditional")]
    stored = f"{job.model_bytes['conditional']:,}"
    return [name, job.shape, widths, stored, *bits, _slice_seconds(_timed(job), "decode_ns")]


def _integers(results: Reproduction) -> str:
    """What quantisation costs."""
    rows = []
    for kind in ("lstm", "mlp", "attention"):
        costs = [job.quantisation for job in results.jobs if job.kind == kind]
        if costs:
            rows.append([kind, str(len(costs)), f"{fmean(costs):+.4f}", f"{max(costs):+.4f}"])
    heads = ["predictor", "models", "mean bits a voxel", "most"]
    return (
        "## Integers instead of floats\n\n"
        + _table(heads, rows)
        + "\n"
        + _paragraph(
            "Estimated on training voxels: bits of a two-sided geometric law of the errors' mean "
            "size, integers minus floats."
        )
    )


def _in_order(models: Mapping[str, list[JobResult]]) -> Iterable[tuple[str, list[JobResult]]]:
    return ((name, models[name]) for name in SHAPES if name in models)


def _mean(bits: Mapping[str, float], like: Mapping[str, float] | None = None) -> str:
    """Mean over volumes; empty where there are none, marked where some of `like` are missing."""
    if not bits:
        return ""
    missing = set(like or ()) - set(bits)
    return f"{fmean(bits.values()):.3f}" + (f" ({len(bits)} volumes)" if missing else "")


def _saving(bits: Mapping[str, float], base: Mapping[str, float]) -> str:
    """Saving of the mean bits over the volumes that both have."""
    both = [name for name in bits if name in base]
    if not both:
        return ""
    return _percent(1 - fmean(bits[name] for name in both) / fmean(base[name] for name in both))


def _percent(share: float) -> str:
    return f"{100 * share:+.1f} %"


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False) + "\n"


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = [list(heads), ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(map(str, line)) + " |\n" for line in lines)
