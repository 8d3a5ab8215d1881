"""The papers' causal neighbourhoods, flattened to sequences.

*line*: voxels of the target's own row. *block*, *triangle*: the causal half of a window of the same
slice. *cube*: that half, and whole windows of the slices before. *pyramid*: the windows get smaller
with every slice. "-rows" shapes leave out the voxels of the target's own row, so that a whole row
is decoded at once (papers: "without left voxels"); the others keep them.

The figures that define the shapes are not published in a form that can be counted; docs/
neighbourhoods.md compares lengths and says where ours differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from medzip.codec.neighbourhood import Neighbourhood, Offset
from medzip.codec.schedule import Schedule

__all__ = ["SHAPES", "SequenceShape", "shape_named"]


@dataclass(frozen=True)
class SequenceShape:
    """A neighbourhood and the order in which a predictor reads it.

    Attributes
    ----------
    name
        As models and reports write it.
    neighbourhood
        Its offsets.
    published
        The length that the papers give, voxels.
    """

    name: str
    neighbourhood: Neighbourhood
    published: int

    def __len__(self) -> int:
        return len(self.neighbourhood)

    @cached_property
    def offsets(self) -> np.ndarray:
        """The sequence: offsets (dz, dy, dx), int64 (L, 3), farthest first, nearest last.

        A recurrent predictor remembers best what it read last. Distance is dx² + dy² + 1.5 dz², as
        in `Neighbourhood.nearest`; of equal ones the later in raster order comes last.
        """
        ordered = sorted(
            self.neighbourhood.offsets,
            key=lambda o: (-2 * (o[1] ** 2 + o[2] ** 2) - 3 * o[0] ** 2, o),
        )
        return np.array(ordered, dtype=np.int64).reshape(-1, 3)

    @property
    def has_left(self) -> bool:
        """Whether voxels of the target's own row are read."""
        return any((dz, dy) == (0, 0) for dz, dy, _ in self.neighbourhood.offsets)

    @cached_property
    def schedule(self) -> Schedule:
        """The flattest schedule: whole rows (wx = 0) without left voxels, wx = 1 with them.

        wy and wz are the least that let every voxel wait for its neighbours, so neighbourhoods of
        one row code all rows at once, those of one slice all slices.
        """
        wx = int(self.has_left)
        offsets = self.neighbourhood.offsets
        wy = max([0, *(-((-1 - wx * dx) // -dy) for dz, dy, dx in offsets if dz == 0 and dy < 0)])
        wz = max([0, *(-((-1 - wy * dy - wx * dx) // -dz) for dz, dy, dx in offsets if dz < 0)])
        return Schedule(wz, wy, wx)


def _window(back: int, size: int, most: int | None = None) -> list[Offset]:
    """A square window cut to |dy| + |dx| <= most; its causal half in the current slice."""
    reach = size // 2
    span = range(-reach, reach + 1)
    limit = 2 * reach if most is None else most
    return [
        (-back, dy, dx)
        for dy in span
        for dx in span
        if abs(dy) + abs(dx) <= limit and (back > 0 or (dy, dx) < (0, 0))
    ]


def _shapes() -> dict[str, SequenceShape]:
    """All 29, with left voxels first."""
    nine = [*_window(0, 9), (0, 0, -6), (0, 0, -5)]
    forms: list[tuple[str, list[Offset], int, int]] = [
        ("line-5", [(0, 0, -dx) for dx in range(1, 6)], 5, 0),
        ("block-11", _window(0, 11), 60, 54),
        ("block-13", _window(0, 13), 84, 77),
        ("triangle-11", _window(0, 11, 8), 54, 48),
        ("triangle-13", _window(0, 13, 8), 64, 58),
    ]
    cubes = ((3, 13, 11), (5, 62, 59), (7, 171, 167), (9, 364, 359), (11, 665, 659))
    for size, with_left, without in cubes:
        windows = [o for back in range(size // 2 + 1) for o in _window(back, size)]
        forms.append((f"cube-{size}", windows, with_left, without))
    forms += [
        ("pyramid-5-3-1", _window(0, 5) + _window(1, 3) + _window(2, 1), 22, 19),
        (
            "pyramid-7-5-3-1",
            _window(0, 7) + _window(1, 5, 3) + _window(2, 3) + _window(3, 1),
            55,
            51,
        ),
        ("pyramid-9-5-1", nine + _window(1, 5) + _window(2, 1), 68, 61),
        (
            "pyramid-9-7-5-3-1",
            nine + _window(1, 7, 5) + _window(2, 5, 3) + _window(3, 3) + _window(4, 1),
            118,
            112,
        ),
        (
            "pyramid-13-9-5-1",
            _window(0, 13) + _window(1, 9, 6) + _window(2, 5, 3) + _window(3, 1),
            175,
            169,
        ),
    ]
    out = {}
    for name, offsets, with_left, _ in forms:
        out[name] = _shape(name, offsets, with_left)
    for name, offsets, _, without in forms:
        rows = [o for o in offsets if o[:2] != (0, 0)]
        if rows:
            out[f"{name}-rows"] = _shape(f"{name}-rows", rows, without)
    return out


def _shape(name: str, offsets: list[Offset], published: int) -> SequenceShape:
    ordered = sorted(offsets, key=lambda o: (-o[0], o[1] ** 2 + o[2] ** 2, o))
    return SequenceShape(name, Neighbourhood(tuple(ordered)), published)


SHAPES = _shapes()
"""The papers' 15 neighbourhoods with left voxels and 14 without, by name."""


def shape_named(name: str) -> SequenceShape:
    """The shape of a name, or ValueError with the names there are."""
    try:
        return SHAPES[name]
    except KeyError:
        known = ", ".join(SHAPES)
        raise ValueError(f"expected a shape among {known}; got {name!r}; choose one") from None
