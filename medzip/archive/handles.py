"""What the steps of an archive hand to one another: small frozen dataclasses, never arrays.

Every one is picklable and JSON-ready, so that a process pool, Dask and Prefect can carry it. They
hold paths, and stay on the operator's machines: what reports read is `medzip.archive.records`.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medzip.archive.records import NAME_DIGITS, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medzip.archive.layout import StrPath
    from medzip.archive.records import Failure, ModelTrial, SeriesRecord
    from medzip.dicom.records import FileEntry, SourceTree, Stack

__all__ = [
    "Committed",
    "Fitted",
    "Handle",
    "Inventory",
    "ObjectPlan",
    "ObjectRef",
    "Proof",
    "Sealed",
    "Staged",
    "StagedVolume",
    "from_fields",
    "kept_whole",
    "to_fields",
]


SMALL_BYTES = 4 << 20
"""Original bytes below which an object is small: many of them share a call, and their work is not
worth to wait for the disk, since it is sooner done again than found again."""


@dataclass(frozen=True)
class ObjectPlan:
    """Files that become one object of the archive: a series with voxels, or a bundle of others.

    Attributes
    ----------
    key : str
        SHA-256 over the canonical JSON of the sorted entries (path, size, SHA-256), with links and
        directories: the same content gives the same key in every run.
    kind : str
        "series" (at least one stack goes through the voxel codec) or "other".
    files : tuple of FileEntry
        In storage order: files of stacks along their stack, then the rest by path.
    stacks : tuple of Stack
        Volumes to be; empty for "other".
    links : tuple of (str, str)
        Path and target of symbolic links, recorded and never followed.
    directories : tuple of str
        Empty directories, which no file would bring back.
    """

    key: str
    kind: str
    files: tuple[FileEntry, ...]
    stacks: tuple[Stack, ...]
    links: tuple[tuple[str, str], ...] = ()
    directories: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]

    @property
    def raw_bytes(self) -> int:
        """Bytes of the original files."""
        return sum(file.size for file in self.files)

    @property
    def is_small(self) -> bool:
        """Whether its work may be lost with the power."""
        return self.raw_bytes < SMALL_BYTES


@dataclass(frozen=True)
class Inventory:
    """Everything found under the sources, grouped into objects.

    ``failures`` names what could not be read; the plans hold everything else.
    """

    trees: tuple[SourceTree, ...]
    plans: tuple[ObjectPlan, ...]
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class ObjectRef:
    """An object in work: all that a step needs to find it again."""

    archive: str
    key: str
    profile: str

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]


@dataclass(frozen=True)
class Handle:
    """What a step leaves for the next one: of which object, and (in each kind of it) what."""

    ref: ObjectRef

    @property
    def archive(self) -> str:
        """Folder of the archive."""
        return self.ref.archive

    @property
    def key(self) -> str:
        """Key of the object."""
        return self.ref.key

    @property
    def profile(self) -> str:
        """Profile that it is coded with."""
        return self.ref.profile

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.ref.name


@dataclass(frozen=True)
class StagedVolume:
    """One volume laid out as raw slabs.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x) in voxels.
    dtype : str
        "uint8", "int8", "uint16" or "int16": how the stored words are read.
    depth : int
        Slices a slab; the last slab may hold fewer.
    geometry : str
        "volume" (evenly spaced, one slice a position), "gaps", "repeated", "uneven", "unknown" or
        "single".
    """

    shape: tuple[int, int, int]
    dtype: str
    depth: int
    geometry: str

    @property
    def slabs(self) -> int:
        """Number of slabs."""
        return -(-self.shape[0] // self.depth)

    @property
    def voxels(self) -> int:
        """Number of real voxels."""
        return self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class Staged(Handle):
    """Result of ``stage``: raw slabs and envelope lie under ``ARCHIVE/work/<key>/``."""

    volumes: tuple[StagedVolume, ...]
    files: int
    raw_bytes: int
    kept_whole: tuple[tuple[str, int], ...]
    kept_bytes: tuple[tuple[str, int], ...]
    seconds: float

    @property
    def is_small(self) -> bool:
        """Whether its work may be lost with the power."""
        return self.raw_bytes < SMALL_BYTES

    @property
    def slab_indices(self) -> tuple[tuple[int, int], ...]:
        """All (volume_index, slab_index) to hand to ``encode``."""
        return tuple((v, s) for v, volume in enumerate(self.volumes) for s in range(volume.slabs))


@dataclass(frozen=True)
class Fitted(Handle):
    """Result of ``fit``: one model a volume, written beside the staged slabs.

    ``offered`` are the digests of the registered models that were candidates.
    """

    model_digests: tuple[str, ...]
    model_bytes: int
    seconds: float
    offered: tuple[str, ...]
    trials: tuple[ModelTrial, ...]


@dataclass(frozen=True)
class Sealed(Handle):
    """Result of ``seal``: the whole object at a temporary name, on disk, not yet proven."""

    path: str
    sha256: str
    size: int
    pid: int
    record: SeriesRecord


@dataclass(frozen=True)
class Proof(Handle):
    """Result of ``prove``: every file decoded from ``path`` by process ``pid`` matched.

    ``references`` are the digests of the models that it needs and that are not of this package.
    """

    path: str
    sha256: str
    size: int
    pid: int
    files: int
    seconds: float
    references: tuple[str, ...]
    record: SeriesRecord

    @property
    def whole(self) -> bool:
        """Whether a process decoded all files; nothing else may get its final name."""
        return bool(self.pid) and self.files == self.record.files


@dataclass(frozen=True)
class Committed(Handle):
    """Result of ``commit``: the object has its final name and its digest beside it."""

    path: str
    sha256: str
    size: int
    record: SeriesRecord


def to_fields(handle: Handle) -> dict[str, Any]:
    """Turn a handle into what its file in work says: its fields, and those of its object."""
    fields = to_json(handle)
    return {**fields.pop("ref"), **fields}


def from_fields(archive: StrPath, fields: dict[str, Any]) -> dict[str, Any]:
    """Turn what a file in work says into fields of its handle; the archive may have moved since.

    The inverse of `to_fields`, but for tuples, which are lists by now.

    Raises
    ------
    KeyError, TypeError
        When it does not name the object.
    """
    ref = ObjectRef(os.fspath(archive), fields["key"], fields["profile"])
    named = {"archive", "key", "profile"}
    return {"ref": ref, **{name: value for name, value in fields.items() if name not in named}}


def kept_whole(
    files: Iterable[FileEntry],
) -> tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]:
    """Count the files that are kept whole, and their bytes, by reason."""
    counts: Counter[str] = Counter()
    sizes: Counter[str] = Counter()
    for file in files:
        if file.reason:
            counts[file.reason] += 1
            sizes[file.reason] += file.size
    return tuple(sorted(counts.items())), tuple(sorted(sizes.items()))
