"""What codecs find awkward, as hypothesis strategies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from medzip.testing.codestreams import Options
from medzip.testing.dicoms import SYNTAXES, Recipe
from medzip.testing.networks import FORMS, random_network
from medzip.testing.packed import Packed, packed
from medzip.testing.series import Series

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError(
        "expected hypothesis for medzip.testing.strategies, got none; pip install 'medzip[dev]'"
    ) from error

if TYPE_CHECKING:
    from medzip.codec.plain.network import Network

__all__ = [
    "DTYPES",
    "dicom_files",
    "few_values",
    "networks",
    "series",
    "slabs",
    "thin_shapes",
    "volumes",
]

DTYPES = ("uint8", "int8", "uint16", "int16")
STYLES = ("smooth", "noise", "flat", "sparse", "extreme", "constant")


@st.composite
def thin_shapes(draw: st.DrawFn, most: int = 6000) -> tuple[int, int, int]:
    """Shapes of one long axis and two short ones, at most about so many voxels."""
    short = [draw(st.sampled_from([1, 1, 1, 2, 3, 7])) for _ in range(2)]
    longest = draw(st.integers(1, max(1, most // (short[0] * short[1]))))
    first, second, third = draw(st.permutations([*short, longest]))
    return first, second, third


@st.composite
def volumes(
    draw: st.DrawFn,
    largest: tuple[int, int, int] = (5, 14, 14),
    shape: tuple[int, int, int] | None = None,
) -> np.ndarray:
    """Voxels (z, y, x): smooth, noisy, flat, sparse, extreme, or constant.

    Parameters
    ----------
    draw
        Given by hypothesis.
    largest
        The most slices, rows, and columns.
    shape
        The shape, where it is not to be drawn.
    """
    if shape is None:
        depth, height, width = (draw(st.integers(1, n)) for n in largest)
        shape = depth, height, width
    dtype = draw(st.sampled_from(DTYPES))
    info = np.iinfo(dtype)
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    style = draw(st.sampled_from(STYLES))
    if style == "smooth":
        values = np.cumsum(generator.integers(-3, 4, shape), axis=2) + 40
    elif style == "noise":
        values = generator.integers(info.min, info.max + 1, shape)
    elif style == "flat":
        values = np.where(generator.random(shape) < 0.02, generator.integers(0, 100, shape), 7)
    elif style == "sparse":
        values = generator.integers(0, 12, shape) * 9
    elif style == "extreme":
        values = np.where(generator.random(shape) < 0.5, info.min, info.max)
    else:
        values = np.full(shape, draw(st.integers(info.min, info.max)))
    return np.clip(values, info.min, info.max).astype(dtype)


def few_values(slab: Packed, most: int = 4096) -> Packed:
    """A slab of no more values than plain coders, which write whole tables, can bear."""
    shift = max(0, (slab.count - 1).bit_length() - (most - 1).bit_length())
    values = slab.values >> shift
    return Packed(values, slab.origin >> shift, ((slab.count - 1) >> shift) + 1)


@st.composite
def slabs(
    draw: st.DrawFn, largest: tuple[int, int, int], most: int = 3, values: int = 4096
) -> list[Packed]:
    """One to `most` packed slabs of one shape, of at most so many values."""
    first = draw(volumes(largest))
    shape = first.shape[0], first.shape[1], first.shape[2]
    others = draw(st.lists(volumes(shape=shape), max_size=most - 1))
    return [few_values(packed(voxels), values) for voxels in (first, *others)]


def networks() -> st.SearchStrategy[Network]:
    """Small networks of several architectures with random weights."""
    return st.builds(random_network, st.sampled_from(sorted(FORMS)), st.integers(0, 3))


@st.composite
def series(draw: st.DrawFn) -> Series:
    """DICOM series whose files say their order in one way, and are named in another."""
    voxels = draw(volumes((6, 12, 12)).filter(lambda v: min(v.shape[1:]) > 1))
    names = draw(st.permutations(range(len(voxels))))
    spacing = draw(st.sampled_from([0.5, 1.0, 2.5]))
    return Series(voxels, tuple(names), spacing)


@st.composite
def dicom_files(draw: st.DrawFn) -> Recipe:
    """Make DICOM files of every syntax and form (`medzip.testing.dicoms.build`)."""
    syntax = draw(st.sampled_from(sorted(SYNTAXES)))
    allocated = draw(st.sampled_from([8, 16, 16, 16, 1, 32]))
    stored = draw(st.integers(2 if allocated > 1 else 1, min(allocated, 16)))
    options = Options(
        predictor=draw(st.integers(1, 7)),
        transform=draw(st.just(0) | st.integers(0, stored - 1)),
        restart_rows=draw(st.sampled_from([0, 0, 1, 2])),
        bit=draw(st.integers(0, 1)),
        fills=draw(st.sampled_from([0, 0, 1, 3])),
        lines_later=draw(st.booleans()),
        notes=draw(st.sampled_from([0, 0, 20, 90000])),
        more=draw(st.sampled_from([b"", b"", b"\0", b"\0\0\0"])),
        end=draw(st.sampled_from([True, True, False])),
    )
    plain = syntax in ("implicit", "explicit", "big")
    sides = st.integers(16, 24) if "jpeg-ls" in syntax else st.integers(1, 12)  # CharLS has a least
    return Recipe(
        syntax=syntax,
        rows=draw(sides),
        columns=draw(sides),
        frames=draw(st.sampled_from([1, 1, 2, 3])),
        samples=draw(st.sampled_from([1, 1, 1, 1, 3])),
        planar=draw(st.integers(0, 1)),
        allocated=allocated,
        stored=stored,
        high=draw(st.integers(stored - 1, max(stored, allocated) - 1)),
        signed=draw(st.booleans()),
        near=draw(st.sampled_from([0, 0, 0, min(2, (1 << stored) // 2 - 1)])),
        options=options,
        fragments=draw(st.sampled_from([1, 1, 2, 3, 40])),
        table=draw(st.sampled_from(["missing", "empty", "basic", "extended", "wrong"])),
        delimiters=draw(st.sampled_from([1, 1, 0, 2])),
        padding=draw(st.sampled_from([b"", b"", b"\0", b"\xff\xff", b"some padding"])),
        group_lengths=draw(st.booleans()),
        private=draw(st.booleans()),
        undefined=draw(st.booleans()),
        preamble=not plain or draw(st.booleans()),
        nested=draw(st.integers(0, 3)),
        after=draw(st.booleans()),
        seed=draw(st.integers(0, 1 << 16)),
    )
