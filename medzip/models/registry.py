"""A registry: a folder of model directories, each named by the digest of its content.

::

    FOLDER/<digest>/...          a model, never changed once it is there
    FOLDER/<digest>.pinned       empty: tried first, and never retired
    FOLDER/<digest>.retired      empty: not offered to encoders any more

Nothing is ever deleted: a stream may refer to a model for ever, and nobody knows where all streams
are. State lies in names, so that two who publish or pin at a time do not undo each other. An
archive has such a folder of its own, ARCHIVE/models, with a copy of every model that its objects
refer to.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.atomic import flush_tree, write_atomic
from medzip.codec.folders import model_folders
from medzip.codec.model import Model, model_of
from medzip.errors import ModelError
from medzip.models.directory import check_directory, is_sequence, read_sequence, training_of
from medzip.models.files import SUMS, files_of, sums_of
from medzip.models.golden import check_golden

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medzip.models.files import StrPath

__all__ = ["MOST_OFFERED", "Entry", "Registry", "offered_models"]

MOST_OFFERED = 8
"""So many models are offered to an encoder, all pinned ones and then the newest: each takes it
seconds to try."""
LEAST_PREFIX = 6
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PINNED, _RETIRED = ".pinned", ".retired"
_PART = ".part"


@dataclass(frozen=True)
class Entry:
    """One published model.

    Attributes
    ----------
    digest : str
        Of its content: its name.
    path : Path
        Its directory.
    size : int
        Bytes of all its files.
    title : str
        What its training noted it is, for people.
    published : float
        When, in seconds of the epoch.
    pinned, retired : bool
        Where it stands.
    sequence : bool
        Whether it is a sequence model: those travel whole with what they code, and are too slow to
        be tried on every series, so encoders get them by name only.
    """

    digest: str
    path: Path
    size: int
    title: str
    published: float
    pinned: bool
    retired: bool
    sequence: bool

    @property
    def name(self) -> str:
        """Name in reports."""
        return f"model-{self.digest[:8]}"


@dataclass(frozen=True)
class Registry:
    """A folder of models; it need not exist before something is published.

    Attributes
    ----------
    root : Path
        The folder.
    """

    root: Path

    @classmethod
    def at(cls, folder: StrPath) -> Registry:
        """The registry in a folder."""
        return cls(Path(folder))

    def publish(self, folder: StrPath, leave_out: frozenset[str] = frozenset()) -> Entry:
        """Check a model directory, its golden streams included, and copy it under its digest.

        A model that is there already is kept as it is; one that was retired is offered again.

        Parameters
        ----------
        folder
            The directory.
        leave_out
            Names of files that the copy does without.

        Raises
        ------
        ModelError
            The directory is unsafe, incomplete, or does not compute here what it should.
        """
        info = check_directory(folder)
        target = self.root / info.digest
        if not (target / SUMS).is_file():
            self.root.mkdir(parents=True, exist_ok=True)
            self._sweep()
            scratch = self.root / f".{secrets.token_hex(8)}{_PART}"
            copy = scratch / info.digest
            try:
                for name, _ in info.files:
                    if name not in leave_out | {SUMS}:
                        (copy / name).parent.mkdir(parents=True, exist_ok=True)
                        shutil.copyfile(Path(folder) / name, copy / name)
                if check_directory(copy).digest != info.digest:
                    raise ModelError(f"expected {folder} to stay as it was, got changes; try again")
                with model_folders(scratch):
                    check_golden(copy)
                (copy / SUMS).write_bytes(sums_of(copy, files_of(copy)))
                flush_tree(copy)
                self._place(copy, target)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
        self._unmark(info.digest, _RETIRED)
        return self.entry(info.digest)

    def _place(self, copy: Path, target: Path) -> None:
        """Give a complete copy its name; one that somebody else has put there meanwhile stays."""
        if target.is_dir() and not (target / SUMS).is_file():
            # made in place, as training does: the sums make it published
            write_atomic(target / SUMS, (copy / SUMS).read_bytes())
            return
        try:
            os.rename(copy, target)
        except OSError:
            if not (target / SUMS).is_file():
                raise
        handle = os.open(self.root, os.O_RDONLY)  # so that the name outlives a power cut
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

    def _sweep(self) -> None:
        """Remove what killed runs left: copies that have no name after an hour."""
        for part in self.root.glob(f".*{_PART}"):
            if time.time() - part.stat().st_mtime > 3600:
                shutil.rmtree(part, ignore_errors=True)

    def entries(self) -> tuple[Entry, ...]:
        """All published models: pinned ones, then the newest first, retired ones last."""
        if not self.root.is_dir():
            return ()
        found = [
            self.entry(name)
            for name in sorted(os.listdir(self.root))
            if _DIGEST.fullmatch(name) and (self.root / name / SUMS).is_file()
        ]
        return tuple(sorted(found, key=lambda e: (e.retired, not e.pinned, -e.published, e.digest)))

    def entry(self, digest: str) -> Entry:
        """The published model of a digest, or of the first digits of one (six at least).

        Raises
        ------
        ModelError
            There is none, or more than one.
        """
        if not _DIGEST.fullmatch(digest):
            return self.entry(self._complete(digest))
        path = self.root / digest
        if not (path / SUMS).is_file():
            raise ModelError(
                f"expected model {digest[:16]} in {self.root}, got none; publish it there"
            )
        about = training_of(path)
        return Entry(
            digest=digest,
            path=path,
            size=sum(size for _, size in files_of(path)),
            title=str(about.get("form", ""))[:40],
            published=(path / SUMS).stat().st_mtime,
            pinned=self._marker(digest, _PINNED).exists(),
            retired=self._marker(digest, _RETIRED).exists(),
            sequence=is_sequence(path),
        )

    def _complete(self, prefix: str) -> str:
        names = [] if not self.root.is_dir() else sorted(os.listdir(self.root))
        found = [n for n in names if _DIGEST.fullmatch(n) and n.startswith(prefix)]
        if len(prefix) < LEAST_PREFIX or len(found) != 1:
            raise ModelError(
                f"expected the digest of one model in {self.root}, or {LEAST_PREFIX} first digits "
                f"of it, got {prefix!r}, which {len(found)} have; `medzip models list` names them"
            )
        return found[0]

    def load(self, digest: str) -> Model:
        """The model of a digest, unchanged.

        Raises
        ------
        ModelError
            There is none, or it is damaged.
        """
        entry = self.entry(digest)
        if entry.sequence:
            return read_sequence(entry.path)
        with model_folders(self.root):
            return model_of(entry.digest)

    def offered(self) -> tuple[Entry, ...]:
        """What an encoder tries: pinned models, then the newest, at most `MOST_OFFERED` of all."""
        able = [entry for entry in self.entries() if not (entry.retired or entry.sequence)]
        pinned = [entry for entry in able if entry.pinned]
        return tuple(able[: max(MOST_OFFERED, len(pinned))])

    def pin(self, digest: str) -> Entry:
        """Have a model tried first, whatever is published after it.

        Raises
        ------
        ModelError
            There is no such model, or it is retired.
        """
        entry = self.entry(digest)
        if entry.retired:
            raise ModelError(
                f"expected a model in use, got {entry.name}, which is retired; publish it again"
            )
        self._mark(entry.digest, _PINNED)
        return self.entry(entry.digest)

    def unpin(self, digest: str) -> Entry:
        """The inverse of `pin`."""
        entry = self.entry(digest)
        self._unmark(entry.digest, _PINNED)
        return self.entry(entry.digest)

    def retire(self, digest: str) -> Entry:
        """Offer a model no more; it stays, for the streams that refer to it.

        Publishing it again is the inverse.

        Raises
        ------
        ModelError
            There is no such model, or it is pinned.
        """
        entry = self.entry(digest)
        if entry.pinned:
            raise ModelError(f"expected no pinned model, got {entry.name}; unpin it first")
        self._mark(entry.digest, _RETIRED)
        return self.entry(entry.digest)

    def verify(self, digest: str) -> int:
        """Check all bytes of a model and decode its golden streams; how many streams there were.

        Raises
        ------
        ModelError
            A file differs from its digest, or a stream does not give its voxels.
        """
        entry = self.entry(digest)
        files = files_of(entry.path)
        if sums_of(entry.path, files) != (entry.path / SUMS).read_bytes():
            raise ModelError(
                f"expected the files of {entry.path} to have the digests of {SUMS}, got others; "
                "copy the model anew"
            )
        if check_directory(entry.path).digest != entry.digest:
            raise ModelError(
                f"expected a model named by its digest, got another in {entry.path}; "
                "copy the model anew"
            )
        with model_folders(self.root):
            return check_golden(entry.path)

    def strays(self) -> tuple[str, ...]:
        """Names in the folder that do not belong there; what killed runs left is not among them."""
        if not self.root.is_dir():
            return ()
        known = {entry.digest for entry in self.entries()}
        marks = {digest + mark for digest in known for mark in (_PINNED, _RETIRED)}
        return tuple(
            name
            for name in sorted(os.listdir(self.root))
            if name not in known and name not in marks and not name.endswith(_PART)
        )

    def _marker(self, digest: str, mark: str) -> Path:
        return self.root / f"{digest}{mark}"

    def _mark(self, digest: str, mark: str) -> None:
        write_atomic(self._marker(digest, mark), b"")

    def _unmark(self, digest: str, mark: str) -> None:
        self._marker(digest, mark).unlink(missing_ok=True)


def offered_models(folders: Iterable[StrPath]) -> tuple[Entry, ...]:
    """What an encoder tries of several registries, each model once.

    One that any of them has retired is not offered, whichever others have it: whoever retired it
    may have no say over the copies.
    """
    registries = [Registry.at(folder) for folder in folders]
    retired = {e.digest for r in registries for e in r.entries() if e.retired}
    found: dict[str, Entry] = {}
    for registry in registries:
        for entry in registry.offered():
            if entry.digest not in retired:
                found.setdefault(entry.digest, entry)
    return tuple(sorted(found.values(), key=lambda e: (not e.pinned, -e.published, e.digest)))
