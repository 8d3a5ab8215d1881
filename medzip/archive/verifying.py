"""Archive -> verdict: every byte of it is as it was written, and every file comes back."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.archive.failures import failure_of
from medzip.archive.index import IndexEntry, read_index
from medzip.archive.layout import (
    MARKER,
    digest_path,
    index_path,
    object_path,
    open_archive,
    read_digest,
    sha256_file,
)
from medzip.archive.pool import fan_out
from medzip.archive.proving import decode_and_compare
from medzip.archive.records import NAME_DIGITS, Event, Failure
from medzip.errors import ArchiveError, MedZipError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from medzip.archive.layout import StrPath

__all__ = ["Verified", "verify"]


@dataclass
class Verified:
    """Result of ``verify``.

    Attributes
    ----------
    objects : int
        Objects that are whole.
    files : int
        Files whose SHA-256 matched.
    unfinished : int
        Objects still in work, of a run that was stopped; they are no failure, and not checked.
    failures : list of Failure
        What does not match, is missing, or does not belong.
    """

    objects: int = 0
    files: int = 0
    unfinished: int = 0
    failures: list[Failure] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything matched."""
        return not self.failures


def verify(
    archive: StrPath,
    workers: int = 1,
    on_event: Callable[[Event], None] | None = None,
) -> Verified:
    """Check every byte of an archive and decode every file.

    Parameters
    ----------
    archive : path
        The archive; it is only read.
    workers : int
        Processes to decode with.
    on_event : callable, optional
        Called with the progress.

    Returns
    -------
    Verified
        Counts, and every deviation as a failure.

    Raises
    ------
    ArchiveError
        When the folder is no archive.
    OSError
        When it cannot be listed.
    """
    root = open_archive(archive)
    result = Verified()
    entries = _entries(root, result)
    _check_names(root, entries, result)
    calls = [(root, entry) for entry in entries]
    for count, (number, done) in enumerate(fan_out(_verify_object, calls, workers), start=1):
        entry = entries[number]
        if isinstance(done, BaseException):
            result.failures.append(failure_of(entry.key, "verify", done))
        else:
            result.objects += 1
            result.files += done
        if on_event:
            on_event(Event("verify", entry.key[:NAME_DIGITS], count, len(entries)))
    return result


def _entries(root: Path, result: Verified) -> list[IndexEntry]:
    """Objects to check: those of the index, or all that lie there when it is missing or broken."""
    try:
        return read_index(root)
    except FileNotFoundError:
        error: MedZipError = ArchiveError(
            f"{index_path(root)}: expected the index, got none: no run has come to its end; "
            "run compress again"
        )
    except ArchiveError as broken:
        error = broken
    result.failures.append(failure_of(None, "verify", error))
    return [
        IndexEntry(path.stem, path.stat().st_size, read_digest(path))
        for path in sorted((root / "objects").glob("*.zip"))
    ]


def _check_names(root: Path, entries: list[IndexEntry], result: Verified) -> None:
    """Check the small files, and that nothing is there that does not belong."""
    known = {root / "medzip.json", root / "lock", index_path(root), digest_path(index_path(root))}
    for entry in entries:
        path = object_path(root, entry.key)
        known |= {path, digest_path(path)}
    try:
        if (root / "medzip.json").read_bytes() != MARKER:
            raise VerificationError(
                f"{root / 'medzip.json'}: expected {MARKER!r}, got other bytes; delete the file "
                "and copy it from another archive of this version"
            )
        if (root / "lock").exists() and (root / "lock").stat().st_size:
            raise VerificationError(
                f"{root / 'lock'}: expected an empty file, got bytes; delete it"
            )
    except (OSError, VerificationError) as error:
        result.failures.append(failure_of(None, "verify", error))
    if (root / "work").is_dir():
        result.unfinished = len(os.listdir(root / "work"))
    for folder, folders, files in os.walk(root):
        if Path(folder) == root:
            folders[:] = sorted(set(folders) - {"work"})
        for name in sorted(files):
            if Path(folder) / name not in known:
                extra = VerificationError(
                    f"{Path(folder) / name}: expected only what the index names, got this file "
                    "too; run compress again, or move it away"
                )
                result.failures.append(failure_of(None, "verify", extra))


def _verify_object(root: Path, entry: IndexEntry) -> int:
    """Check one object: digest first, which notices any changed byte, then every file."""
    path = object_path(root, entry.key)
    if not path.exists():
        raise VerificationError(
            f"{path}: expected the object, got no such file; restore it from a copy, or compress "
            "its source again"
        )
    size = path.stat().st_size
    found = sha256_file(path)
    if found != entry.sha256 or size != entry.size:
        raise VerificationError(
            f"{path}: expected SHA-256 {entry.sha256 or 'beside it'} of {entry.size} bytes, got "
            f"{found} of {size}; restore it from a copy, or compress its source again"
        )
    if read_digest(path) != entry.sha256:
        raise VerificationError(
            f"{digest_path(path)}: expected the digest of the object, got other bytes; the object "
            "is whole: write the digest anew with sha256sum"
        )
    return decode_and_compare(path, entry.key)
