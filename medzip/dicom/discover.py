"""Headers -> series -> stacks of slices, ordered by geometry.

A stack holds the slices of one series that have size, kind, orientation and transfer syntax in
common. It is ordered along its normal, never by name. "Not a volume" is a normal result: slices
that are unevenly spaced, lie at one place, or nowhere known, are a stack like any other and only
the word for their geometry differs.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from medzip.dicom.records import FileEntry, Span, Stack

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from medzip.dicom.header import Header

__all__ = ["stack_files"]

_SAME_PLACE_MM = 1e-3
_Slice = tuple[int, int, tuple[float, ...] | None]  # file, frame in the file, position in mm


def stack_files(
    files: Sequence[tuple[FileEntry, Header]],
) -> tuple[tuple[FileEntry, ...], tuple[Stack, ...]]:
    """Arrange the files of one series into stacks.

    Parameters
    ----------
    files : sequence of (FileEntry, Header)
        Files of one series, no two of the same content.

    Returns
    -------
    entries : tuple of FileEntry
        With their spans, along the stacks; files kept whole follow by path.
    stacks : tuple of Stack
        In a fixed order: larger first, so that a series begins with its main volume.
    """
    kinds: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, (_, header) in enumerate(files):
        if header.frames:
            kinds[_kind(header)].append(index)
    order = sorted(kinds, key=lambda k: (-sum(files[i][1].slices for i in kinds[k]), repr(k)))
    entries: list[FileEntry] = []
    stacks: list[Stack] = []
    for number, kind in enumerate(order):
        members = kinds[kind]
        slices, geometry = _arrange([files[i] for i in members])
        place = {(file, frame): z for z, (file, frame, _) in enumerate(slices)}
        header = files[members[0]][1]
        stacks.append(Stack((len(slices), header.rows, header.columns), header.dtype, geometry))
        for file in dict.fromkeys(file for file, _, _ in slices):
            entry, header = files[members[file]]
            entries.append(replace(entry, spans=tuple(_spans(header, file, place, number))))
    whole = [entry for entry, header in files if not header.frames]
    return (*entries, *sorted(whole, key=lambda entry: entry.path)), tuple(stacks)


def _kind(header: Header) -> tuple[object, ...]:
    """Name what slices of one stack have in common."""
    orientation = header.orientation and _rounded(header.orientation)
    return header.rows, header.columns, header.dtype, orientation, header.syntax


@lru_cache(1 << 10)
def _rounded(orientation: tuple[float, ...]) -> tuple[float, ...]:
    """Orientation to a thousandth; most slices of a series have the very same one."""
    return tuple(round(x, 3) + 0.0 for x in orientation)


def _arrange(files: Sequence[tuple[FileEntry, Header]]) -> tuple[list[_Slice], str]:
    """Order the slices of a stack; say what their geometry is.

    "volume": evenly spaced, one slice a position; "gaps": positions miss; "repeated": several
    slices a position; "uneven": none of these; "unknown": no positions; "single": one slice.
    """
    slices: list[_Slice] = []
    for number, (_, header) in enumerate(files):
        known = len(header.positions) == header.slices
        slices += [
            (number, frame, header.positions[frame] if known else None)
            for frame in range(header.slices)
        ]
    orientation = files[0][1].orientation

    def within(item: _Slice) -> tuple[int, str, int]:
        entry, header = files[item[0]]
        return header.instance, entry.path, item[1]

    slices.sort(key=within)
    positions = [position for _, _, position in slices if position is not None]
    if orientation is None or len(positions) < len(slices):
        return slices, "single" if len(slices) == 1 else "unknown"
    try:
        normal = _normal(orientation)
        distance = np.round(np.asarray(positions) @ normal / _SAME_PLACE_MM)
        if not np.isfinite(distance).all() or not 0.5 < float(normal @ normal) < 2:
            return slices, "unknown"
        geometry = _geometry(positions, orientation)
    except (TypeError, ValueError):  # directions that are no directions
        return slices, "unknown"
    # Stable: slices at one place stay in the order of their instance numbers.
    return [slices[i] for i in np.argsort(distance, kind="stable")], geometry


def _normal(orientation: tuple[float, ...]) -> NDArray[np.float64]:
    """Direction across the slices (PS3.3 C.7.6.2.1.1): of unit length, if the others are."""
    row, column = np.array(orientation, np.float64).reshape(2, 3)
    return np.cross(row, column)


def _geometry(positions: Sequence[tuple[float, ...]], orientation: tuple[float, ...]) -> str:
    """Name the geometry of positions, by highdicom's judgement."""
    if len(positions) == 1:
        return "single"
    if _plainly_even(np.asarray(positions), _normal(orientation)):
        return "volume"
    from highdicom.spatial import get_volume_positions  # with all of highdicom, which is much

    for name, missing, duplicate in (
        ("volume", False, False),
        ("gaps", True, False),
        ("repeated", True, True),
    ):
        spacing, _ = get_volume_positions(
            positions,
            orientation,
            allow_missing_positions=missing,
            allow_duplicate_positions=duplicate,
        )
        if spacing is not None:
            return name
    return "uneven"


def _plainly_even(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> bool:
    """Whether positions are a volume beyond doubt: within a tenth of what highdicom tolerates.

    Most are, and to load highdicom takes longer than to judge a thousand of them.
    """
    with np.errstate(all="ignore"):  # what overflows is not even
        ordered = positions[np.argsort(positions @ normal, kind="stable")]
        steps = np.diff(ordered @ normal)
        spacing = float(steps.mean())
        if not (spacing > _SAME_PLACE_MM and (np.abs(steps - spacing) < 1e-3 * spacing).all()):
            return False
        spans = ordered[1:] - ordered[0]
        straight = (spans @ normal) / np.linalg.norm(spans, axis=1)
        return bool((np.abs(straight - 1) < 1e-4).all())


def _spans(
    header: Header, file: int, place: dict[tuple[int, int], int], stack: int
) -> Iterator[Span]:
    """Spans of one file: runs of frames whose slices lie at equal steps in the stack."""
    first = 0
    for run in header.frames:
        zs = [place[file, first + k] for k in range(run.count)]
        first += run.count
        frame_bytes = run.length // run.count
        start = 0
        while start < len(zs):
            step = zs[start + 1] - zs[start] if start + 1 < len(zs) else 1
            stop = start + 1
            while stop < len(zs) and step > 0 and zs[stop] - zs[stop - 1] == step:
                stop += 1
            yield Span(
                offset=run.offset + start * frame_bytes,
                length=(stop - start) * frame_bytes,
                stack=stack,
                z=zs[start],
                slices=stop - start,
                step=step if stop - start > 1 else 1,
                coding=run.coding,
                header=run.header,
                gaps=run.gaps,
            )
            start = stop
