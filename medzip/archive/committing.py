"""Proven objects -> the archive: final names, digests beside them, index over all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.archive.handles import Committed
from medzip.archive.index import read_index, write_index
from medzip.archive.layout import (
    PART,
    digest_line,
    digest_path,
    object_path,
    read_digest,
    work_path,
)
from medzip.archive.records import Verdict
from medzip.atomic import flush, write_atomic
from medzip.errors import ArchiveError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.archive.handles import Proof
    from medzip.archive.layout import StrPath
    from medzip.archive.records import SeriesRecord

__all__ = ["commit", "discard", "publish"]


def commit(proof: Proof) -> Committed:
    """Give a proven object its final name, flush, and drop its work.

    The models that it refers to go first, then the digest: an object without one never counts.

    Raises
    ------
    VerificationError
        When the proof is not one: no process, or no file count.
    OSError
        When the archive cannot be written.
    """
    if not proof.whole:
        raise VerificationError(
            f"{proof.path}: expected a proof of all files, got one of {proof.files}; run again"
        )
    path = object_path(proof.archive, proof.key)
    path.parent.mkdir(parents=True, exist_ok=True)
    if proof.references:
        from medzip.archive.models import keep_models  # they bring the codec, and few objects any

        keep_models(proof.archive, proof.references, finished=True)
    write_atomic(digest_path(path), digest_line(path, proof.sha256))
    os.replace(proof.path, path)
    flush(path.parent)
    shutil.rmtree(work_path(proof.archive, proof.key), ignore_errors=True)
    return Committed(proof.ref, str(path), proof.sha256, proof.size, proof.record)


def discard(archive: StrPath, key: str) -> None:
    """Drop the work of an object that was not proven, so that the next run begins anew."""
    shutil.rmtree(work_path(archive, key), ignore_errors=True)


def publish(archive: StrPath, records: Sequence[SeriesRecord]) -> None:
    """Write the index: every object of the archive, those of this run last.

    Restoring takes a path that several objects hold from the last of them. Call it once, when all
    objects of a run are done, failed ones included.

    Parameters
    ----------
    archive : path
        Archive, locked by this run.
    records : sequence of SeriesRecord
        Records of the run.
    """
    path = Path(archive)
    there = {file.stem for file in (path / "objects").glob("*.zip") if read_digest(file)}
    now = {record.key for record in records if record.verdict is not Verdict.FAILED} & there
    try:
        before = [entry.key for entry in read_index(path)]
    except (FileNotFoundError, ArchiveError):
        before = []  # first run, or a broken index: the digests beside the objects tell all
    known = set(before) | now
    order = sorted(there - known) + [key for key in before if key in there - now] + sorted(now)
    write_index(path, order)
    for part in (*path.glob(f"*{PART}"), *(path / "objects").glob(f"*{PART}")):
        part.unlink()
    for digest in (path / "objects").glob("*.zip.sha256"):
        if not digest.with_suffix("").exists():
            digest.unlink()
    if all(record.verdict is not Verdict.FAILED for record in records):
        shutil.rmtree(path / "work", ignore_errors=True)
