"""One set of results out of several: a later run fills in what an earlier one lacks.

A run of all codecs takes hours. Where one of them failed and is mended afterwards, it alone is
measured again, and tables say so.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from medzip.bench.records import Filled

if TYPE_CHECKING:
    from medzip.bench.results import Results

__all__ = ["filled"]


def filled(first: Results, *later: Results) -> Results:
    """Results with the figures of later runs where the first has none that counts.

    Raises
    ------
    ValueError
        If a later run measured other voxels under the same name.
    """
    shapes = {slab.name: (slab.shape, slab.dtype) for slab in first.slabs}
    known = {codec.name for codec in first.codecs}
    measurements = {(m.slab, m.codec): m for m in first.measurements}
    told: list[Filled] = list(first.filled)
    for run in later:
        for slab in run.slabs:
            if shapes.get(slab.name) not in (None, (slab.shape, slab.dtype)):
                raise ValueError(
                    f"expected {slab.name} of {shapes[slab.name]}, as before, got "
                    f"{(slab.shape, slab.dtype)}; measure both on the same data"
                )
        for measured in run.measurements:
            place = (measured.slab, measured.codec)
            before = measurements.get(place)
            wanted = before is None or before.failed
            if measured.ok and wanted and measured.slab in shapes and measured.codec in known:
                measurements[place] = measured
                told.append(Filled(measured.slab, measured.codec, run.date, run.commit))
    return dataclasses.replace(first, measurements=tuple(measurements.values()), filled=tuple(told))
