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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.atomic import write_atomic
from medzip.errors import ModelError
from medzip.models.directory import check_directory, training_of
from medzip.models.files import SUMS, files_of, sums_of
from medzip.models.folders import model_folders
from medzip.models.golden import check_golden
from medzip.models.kinds import is_offered, kind_of, load_directory
from medzip.models.publishing import PART, copy_in

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medzip.codec.model import Model
    from medzip.models.files import StrPath

__all__ = ["MOST_OFFERED", "Entry", "Registry", "offered_models"]

MOST_OFFERED = 8
"""So many models are offered to an encoder, all pinned ones and then the newest: each takes it
seconds to try."""
LEAST_PREFIX = 6
_DIGEST = re.compile(r"[0-9a-f]{64}")
_PINNED, _RETIRED = ".pinned", ".retired"


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
    kind : str
        What predicts in it, `medzip.models.kinds`.
    """

    digest: str
    path: Path
    size: int
    title: str
    published: float
    pinned: bool
    retired: bool
    kind: str

    @property
    def name(self) -> str:
        """Name in reports."""
        return f"model-{self.digest[:8]}"

    @property
    def by_name(self) -> bool:
        """Whether encoders get it by name only, and do not try it on every series."""
        return not is_offered(self.kind)


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

    @classmethod
    def there(cls, folder: StrPath) -> Registry:
        """The registry in a folder that somebody named to read from: it has to be one.

        Raises
        ------
        ModelError
            There is no such folder, or no published model in it.
        """
        found = cls.at(folder)
        if not found.root.is_dir():
            raise ModelError(
                f"{found.root}: expected a registry of models, got no such folder; check the path"
            )
        if not found.entries():
            if (found.root / "medzip.json").is_file():
                remedy = f"name {found.root / 'models'} for those of this archive"
            elif (found.root / "config.json").is_file():
                remedy = "this is one model: name the folder that it is published in"
            else:
                remedy = "check the path, or put a model there with `medzip models publish`"
            raise ModelError(
                f"{found.root}: expected a registry of models, got a folder without any published "
                f"one; {remedy}"
            )
        return found

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
        digest = copy_in(self.root, folder, leave_out)
        self._unmark(digest, _RETIRED)
        return self.entry(digest)

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
            kind=kind_of(path),
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
        model = load_directory(entry.path)
        if model.origin != entry.digest:
            raise _misnamed(entry)
        return model

    def offered(self) -> tuple[Entry, ...]:
        """What an encoder tries: pinned models, then the newest, at most `MOST_OFFERED` of all."""
        able = [entry for entry in self.entries() if not (entry.retired or entry.by_name)]
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
            raise _misnamed(entry)
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
            if name not in known and name not in marks and not name.endswith(PART)
        )

    def _marker(self, digest: str, mark: str) -> Path:
        return self.root / f"{digest}{mark}"

    def _mark(self, digest: str, mark: str) -> None:
        write_atomic(self._marker(digest, mark), b"")

    def _unmark(self, digest: str, mark: str) -> None:
        self._marker(digest, mark).unlink(missing_ok=True)


def _misnamed(entry: Entry) -> ModelError:
    return ModelError(
        f"expected a model named by its digest, got another in {entry.path}; copy the model anew"
    )


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
