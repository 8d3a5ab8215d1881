"""Pictures of what is left after prediction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np

from medzip.report.records import PictureRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LARGEST_SIDE", "residual_picture"]

LARGEST_SIDE = 512
"""Pixels of the longer side; larger slices are thinned, never averaged, as a mean hides noise."""

# Ends of the diverging map: blue for residuals below zero, red above, white between (ColorBrewer
# RdBu, readable with every common colour-vision deficiency).
_BELOW = np.array([33, 102, 172])
_ABOVE = np.array([178, 24, 43])


def _diverging() -> NDArray[np.uint8]:
    """Make the table of 511 colours for residuals from -255 to 255 of the limit."""
    share = np.abs(np.arange(-255, 256))[:, None] / 255.0
    end = np.where(np.arange(-255, 256)[:, None] < 0, _BELOW, _ABOVE)
    return np.rint(255 + (end - 255) * share).astype(np.uint8)


def _window(picture: NDArray[Any]) -> tuple[int, int]:
    """Choose the values to show black and white: the middle 98 % of what is not the background."""
    inside = picture[picture > picture.min()]
    low, high = np.percentile(inside, [1, 99]) if inside.size else (0, 1)
    return int(np.floor(low)), max(int(np.ceil(high)), int(np.floor(low)) + 1)


def _thin(picture: NDArray[Any]) -> NDArray[Any]:
    step = -(-max(picture.shape) // LARGEST_SIDE)
    return picture[::step, ::step]


def residual_picture(
    series: str,
    voxels: NDArray[Any],
    residual: NDArray[Any],
    *,
    volume: int = 0,
    first_slice: int = 0,
) -> PictureRecord:
    """Draw the middle slice of a slab beside what the model could not predict of it.

    Parameters
    ----------
    series
        Name of the object in reports.
    voxels
        Slab (z, y, x) of stored values.
    residual
        Voxel minus prediction, of the same shape.
    volume, first_slice
        Where the slab lies.

    Returns
    -------
    PictureRecord
        Both pictures as PNG, with the values that colours stand for.

    Raises
    ------
    ValueError
        If the shapes differ or are not (z, y, x).
    """
    if voxels.ndim != 3 or voxels.shape != residual.shape:
        raise ValueError(
            f"expected voxels and residuals of one shape (z, y, x), got {voxels.shape} and "
            f"{residual.shape}; take both from the same slab"
        )
    middle = voxels.shape[0] // 2
    picture = _thin(voxels[middle]).astype(np.int64)
    left = _thin(residual[middle]).astype(np.int64)
    low, high = _window(picture)
    limit = max(1, int(np.ceil(np.percentile(np.abs(left), 99))))
    grey = np.clip((picture - low) * 255 // (high - low), 0, 255).astype(np.uint8)
    colour = _diverging()[np.clip(left * 255 // limit, -255, 255) + 255]
    return PictureRecord(
        series=series,
        volume=volume,
        slice=first_slice + middle,
        window_low=low,
        window_high=high,
        residual_limit=limit,
        slice_png=bytes(imagecodecs.png_encode(grey, level=9)),
        residual_png=bytes(imagecodecs.png_encode(colour, level=9)),
    )
