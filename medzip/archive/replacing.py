"""A smaller object in the place of a larger one of the same content, whatever is killed meanwhile.

The new object is proven before any of this. A journal, ``work/<key>/replace.json``, says what is
about to happen; then its models, its digest and its name follow, and at the end of a run the index
and the end of the journal. Until the rename the old object is there, after it the new one, and both
bring back the same files. Whoever locks the archive next ends what a killed run had begun.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.archive.handles import Committed
from medzip.archive.index import read_index, write_index
from medzip.archive.layout import (
    canonical_json,
    digest_line,
    digest_path,
    object_path,
    read_digest,
    sha256_file,
    work_path,
)
from medzip.atomic import flush, write_atomic
from medzip.errors import ArchiveError, VerificationError

if TYPE_CHECKING:
    from medzip.archive.handles import Proof
    from medzip.archive.layout import StrPath

__all__ = ["Replacement", "end_replacements", "pending", "replace_object", "settle_replacements"]

JOURNAL = "replace.json"


@dataclass(frozen=True)
class Replacement:
    """What a journal says: SHA-256 of an object before and after."""

    key: str
    before: str
    after: str


def pending(archive: StrPath) -> dict[str, Replacement]:
    """Replacements that are begun and not in the index yet, by key."""
    found = {}
    for path in sorted((Path(archive) / "work").glob(f"*/{JOURNAL}")):
        value = json.loads(path.read_bytes())
        found[path.parent.name] = Replacement(path.parent.name, value["before"], value["after"])
    return found


def replace_object(proof: Proof) -> Committed:
    """Put a proven object of the same content, and fewer bytes, in the place of the old one.

    The index follows in `end_replacements`.

    Raises
    ------
    VerificationError
        The proof is not one of all files.
    ArchiveError
        The new object is not smaller, or the old one is not there.
    """
    path, new = object_path(proof.archive, proof.key), Path(proof.path)
    if not proof.whole:
        raise VerificationError(
            f"{proof.path}: expected a proof of all files, got one of {proof.files}; run again"
        )
    size = path.stat().st_size
    if proof.size >= size or new.stat().st_size != proof.size:
        raise ArchiveError(
            f"{proof.path}: expected less than {size} bytes, got {proof.size}; the old object stays"
        )
    journal = {"before": sha256_file(path), "after": proof.sha256}
    write_atomic(work_path(proof.archive, proof.key) / JOURNAL, canonical_json(journal))
    _roll_forward(Path(proof.archive), Replacement(proof.key, **journal))
    return Committed(proof.ref, str(path), proof.sha256, proof.size, proof.record)


def _roll_forward(archive: Path, replacement: Replacement) -> None:
    """Models, digest, name; then all of its work but the journal goes."""
    path = object_path(archive, replacement.key)
    work = work_path(archive, replacement.key)
    new = work / "object.zip"
    # here: they bring the codec, and whoever only locks an archive has no need of it
    from medzip.archive.models import keep_models, references_of

    keep_models(archive, references_of(new), finished=True)
    write_atomic(digest_path(path), digest_line(path, replacement.after))
    os.replace(new, path)
    flush(path.parent)
    for entry in work.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name != JOURNAL:
            entry.unlink()


def end_replacements(archive: StrPath) -> None:
    """Bring the index up to date with all replacements of a run, and close their journals."""
    root = Path(archive)
    journals = pending(root)
    if not journals:
        return
    there = {file.stem for file in (root / "objects").glob("*.zip") if read_digest(file)}
    try:
        order = [entry.key for entry in read_index(root) if entry.key in there]
    except (FileNotFoundError, ArchiveError):
        order = []
    write_index(root, [*sorted(there - set(order)), *order])
    for key in journals:
        shutil.rmtree(work_path(root, key), ignore_errors=True)


def settle_replacements(archive: StrPath) -> None:
    """End the replacements that a killed run had begun, forward where the new object is there.

    The new object was proven before its journal was written, and its bytes still have to be those.
    """
    root = Path(archive)
    for replacement in pending(root).values():
        path = object_path(root, replacement.key)
        new = work_path(root, replacement.key) / "object.zip"
        if new.is_file() and sha256_file(new) == replacement.after:
            _roll_forward(root, replacement)
        elif path.is_file():
            found = sha256_file(path)
            if found in (replacement.before, replacement.after):
                write_atomic(digest_path(path), digest_line(path, found))
    end_replacements(root)
