"""The card of a predictor of the papers; that of a network is in `medzip.models.card`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medzip.models.card import COHORT_LICENCE, volume_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medzip.papers.codec.model import SequenceModel

__all__ = ["sequence_card"]

_TEXT = """\
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


def sequence_card(about: Mapping[str, Any], model: SequenceModel) -> str:
    """Markdown of a predictor's card; `about` as `medzip.models.card.model_card` takes it."""
    values = dict(about) | {
        "digest": model.digest,
        "name": model.name,
        "volumes": len(about["held_out_bits"]),
        "weights": COHORT_LICENCE,
    }
    return "".join([_TEXT.format(**values), *volume_rows(about)])
