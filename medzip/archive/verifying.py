"""Archive -> verdict: every byte of it is as it was written, and every file comes back."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.archive.failures import LostFile, failure_of, lost_files
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
from medzip.archive.models import models_path, references_of
from medzip.archive.proving import decode_and_compare
from medzip.archive.reader import ObjectReader
from medzip.archive.records import NAME_DIGITS, Failure
from medzip.archive.replacing import Replacement, pending
from medzip.archive.summary import Event
from medzip.archive.workers import fan_out
from medzip.errors import ArchiveError, MedZipError, VerificationError
from medzip.models.registry import Registry

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
    models : int
        Models that objects refer to, or may, and that are whole.
    unfinished : int
        Objects still in work, of a run that was stopped; they are no failure, and not checked. One
        that was being replaced by a smaller one counts, and is checked as it lies there.
    failures : list of Failure
        What does not match, is missing, or does not belong.
    lost : list of LostFile
        Files that do not come back from damaged objects. Where an object is missing, or cannot even
        name its files, they are not among them.
    """

    objects: int = 0
    files: int = 0
    models: int = 0
    unfinished: int = 0
    failures: list[Failure] = field(default_factory=list)
    lost: list[LostFile] = field(default_factory=list)

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
    replacing = pending(root)
    entries = _entries(root, result, bool(replacing))
    _check_names(root, entries, result)
    models = _check_models(root, result)
    calls = [(root, entry, models, replacing.get(entry.key)) for entry in entries]
    for count, (number, done) in enumerate(fan_out(_look_into, calls, workers), start=1):
        entry = entries[number]
        if isinstance(done, BaseException):
            result.failures.append(failure_of(entry.key, "verify", done))
        elif isinstance(done, _Damage):
            result.failures.append(done.failure)
            result.lost += done.lost
        else:
            result.objects += 1
            result.files += done
        if on_event:
            on_event(Event("verify", entry.key[:NAME_DIGITS], count, len(entries)))
    return result


def _check_models(root: Path, result: Verified) -> frozenset[str]:
    """Check every byte of every model, and what it computes here; digests of those that match."""
    registry = Registry.at(models_path(root))
    good = set()
    for entry in registry.entries():
        try:
            registry.verify(entry.digest)
            good.add(entry.digest)
        except (OSError, MedZipError) as error:
            result.failures.append(failure_of(entry.name, "verify", error))
    for name in registry.strays():
        stray = VerificationError(
            f"{registry.root / name}: expected only published models, got this too; move it away"
        )
        result.failures.append(failure_of(None, "verify", stray))
    result.models = len(good)
    return frozenset(good)


def _entries(root: Path, result: Verified, replacing: bool) -> list[IndexEntry]:
    """Objects to check: those of the index, or all that lie there when it is missing or broken.

    A run that was replacing objects when it was stopped may have been writing the index, too.
    """
    try:
        return read_index(root)
    except FileNotFoundError:
        error: MedZipError = ArchiveError(
            f"{index_path(root)}: expected the index, got none: no run has come to its end; "
            "run compress again"
        )
    except ArchiveError as broken:
        error = broken
    if not replacing:
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
        result.unfinished = len(set(os.listdir(root / "work")) - {"models"})
    for folder, folders, files in os.walk(root):
        if Path(folder) == root:
            folders[:] = sorted(set(folders) - {"work", "models"})
        for name in sorted(files):
            if Path(folder) / name not in known:
                extra = VerificationError(
                    f"{Path(folder) / name}: expected only what the index names, got this file "
                    "too; run compress again, or move it away"
                )
                result.failures.append(failure_of(None, "verify", extra))


@dataclass(frozen=True)
class _Damage:
    """What is wrong with an object, and which of its files that concerns."""

    failure: Failure
    lost: tuple[LostFile, ...]


def _look_into(
    root: Path, entry: IndexEntry, models: frozenset[str], replacement: Replacement | None
) -> int | _Damage:
    """Check one object; of a damaged one say which files do not come back."""
    try:
        return _verify_object(root, entry, models, replacement)
    except (MedZipError, OSError) as error:
        failure = failure_of(entry.key, "verify", error)
        return _Damage(failure, tuple(_lost_of(object_path(root, entry.key))))


def _lost_of(path: Path) -> list[LostFile]:
    """Files that do not come back from an object; none if it cannot tell which it has."""
    try:
        reader = ObjectReader(path)
    except (MedZipError, OSError):
        return []
    with reader:
        files = reader.manifest.files
        back: set[str] = set()
        with suppress(MedZipError, OSError):
            for file, pieces in reader.files():
                with suppress(MedZipError, OSError):
                    digest = hashlib.sha256()
                    for piece in pieces:
                        digest.update(piece)
                    if digest.hexdigest() == file.sha256:
                        back.add(file.path)
        paths = (files[file.copy_of].path if file.copy_of >= 0 else file.path for file in files)
        left = [file for file, path in zip(files, paths, strict=True) if path not in back]
    return lost_files(reader.manifest.key, left)


def _verify_object(
    root: Path, entry: IndexEntry, models: frozenset[str], replacement: Replacement | None
) -> int:
    """Check one object: digest first, which notices any changed byte, then every file.

    The models that it refers to must lie in the archive itself, wherever else they may be found.
    """
    path = object_path(root, entry.key)
    if not path.exists():
        raise VerificationError(
            f"{path}: expected the object, got no such file; restore it from a copy, or compress "
            "its source again"
        )
    size = path.stat().st_size
    found = sha256_file(path)
    if replacement is not None and found in (replacement.before, replacement.after):
        entry = IndexEntry(entry.key, size, found)
    if found != entry.sha256 or size != entry.size:
        raise VerificationError(
            f"{path}: expected SHA-256 {entry.sha256 or 'beside it'} of {entry.size} bytes, got "
            f"{found} of {size}; restore it from a copy, or compress its source again"
        )
    if read_digest(path) != entry.sha256 and replacement is None:
        raise VerificationError(
            f"{digest_path(path)}: expected the digest of the object, got other bytes; the object "
            "is whole: write the digest anew with sha256sum"
        )
    missing = references_of(path) - models
    if missing:
        raise VerificationError(
            f"{path}: expected model {min(missing)[:16]} in {models_path(root)}, got none that is "
            "whole; publish it there from a copy"
        )
    return decode_and_compare(path, entry.key)
