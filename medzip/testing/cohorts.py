"""Small cohorts and stores for the tests of sampling and training."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from medzip.bench.phantom import ct_volume
from medzip.codec.plain.network import Architecture
from medzip.training.inputs import InputsForm
from medzip.training.store import SampleStore
from medzip.training.writing import write_series
from medzip.volumes.about import SeriesAbout

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from medzip.training.forms import Form

__all__ = ["FORM", "cohort", "make_store"]

FORM = InputsForm("tiny", Architecture((10, 2), 16, 12, 8, (16, 16), (4, 5)))
SCANNERS = ("A", "A", "B")


def cohort(shape: tuple[int, int, int] = (12, 48, 48)) -> dict[SeriesAbout, np.ndarray]:
    """Two series of one scanner and one of another."""
    out = {}
    for number, scanner in enumerate(SCANNERS):
        voxels = ct_volume(shape, seed=number)
        key = hashlib.sha256(voxels.tobytes()).hexdigest()
        out[SeriesAbout(f"s{number}", key, voxels.size, "CT", scanner, "soft", "0.7")] = voxels
    return out


def make_store(folder: Path, voxels: int = 4000, seed: int = 0, form: Form = FORM) -> SampleStore:
    """A complete store of `cohort()`."""
    series = cohort()
    store = SampleStore.plan(folder, form, series, voxels, seed)
    for about, volume in series.items():
        write_series(store, about.key, volume)
    return SampleStore.open(folder)
