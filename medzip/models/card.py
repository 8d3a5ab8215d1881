"""The card a network carries: what it is, what it learned from, under which licences, figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medzip.models.weights import network_digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medzip.codec.plain.network import Network

__all__ = ["COHORT_LICENCE", "model_card", "volume_rows"]

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

_BASE_LICENCE = """\
Apache-2.0, as the package. Licences of the data allow this use; they are listed
  below with the origin of each volume."""
COHORT_LICENCE = """\
Whoever trained it decides, by the licences of the data, which are listed below
  where they are known."""
_BASE_COMMAND = """\
`medzip train CORPUS MODELS --work FOLDER --form {form} --steps {steps} --rate {rate}
  --seed {seed} --threads {threads}` trains its like; the sample of this one was drawn in memory,
  before there were sample stores"""
_COHORT_COMMAND = """\
`medzip train STORE MODELS --work FOLDER --steps {steps} --batch {batch} --rate {rate}
  --seed {seed}` on the sample store `{store}`"""


def model_card(about: Mapping[str, Any], network: Network) -> str:
    """Markdown of a network's card.

    Parameters
    ----------
    about
        What `medzip train` noted: form, steps, batch, rate, volumes, held_out_bits, ...
    network
        The integers.
    """
    cohort = "store" in about
    start = f", from model {about['start'][:16]}" if about.get("start") else ""
    form = network.architecture
    values = dict(about) | {
        "digest": network_digest(network),
        "neighbours": len(form.neighbourhood),
        "hidden": " x ".join(map(str, form.hidden)),
        "volumes": len(about["held_out_bits"]),
        "start": start,
        "licence": "other" if cohort else "apache-2.0",
        "kind": "cohort" if cohort else "base",
        "weights": COHORT_LICENCE if cohort else _BASE_LICENCE,
        "reproduce": (_COHORT_COMMAND if cohort else _BASE_COMMAND).format(**about),
    }
    return "".join([_TEXT.format(**values), *volume_rows(about)])


def volume_rows(about: Mapping[str, Any]) -> list[str]:
    """One row of the table a volume."""
    lines = []
    by_name = {volume["name"]: volume for volume in about["volumes"]}
    for name, bits in sorted(about["held_out_bits"].items()):
        volume = by_name[name]
        cells = [volume.get(key, "") for key in ("modality", "vendor", "origin", "licence")]
        lines.append(f"| {name} | {bits:.3f} | " + " | ".join(cells) + " |\n")
    return lines
