"""Cohorts to measure on: a few series as scanners make them, and very many of one small slice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.bench.phantom import SeriesSpec, ct_volume, mr_volume, write_series

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["FOLDER", "SHAPE", "TINY", "write_cohort", "write_tiny"]

SHAPE = (20, 256, 256)
"""Of each series."""
TINY = (64, 64)
"""Of the one slice of a tiny series."""
FOLDER = 100
"""Tiny files a folder."""

_SLICES = 32  # so many are drawn; each tiny series is one of them with noise of its own
_DIGITS = 10  # of a unique identifier, which tell one tiny series from another


def write_cohort(folder: Path, series: int, shape: tuple[int, int, int] = SHAPE) -> None:
    """Write series of nobody as DICOM, CT and MR in turn, a folder each."""
    for number in range(series):
        modality, draw = ("MR", mr_volume) if number % 2 else ("CT", ct_volume)
        spec = SeriesSpec(number + 1, 1, 2, modality, f"Pipeline {modality}")
        write_series(folder / f"series-{number + 1:02d}", draw(shape, seed=number + 1), spec)


def write_tiny(folder: Path, series: int) -> None:
    """Write series of one slice each, `FOLDER` files a folder.

    One is written as DICOM; the others are its bytes with other identifiers and other voxels, since
    ten thousand headers take a minute to make.
    """
    spec = SeriesSpec(1, 1, 2, "CT", "Pipeline tiny")
    slices = ct_volume((_SLICES, *TINY), seed=1)
    (file,) = write_series(folder, slices[:1], spec)
    head = file.read_bytes()[: -slices[0].nbytes]
    file.unlink()
    uids = [str(spec.uid(1, 1, 2)), str(spec.uid(1, 1, 2, 0))]  # of the series, of its slice
    generator = np.random.default_rng(1)
    for number in range(series):
        named = head
        for uid in uids:
            own = f"{uid[:-_DIGITS]}{number:0{_DIGITS}d}"
            named = named.replace(uid.encode(), own.encode())
        noise = generator.integers(0, 4, TINY, dtype=np.uint16)
        voxels = (slices[number % _SLICES] + noise).astype("<u2")
        path = folder / f"{number // FOLDER:05d}" / f"{number % FOLDER:02d}.dcm"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(named + voxels.tobytes())
