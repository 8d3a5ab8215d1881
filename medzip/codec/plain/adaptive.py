"""From voxels to inputs and to the centre and unit of a distribution, with memory (plain NumPy).

The straight prediction is a linear filter of the neighbourhood whose weights the model carries:
least absolute deviations over the series. Its error at a voxel is predicted from its errors at the
nearest voxels by a second filter that learns as it goes: a normalised LMS, one set of coefficients
a row of each slice, each mixed with those of the row above and of the slice before, which ran
ahead. So the coefficients follow the place: they come from where the wavefront has been, nearby.

Everything is counted in integers: predictions and errors in 1/16 of a voxel unit, coefficients in
2^-16. Source of the adaptation: normalised least mean squares, step 1/2, with diffusion between
neighbouring nodes (Haykin, Adaptive Filter Theory; Lopes and Sayed 2008).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from medzip.codec.plain.features import (
    ERROR_BITS,
    INPUT_LIMIT,
    Scale,
    differences_at,
    position,
    radius,
    scaled,
)
from medzip.codec.schedule import wavefront

if TYPE_CHECKING:
    from medzip.codec.plain.network import Network

__all__ = ["COEFFICIENT_LIMIT", "LINEAR_BITS", "PREDICTION_LIMIT", "Features", "Predictor"]

LINEAR_BITS = 13
"""Fractional bits of the straight prediction's weights."""
PREDICTION_LIMIT = 65535 << 4
"""Predictions lie in 0 .. 65535 voxel units."""
COEFFICIENT_LIMIT = 4 << 16
"""Coefficients of the correction are clipped to +-4."""
DIFFERENCE_FLOOR = 4
"""One voxel unit in quarters: the least scale of d."""
ERROR_FLOOR = 8
"""Half a voxel unit in 1/16: the least scale of errors."""
LOG_CENTRE = 6 << 8
"""log2 of d's scale is given relative to 2^4 voxel units, 2^6 quarters."""
GAIN = 1 << 22
"""Step 1/2 in the units of coefficients, inputs and errors."""


@dataclass(frozen=True)
class Features:
    """Features of n voxels of one step.

    Attributes
    ----------
    q
        int64 (n, inputs): inputs of the network, within +-127.
    m4
        int64 (n,): four times the local mean, packed units.
    spread
        int64 (n,): sum of |d| over the nearest neighbours.
    flat
        bool (n,): whether the nearest neighbours are all equal.
    centre
        int64 (n,): p, 1/16 of a packed unit.
    reciprocal
        int64 (n,): 2^24 / the scale of e in packed units.
    """

    q: np.ndarray
    m4: np.ndarray
    spread: np.ndarray
    flat: np.ndarray
    centre: np.ndarray
    reciprocal: np.ndarray


class Predictor:
    """Walks one slab along its wavefront; `features`, then `update`, step by step.

    Parameters
    ----------
    network
        Whose neighbourhood and linear weights to use.
    values
        uint16 (depth, height, width), packed; read up to the step, may be filled as it is decoded.
    origin
        Stands for what lies outside of the first slice.

    Attributes
    ----------
    coefficients
        int64 (depth, height, taps): the correction's, 2^-16.
    """

    def __init__(self, network: Network, values: np.ndarray, origin: int) -> None:
        form = network.architecture
        self._form, self._linear = form, network.linear.astype(np.int64)
        self._reach = network.linear_reach
        self._values, self._origin = values, origin
        depth, height, _ = values.shape
        schedule = wavefront(form.neighbourhood)
        self._ahead = schedule.wz // schedule.wy
        self._straight = np.zeros(values.shape, dtype=np.int64)  # e0
        self._rest = np.zeros(values.shape, dtype=np.int64)  # e
        self.coefficients = np.zeros((depth, height, form.taps), dtype=np.int64)

    def features(self, voxels: np.ndarray) -> Features:
        """Features of the voxels of a step, int64 (n, 3); moves their rows' coefficients."""
        form = self._form
        m4, d, flat = differences_at(self._values, self._origin, voxels, form.neighbourhood)
        near = list(form.near_list)
        kind = np.minimum(voxels[:, 0], form.neighbourhood.depth)
        spread = np.abs(d[:, near]).sum(axis=1)
        spread = spread * len(near) // self._usable(near, kind)
        d_scale = Scale(spread + DIFFERENCE_FLOOR * len(near), len(near))
        straight = (np.clip(d, -self._reach, self._reach) * self._linear[kind]).sum(axis=1)
        p0 = 4 * m4 + ((straight + (1 << (LINEAR_BITS - 3))) >> (LINEAR_BITS - 2))
        p0 = np.where(flat, 4 * m4, np.clip(p0, 0, PREDICTION_LIMIT))
        x, x_scale = self._errors(self._straight, form.tap_list, voxels, kind)
        x[flat] = 0
        coefficients = self._moved(voxels, flat)
        unit = (x_scale.total * ((1 << 20) // x_scale.count)) >> 20
        change = ((coefficients * x).sum(axis=1) * unit + (1 << 19)) >> 20
        p = np.clip(p0 + change, 0, PREDICTION_LIMIT)
        e, e_scale = self._errors(self._rest, form.error_list, voxels, kind)
        away = (p - 4 * m4 + 2) >> 2
        px = position(self._values.shape[2])[voxels[:, 2]]
        py = position(self._values.shape[1])[voxels[:, 1]]
        extras = (
            (d_scale.log2 - LOG_CENTRE + 8) >> 4,
            (e_scale.log2 - d_scale.log2 + 4) >> 3,
            (x_scale.log2 - e_scale.log2 + 4) >> 3,
            np.where(voxels[:, 0] >= 1, 64, 0),
            np.where(voxels[:, 0] >= 2, 64, 0),
            scaled(away, d_scale),
            scaled(p - p0, e_scale),
            px,
            py,
            radius(px, py),
        )
        q = np.concatenate([scaled(d[:, near], d_scale), e, x, np.stack(extras, axis=1)], axis=1)
        self._step = _Step(voxels, flat, p0, p, x, x_scale, coefficients)
        limited = np.clip(q, -INPUT_LIMIT, INPUT_LIMIT)
        return Features(limited, m4, spread, flat, p, 4 * e_scale.reciprocal)

    def update(self) -> None:
        """Learn from the voxels of the last step, whose values are in place now."""
        step = self._step
        at = tuple(step.voxels.T)
        value = self._values[at].astype(np.int64) << ERROR_BITS
        self._straight[at] = value - step.p0
        self._rest[at] = value - step.p
        wrong = scaled(value - step.p, step.scale)
        energy = (step.x * step.x).sum(axis=1) + step.scale.count
        gain = (wrong * (GAIN // energy)) >> 3
        moved = step.coefficients + ((gain[:, None] * step.x + 8) >> 4)
        moved = np.clip(moved, -COEFFICIENT_LIMIT, COEFFICIENT_LIMIT)
        rows = ~step.flat
        self.coefficients[tuple(step.voxels[rows, :2].T)] = moved[rows]

    def _errors(
        self, errors: np.ndarray, offsets: tuple[int, ...], voxels: np.ndarray, kind: np.ndarray
    ) -> tuple[np.ndarray, Scale]:
        """Errors at some neighbours, in their scale, and that scale; 0 outside of the slice."""
        neighbourhood = self._form.neighbourhood
        at = voxels[:, None, :] + neighbourhood.array[None, list(offsets), :]
        inside = ((at >= 0) & (at < np.array(errors.shape))).all(axis=2)
        z, y, x = np.where(inside[:, :, None], at, 0).transpose(2, 0, 1)
        found = np.where(inside, errors[z, y, x], 0)
        total = np.abs(found).sum(axis=1) * len(offsets) // self._usable(offsets, kind)
        scale = Scale(total + ERROR_FLOOR * len(offsets), len(offsets))
        return scaled(found, scale), scale

    def _moved(self, voxels: np.ndarray, flat: np.ndarray) -> np.ndarray:
        """Coefficients of the voxels' rows, drawn to those above and in the slice before."""
        old = self.coefficients
        z, y, _ = voxels.T
        now = old[z, y]
        up = np.where((y > 0)[:, None], old[z, np.maximum(y - 1, 0)], now)
        mixed = now + ((up - now) >> 2)
        ahead = y + self._ahead
        known = (z > 0) & (ahead < old.shape[1])
        before = old[np.maximum(z - 1, 0), np.minimum(ahead, old.shape[1] - 1)]
        mixed = np.where(known[:, None], mixed + ((before - mixed) >> 3), mixed)
        return np.asarray(np.where(flat[:, None], now, mixed))

    def _usable(self, offsets: tuple[int, ...] | list[int], kind: np.ndarray) -> np.ndarray:
        """How many of these neighbours exist, int64 (n,)."""
        planes = -self._form.neighbourhood.array[list(offsets), 0]
        return np.asarray((planes[None, :] <= kind[:, None]).sum(axis=1))


@dataclass(frozen=True)
class _Step:
    """What `features` leaves for `update`."""

    voxels: np.ndarray
    flat: np.ndarray
    p0: np.ndarray
    p: np.ndarray
    x: np.ndarray
    scale: Scale
    coefficients: np.ndarray
