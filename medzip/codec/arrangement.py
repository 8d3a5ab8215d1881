"""In which shape a slab is coded: axes in another order, long rows folded (docs/format.md).

The wavefront takes wz (depth - 1) + wy (height - 1) + width steps, and a step costs as much as
some dozens of voxels, however few it holds. Most slabs are coded as they are. Where lengths are
such that steps would hold next to nothing, the axes change places, so that the longest one is the
cheapest; rows that are far longer than all else are folded into slices of their own. The rule looks
at nothing but the shape.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import permutations

import numpy as np

__all__ = ["ORDERS", "PLAIN", "Arrangement", "arrangement_of"]

Shape = tuple[int, int, int]

ORDERS = tuple(permutations(range(3)))
"""Which axis of the slab each axis of what is coded is; their places are part of the format."""
WAVE = (13, 4, 1)
"""The wavefront that the rule reckons with, about that of the shipped models."""
REACH = 4
STEP_VOXELS = 64
"""A step costs about as much as so many voxels beside those that it holds."""
FEW_STEPS = 2048
"""A slab of no more steps stays as it is: a fraction of a second, whatever it holds."""
GAIN = 2
"""So many times less work pays for another order."""
MOST_ROWS = 64
"""Of more rows none is folded: a slice each would be steps again."""
MOST_STORE = 1 << 30
"""Bytes of a skewed store; a slab that would take more could not be coded as it is."""


@dataclass(frozen=True)
class Arrangement:
    """How a slab is turned into what is coded.

    Attributes
    ----------
    order
        Place in `ORDERS`.
    rows
        Each row of the turned slab becomes a slice of so many; 0: nothing is folded.
    """

    order: int = 0
    rows: int = 0

    @property
    def field(self) -> int:
        """As the header of a slab holds it."""
        return self.order + 8 * self.rows

    @classmethod
    def of_field(cls, field: int) -> Arrangement:
        """The inverse of `field`; `fits` says whether it can be."""
        return cls(field & 7, field >> 3)

    def fits(self, shape: Shape) -> bool:
        """Whether slabs of a shape can be arranged so."""
        return self.order < len(ORDERS) and (
            self.rows == 0 or 2 <= self.rows <= _turned(shape, self.order)[2]
        )

    def shape_of(self, shape: Shape) -> Shape:
        """The shape in which a slab is coded."""
        depth, height, width = turned = _turned(shape, self.order)
        if not self.rows:
            return turned
        return depth * height, self.rows, -(-width // self.rows)

    def arrange(self, values: np.ndarray) -> np.ndarray:
        """A slab (z, y, x) as it is coded; what a fold leaves open repeats its row's last value."""
        turned = np.ascontiguousarray(values.transpose(ORDERS[self.order]))
        if not self.rows:
            return turned
        depth, height, width = turned.shape
        shape = self.shape_of(_triple(values))
        out = np.empty((depth * height, math.prod(shape[1:])), dtype=values.dtype)
        out[:, :width] = turned.reshape(-1, width)
        out[:, width:] = out[:, width - 1 : width]
        return out.reshape(shape)

    def restore(self, values: np.ndarray, shape: Shape) -> np.ndarray:
        """The inverse of `arrange` for a slab of a shape."""
        turned = _turned(shape, self.order)
        rows = values.reshape(turned[0] * turned[1], -1)[:, : turned[2]]
        back = np.argsort(ORDERS[self.order])
        return np.ascontiguousarray(rows.reshape(turned).transpose(back))

    def is_sound(self, values: np.ndarray, shape: Shape) -> bool:
        """Whether `arrange` could have left these values where a fold leaves room."""
        depth, height, width = _turned(shape, self.order)
        rows = values.reshape(depth * height, -1)
        return not self.rows or bool((rows[:, width:] == rows[:, width - 1 : width]).all())


PLAIN = Arrangement()
"""As it is."""


def arrangement_of(shape: Shape) -> Arrangement:
    """How slabs of a shape are arranged.

    Axes of length 1 go first. Where that leaves more than `FEW_STEPS` steps, axes are put in order
    of their lengths if it takes less than 1 / `GAIN` of the work, and then folded likewise.
    """
    if 0 in shape:
        return PLAIN
    best = _ordered([shape[axis] > 1 for axis in range(3)])
    rising = _ordered(list(shape))
    first, second, longest = _turned(shape, rising.order)
    rows = math.isqrt(longest) // 4
    others = [rising]
    if first * second <= MOST_ROWS and rows >= 2:
        others.append(Arrangement(rising.order, rows))
    for other in others:
        now = best.shape_of(shape)
        if steps_of(now) > FEW_STEPS and _work(now) > GAIN * _work(other.shape_of(shape)):
            best = other
    return best


def steps_of(shape: Shape) -> int:
    """Steps of `WAVE` over a shape."""
    return sum(w * (n - 1) for w, n in zip(WAVE, shape, strict=True)) + 1


def _work(shape: Shape) -> float:
    """What coding costs, in voxels; without end where it cannot be."""
    depth, height, width = shape
    margin = 2 * REACH
    columns = width + margin + WAVE[1] * (height + margin - 1)
    if 2 * depth * columns * (height + margin) > MOST_STORE:
        return math.inf
    return STEP_VOXELS * steps_of(shape) + math.prod(shape)


def _ordered(keys: list[int] | list[bool]) -> Arrangement:
    """Axes by rising keys, of equal ones as they are."""
    axes = sorted(range(3), key=lambda axis: keys[axis])
    return Arrangement(ORDERS.index((axes[0], axes[1], axes[2])))


def _turned(shape: Shape, order: int) -> Shape:
    first, second, third = ORDERS[order]
    return shape[first], shape[second], shape[third]


def _triple(values: np.ndarray) -> Shape:
    depth, height, width = values.shape
    return depth, height, width
