"""Signatures of the archive's steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager
    from os import PathLike

    from medzip.archive.records import (
        Committed,
        Event,
        Failure,
        Fitted,
        Inventory,
        ObjectPlan,
        Proof,
        Sealed,
        SeriesRecord,
        SlabRecord,
        Staged,
        Summary,
    )

    Path = str | PathLike[str]


def scan(sources: Sequence[Path], on_event: Callable[[Event], None] | None = None) -> Inventory:
    """Find, hash and group everything under ``sources``."""
    raise NotImplementedError


def archive_lock(archive: Path) -> AbstractContextManager[None]:
    """Hold the archive for this process (creates it); ArchiveError if another run holds it."""
    raise NotImplementedError


def already_proven(plan: ObjectPlan, archive: Path, profile: str) -> SeriesRecord | None:
    """Record of the committed object of the same content if its bytes have their digest."""
    raise NotImplementedError


def stage(plan: ObjectPlan, archive: Path, profile: str) -> Staged:
    """Lay out raw slabs and envelope under ``ARCHIVE/work/<key>/``."""
    raise NotImplementedError


def fit(staged: Staged) -> Fitted:
    """Fit one model a volume and write it beside the slabs."""
    raise NotImplementedError


def encode(staged: Staged, volume_index: int, slab_index: int) -> SlabRecord:
    """Write one encoded slab atomically; keep one that is there with the right digests."""
    raise NotImplementedError


def seal(staged: Staged) -> Sealed:
    """Assemble the object at a temporary name and flush it to disk."""
    raise NotImplementedError


def prove(sealed: Sealed) -> Proof:
    """Decode every file from the stored bytes in a process that did not seal; compare SHA-256."""
    raise NotImplementedError


def commit(proof: Proof) -> Committed:
    """Give the object its final name, flush the directory, drop the work."""
    raise NotImplementedError


def publish(archive: Path, records: Sequence[SeriesRecord]) -> None:
    """Write the index of the archive: the digest of every object, this run's objects newest."""
    raise NotImplementedError


def failure_of(plan: ObjectPlan | None, stage: str, error: BaseException) -> Failure:
    """Describe an exception as a failure of one object."""
    raise NotImplementedError


def failed_record(plan: ObjectPlan, profile: str, failure: Failure) -> SeriesRecord:
    """Record of an object that did not make it, for the report."""
    raise NotImplementedError


def compress(
    sources: Sequence[Path],
    archive: Path,
    profile: str = "default",
    workers: int | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Summary:
    """All steps for all objects in a process pool."""
    raise NotImplementedError


def restore(archive: Path, dest: Path, series: Sequence[str] = ()) -> object:
    """Write the files back (with .files, .failures)."""
    raise NotImplementedError


def verify(archive: Path) -> object:
    """Decode everything and compare (with .ok, .objects, .failures)."""
    raise NotImplementedError


def inspect(archive: Path) -> object:
    """Describe the archive (with .objects: tuple[SeriesRecord, ...])."""
    raise NotImplementedError
