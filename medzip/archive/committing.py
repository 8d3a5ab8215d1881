"""Proven objects -> the archive: final names, digests beside them, index over all."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from medzip import __version__
from medzip.archive.describing import describe
from medzip.archive.handles import Committed
from medzip.archive.index import read_index, write_index
from medzip.archive.layout import (
    PART,
    digest_line,
    digest_path,
    object_path,
    read_digest,
    sha256_file,
    work_path,
)
from medzip.archive.models import keep_models, references_of
from medzip.archive.proving import prove_elsewhere
from medzip.archive.records import Verdict
from medzip.atomic import flush, write_atomic
from medzip.errors import ArchiveError, VerificationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.archive.handles import ObjectPlan, Proof
    from medzip.archive.layout import StrPath
    from medzip.archive.records import SeriesRecord

__all__ = ["already_proven", "commit", "discard", "publish"]


def already_proven(plan: ObjectPlan, archive: StrPath) -> SeriesRecord | None:
    """Find a committed object of the same content, whatever profile it was coded with.

    The digest of an object says that it is what was proven then. Whether this version still reads
    what another one wrote, only decoding says: such an object is proven again, in a process of its
    own.

    Parameters
    ----------
    plan : ObjectPlan
        From ``scan``; its key is the content's.
    archive : path
        Archive.

    Returns
    -------
    SeriesRecord or None
        None when there is no such object, its stored bytes do not have their digest any more, or
        this version cannot bring its files back: then it is made again from the source.

    Raises
    ------
    OSError
        When the object cannot be read.
    """
    path = object_path(archive, plan.key)
    sha256 = read_digest(path)
    try:
        if not sha256 or sha256_file(path) != sha256:
            return None
        record = describe(path)
        if record.codec_version != __version__:
            prove_elsewhere(path, plan.key)
        return replace(record, verdict=Verdict.ALREADY_PROVEN)
    except FileNotFoundError:
        return None
    except OSError:
        raise
    except Exception:
        # Whatever is wrong with it, its source is here: making it again is the remedy, and an
        # error here would come again in every run.
        return None


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
    keep_models(proof.archive, references_of(Path(proof.path)), finished=True)
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
