"""Archive -> the original files, below one folder and nowhere else."""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medzip.archive.describing import object_paths
from medzip.archive.failures import MISMATCHES, LostFile, failure_of, lost_files
from medzip.archive.places import folder_below, make_link, scratch_folder, write_files
from medzip.archive.reader import ObjectReader
from medzip.archive.records import LEAST_DIGITS, NAME_DIGITS, Failure
from medzip.archive.refusing import check_restore
from medzip.archive.summary import Event
from medzip.archive.workers import fan_out
from medzip.dicom.pinned import fault_of
from medzip.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from medzip.archive.layout import StrPath
    from medzip.archive.manifest import Manifest
    from medzip.dicom.records import FileEntry

__all__ = ["Restored", "restore"]


@dataclass
class Restored:
    """Result of ``restore``.

    Attributes
    ----------
    files, links : int
        Written, or found there already with the same content.
    raw_bytes : int
        Bytes of those files.
    failures : list of Failure
        Why something did not come back: for each object what is wrong with it, once, and for each
        place that was taken by something else.
    lost : list of LostFile
        Files that did not come back, but for those whose place was taken. Where an object cannot
        even name its files, they are not among them.
    """

    files: int = 0
    links: int = 0
    raw_bytes: int = 0
    failures: list[Failure] = field(default_factory=list)
    lost: list[LostFile] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything asked for came back."""
        return not self.failures


@dataclass
class _Choice:
    """Files and links to take from one object; its empty folders too where all of it is wanted."""

    path: Path
    manifest: Manifest
    wanted: set[str]
    whole: bool

    @property
    def files(self) -> list[FileEntry]:
        """The files among them."""
        return [file for file in self.manifest.files if file.path in self.wanted]


def restore(
    archive: StrPath,
    dest: StrPath,
    series: Sequence[str] = (),
    workers: int = 1,
    on_event: Callable[[Event], None] | None = None,
) -> Restored:
    """Write the original files below ``dest``.

    Every file is written under a temporary name and gets its own only when its SHA-256 is right.
    No link below ``dest`` is ever followed, and links are made last.

    Parameters
    ----------
    archive : path
        The archive.
    dest : path
        Folder, created if it does not exist. Files in it are never overwritten: one of the same
        content is taken as restored, one of another content is a failure.
    series : sequence of str
        SeriesInstanceUIDs, or first digits (six at least) of object keys, the names that reports
        use; empty for everything. Of a path that several objects hold the newest comes back; name
        the object to get an older one.
    workers : int
        Processes to decode with.
    on_event : callable, optional
        Called with the progress.

    Returns
    -------
    Restored
        Counts and failures; what can be restored is, whatever else is broken.

    Raises
    ------
    ArchiveError
        When there is no such archive or series, or ``dest`` is, holds or lies in an archive.
    OSError
        When ``dest`` cannot be created.
    """
    result = Restored()
    check_restore(archive, dest)
    manifests = _manifests(archive, result)
    chosen = _choose(manifests, series, os.fspath(archive))
    folders = _settle(chosen)
    os.makedirs(dest, exist_ok=True)
    with _destination(dest) as root:
        taken = {path for choice in chosen for path in choice.wanted} | folders
        with scratch_folder(root, taken) as scratch:
            calls = [(c.path, c.wanted, os.fspath(dest), scratch) for c in chosen]
            done_objects = fan_out(_restore_object, calls, workers)
            for count, (number, done) in enumerate(done_objects, start=1):
                key = chosen[number].manifest.key
                if isinstance(done, BaseException):
                    result.failures.append(failure_of(key, "restore", done))
                    result.lost += lost_files(key, chosen[number].files)
                else:
                    result.files += done.files
                    result.raw_bytes += done.raw_bytes
                    result.failures += done.failures
                    result.lost += done.lost
                if on_event:
                    name = key[:NAME_DIGITS]
                    on_event(Event("restore", name, count, len(chosen)))
        for folder in sorted(folders):
            with _failing(result, None), folder_below(root, folder):
                pass
        for choice in chosen:
            for path, target in choice.manifest.links:
                if path in choice.wanted:
                    with _failing(result, choice.manifest.key):
                        make_link(root, path, target)
                        result.links += 1
    return result


def _manifests(archive: StrPath, result: Restored) -> list[tuple[Path, Manifest]]:
    """Read the manifest of every object, oldest first; broken ones become failures."""
    manifests = []
    for path in object_paths(archive):
        with _failing(result, path.stem), ObjectReader(path) as reader:
            manifests.append((path, reader.manifest))
    return manifests


def _choose(
    manifests: Sequence[tuple[Path, Manifest]], series: Sequence[str], archive: str
) -> list[_Choice]:
    """Choose what to restore from each object."""
    asked = set(series)
    missing = set(series)
    chosen: list[_Choice] = []
    for path, manifest in manifests:
        named = (name for name in asked if len(name) >= LEAST_DIGITS)
        by_key = {name for name in named if manifest.key.startswith(name)}
        uids = {file.series_uid for file in manifest.files} & asked
        missing -= by_key | uids
        if by_key or not asked:
            files = {file.path for file in manifest.files}
            links = {link for link, _ in manifest.links}
            chosen.append(_Choice(path, manifest, files | links, whole=True))
        elif uids:
            files = {file.path for file in manifest.files if file.series_uid in uids}
            chosen.append(_Choice(path, manifest, files, whole=False))
    if missing:
        raise ArchiveError(
            f"{archive}: expected series {', '.join(sorted(missing))}, got none of that name; "
            f"`medzip inspect` lists the names, of which {LEAST_DIGITS} digits do; "
            "SeriesInstanceUIDs work too"
        )
    return chosen


def _settle(chosen: Sequence[_Choice]) -> set[str]:
    """Take each path from the newest object that has it; return the empty folders that remain.

    A path that has become a folder since, or lies below what has become a file or link, is an older
    version too.
    """
    leaves: set[str] = set()
    folders: set[str] = set()

    def parents(path: str) -> set[str]:
        parts = path.split("/")
        return {"/".join(parts[:n]) for n in range(1, len(parts))}

    for choice in reversed(chosen):
        choice.wanted = {
            path
            for path in choice.wanted
            if path not in leaves and path not in folders and not parents(path) & leaves
        }
        leaves |= choice.wanted
        for path in choice.wanted:
            folders |= parents(path)
    empty = {path for choice in chosen if choice.whole for path in choice.manifest.directories}
    return {path for path in empty if path not in leaves and not parents(path) & leaves}


def _restore_object(path: Path, wanted: set[str], dest: str, scratch: str) -> Restored:
    """Restore the wanted files of one object; copies are written along with their original."""
    result = Restored()
    with ObjectReader(path, spool=dest) as reader, _destination(dest) as root:
        manifest = reader.manifest
        key = manifest.key
        copies: dict[str, list[FileEntry]] = {}
        for file in manifest.files:
            if file.copy_of >= 0:
                copies.setdefault(manifest.files[file.copy_of].path, []).append(file)
        left = {file.path: file for file in manifest.files if file.path in wanted}
        if not left:
            return result
        said: set[str] = set()
        with _failing(result, key, said):
            for file, pieces in reader.files():
                targets = [e for e in (file, *copies.get(file.path, ())) if e.path in left]
                if not targets:
                    with suppress(Exception):  # of those that come after it nothing is lost
                        for _ in pieces:
                            pass
                    continue
                with _failing(result, key, said):
                    fault = fault_of(file)
                    origin = f"{path} ({fault})" if fault else str(path)
                    errors = write_files(root, scratch, targets, pieces, origin)
                    result.files += len(targets) - len(errors)
                    result.raw_bytes += file.size * (len(targets) - len(errors))
                    for entry, error in errors:
                        taken = isinstance(error, ArchiveError)  # by something else: it says what
                        _note(result, key, error, None if taken else said)
                        if not taken:
                            targets.remove(entry)
                    for entry in targets:
                        del left[entry.path]
        result.lost += lost_files(key, left.values())
    return result


@contextmanager
def _destination(dest: StrPath) -> Iterator[int]:
    """Open the destination."""
    root = os.open(dest, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield root
    finally:
        os.close(root)


@contextmanager
def _failing(result: Restored, key: str | None, said: set[str] | None = None) -> Iterator[None]:
    """Turn whatever one object or file raises into its failure and go on."""
    try:
        yield
    except Exception as error:
        _note(result, key, error, said)


def _note(result: Restored, key: str | None, error: Exception, said: set[str] | None) -> None:
    """Note a failure; one of a cause that was ``said`` once is not said again.

    A cause is that the object is damaged, or one kind of error of the system: it comes again with
    every file that it concerns, and those are named apart.
    """
    failure = failure_of(key, "restore", error)
    cause = "damage" if failure.kind in MISMATCHES else failure.kind
    if said is None or cause not in said:
        result.failures.append(failure)
    if said is not None:
        said.add(cause)
