"""docs/reproduction.md: published figures and ours side by side, from the results file alone.

medzip papers page RESULTS.json docs/reproduction.md [--check]
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.papers.benchmarks.sections.codecs import beyond, others
from medzip.papers.benchmarks.sections.markdown import count, paragraph, table
from medzip.papers.benchmarks.sections.neighbourhoods import seconds, shapes, unseen
from medzip.papers.benchmarks.sections.training import epochs, integers, sampling
from medzip.papers.codec.shapes import SHAPES

if TYPE_CHECKING:
    from medzip.papers.benchmarks.results import Reproduction

__all__ = ["reproduction_page"]

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
        shapes(results, 1),
        shapes(results, 2),
        unseen(results),
        seconds(results),
        sampling(results),
        epochs(results),
        others(results),
        beyond(results),
        integers(results),
    ]
    return "\n".join(part for part in parts if part)


def _head(results: Reproduction) -> str:
    size, machine = results.size, results.machine
    spent = sum(job.total_seconds for job in results.jobs)
    folder = " --unseen MR" if results.volume_names(unseen=True) else ""
    made = paragraph(
        "Written by `medzip flow benchmarks` from `benchmarks/results/reproduction.json`; a test "
        f'holds both together. Size "{size["name"]}": {len(results.jobs)} models, '
        f"{spent / 60:.0f} minutes of workers' time (training and coding, on cores that were busy "
        f"with other work as well), on {machine.get('cpu', '?')}; {results.date[:10]}."
    )
    compared = paragraph(
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
    text = table(["", "papers", "here"], rows)
    share = 4_700_000 * 60 / passes
    notes = [
        f"- {share:,.0f} times fewer samples pass through a model here than in the papers."
        if share > 1.5
        else "",
        f"- Left out at this size: {', '.join(left_out)}." if left_out else "",
        "- Slices here are 1 to 8 mm apart, theirs .625 mm: less to learn from the slice before.",
        "- The scanners differ from fold to fold; theirs was one hospital's.",
        f"- The MLP is trained for {count(size['mlp_folds'], 'fold')}.",
        f"- MR is coded by the models of {count(size['unseen_folds'], 'fold')}.",
        "- Bytes are those of slabs. Models are stored once an archive and not counted, as there.",
    ]
    return "\n".join(["## What differs", "", text, *filter(None, notes), ""])


def _start(start: str) -> str:
    return "at its least-squares solution" if start == "solved" else "random"
