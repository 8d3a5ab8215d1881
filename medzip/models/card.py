"""The card a model carries: what it is, what it learned from, under which licences, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["model_card", "sequence_card"]

_TEXT = """\
---
license: {licence}
tags: [lossless-compression, ct, mr, integer-network]
---
# MedZip {kind} model, form "{form}"

A small integer network that predicts the distribution of a voxel of a CT or MR volume from its causal
3D neighbourhood ({neighbours} voxels, hidden layers {hidden}). It is part of the MedZip codec: streams
refer to it by its digest and decode to the same voxels on every machine. docs/format.md defines its
arithmetic.

- **Digest** `{digest}`
- **Intended use** lossless compression. It predicts noise and texture; it is no diagnostic tool, and
  what it has learned holds no image.
- **Limits** trained on CT and MR; other modalities decode as exactly but compress less.
- **Training** {voxels:,} voxels of {volumes} volumes, {steps:,} steps of {batch:,} voxels, peak rate
  {rate}, seed {seed}{start}; {seconds:,} s on {threads} thread(s) of {machine} ({device}), torch
  {torch}. Each volume gave at most {per_volume:,} voxels, half of them from mirror images.
- **Reproduce** {reproduce}
- **Weights' licence** {weights}

Bits per voxel outside of flat contexts, on held-out voxels of the training volumes (one in fifty; these
are not figures on unseen scanners, which benchmarks/ has):

| volume | bits | modality | scanner | origin | licence |
|---|---|---|---|---|---|
"""

_SEQUENCE_TEXT = """\
---
license: other
tags: [lossless-compression, ct, mr, integer-network]
---
# MedZip sequence model "{name}"

A predictor of the papers that MedZip comes from ({form}), in integers, with the coder of what it leaves.
docs/format.md defines its arithmetic; a stream carries it whole.

- **Digest** `{digest}`
- **Intended use** lossless compression; it is no diagnostic tool.
- **Training** {voxels:,} voxels of {volumes} volumes, {steps:,} steps of {batch:,}, rate {rate}, seed
  {seed}; {seconds:,} s on {threads} thread(s) of {machine} ({device}), torch {torch}; sample store
  `{store}`.
- **Weights' licence** {weights}

Bits per voxel of the middle of each volume (a few slices), all voxels counted, coded as one slab:

| volume | bits | modality | scanner | origin | licence |
|---|---|---|---|---|---|
"""

_BASE_LICENCE = """\
Apache-2.0, as the package. Licences of the data allow this use; they are listed
  below with the origin of each volume."""
_COHORT_LICENCE = """\
Whoever trained it decides, by the licences of the data, which are listed below
  where they are known."""
_BASE_COMMAND = """\
`medzip train CORPUS MODELS --work FOLDER --form {form} --steps {steps} --rate {rate}
  --seed {seed} --threads {threads}` trains its like; the sample of this one was drawn in memory,
  before there were sample stores"""
_COHORT_COMMAND = """\
`medzip train STORE MODELS --work FOLDER --steps {steps} --batch {batch} --rate {rate}
  --seed {seed}` on the sample store `{store}`"""


def model_card(about: Mapping[str, Any], digest: str, neighbours: int, hidden: str) -> str:
    """Markdown of a model's card.

    Parameters
    ----------
    about
        What `medzip train` noted: form, steps, batch, rate, volumes, held_out_bits, ...
    digest
        Of the network.
    neighbours
        Voxels of its neighbourhood.
    hidden
        Its hidden layers, for people.
    """
    cohort = "store" in about
    start = f", from model {about['start'][:16]}" if about.get("start") else ""
    values = dict(about) | {
        "volumes": len(about["held_out_bits"]),
        "start": start,
        "licence": "other" if cohort else "apache-2.0",
        "kind": "cohort" if cohort else "base",
        "weights": _COHORT_LICENCE if cohort else _BASE_LICENCE,
        "reproduce": (_COHORT_COMMAND if cohort else _BASE_COMMAND).format(**about),
    }
    return "".join(
        [_TEXT.format(digest=digest, neighbours=neighbours, hidden=hidden, **values), *_rows(about)]
    )


def sequence_card(about: Mapping[str, Any], digest: str, name: str) -> str:
    """Markdown of the card of a predictor of the papers; parameters as `model_card` has them."""
    values = dict(about) | {"volumes": len(about["held_out_bits"]), "weights": _COHORT_LICENCE}
    return "".join([_SEQUENCE_TEXT.format(digest=digest, name=name, **values), *_rows(about)])


def _rows(about: Mapping[str, Any]) -> list[str]:
    """One row of the table a volume."""
    lines = []
    by_name = {volume["name"]: volume for volume in about["volumes"]}
    for name, bits in sorted(about["held_out_bits"].items()):
        volume = by_name[name]
        cells = [volume.get(key, "") for key in ("modality", "vendor", "origin", "licence")]
        lines.append(f"| {name} | {bits:.3f} | " + " | ".join(cells) + " |\n")
    return lines
