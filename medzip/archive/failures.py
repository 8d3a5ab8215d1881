"""Exceptions -> failures that name file, cause and remedy."""

from __future__ import annotations

import errno
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medzip.archive.records import (
    NAME_DIGITS,
    Failure,
    PartBytes,
    SeriesRecord,
    StageSeconds,
    Verdict,
)
from medzip.errors import MedZipError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medzip.archive.handles import ObjectPlan
    from medzip.dicom.records import FileEntry

__all__ = [
    "DISCARDED",
    "LOST",
    "MISMATCHES",
    "LostFile",
    "failed_record",
    "failure_of",
    "is_discarded",
    "lost",
    "lost_files",
]

MISMATCHES = frozenset({"ArchiveError", "CorruptStreamError", "VerificationError"})
"""Kinds of failures that are verdicts on bytes, all there are: never run again, and nothing of the
object's work may be taken up by the next run."""
UNFINISHED = frozenset({"stage", "fit", "encode", "seal", "prove", "commit"})
"""Steps of an object that is not in the archive yet: there is no copy of it to restore."""
AGAIN = (
    "the unfinished object was discarded, the source is untouched; run again, check memory and "
    "disk if it recurs"
)
DISCARDED = MISMATCHES | {"OSError:ENOSPC", "OSError:EDQUOT"}
"""Those after which the work of the object is dropped: where the disk is full the others need the
room."""
LOST = "lost"
"""Kind of the failure of an object that some step mislaid."""


_OTHER_REMEDY = re.compile(
    r"; (?:[^;]*from a copy[^;]*|run again|check the disk of the archive, then run again)"
)
"""What to do about an object of an archive, which one that was never there does not have."""


@dataclass(frozen=True)
class LostFile:
    """A file that does not come back from its object.

    Attributes
    ----------
    name : str
        Name of the object.
    path : str
        In the archive: for the terminal, never for reports.
    sha256 : str
        Of its content: for reports.
    """

    name: str
    path: str
    sha256: str


def lost_files(key: str, files: Iterable[FileEntry]) -> list[LostFile]:
    """Files of the object of a key that do not come back."""
    return [LostFile(key[:NAME_DIGITS], file.path, file.sha256) for file in files]


def is_discarded(failure: Failure) -> bool:
    """Whether the work of the object must not be there for the next run."""
    return failure.kind in DISCARDED


def lost(name: str, step: str, expected: str, got: object) -> Failure:
    """Failure of an object whose books do not balance; its message names no file.

    Parameters
    ----------
    name : str
        Name of the object.
    step : str
        Where it was noticed.
    expected, got : object
        What should be in the books, and what is.
    """
    message = f"expected {expected}, got {got}; run again, and report it if it comes again"
    return Failure(name, step, LOST, message)


def failure_of(plan: ObjectPlan | str | None, stage: str, error: BaseException) -> Failure:
    """Describe an exception as a failure of one object.

    Parameters
    ----------
    plan : ObjectPlan, str or None
        The object, its key, or None for what belongs to no object.
    stage : str
        Step that raised.
    error : BaseException
        What it raised.
    """
    key = plan if isinstance(plan, str) else plan.key if plan else "scan"
    kind = type(error).__name__
    message = str(error)
    if isinstance(error, OSError) and not isinstance(error, MedZipError):
        kind = f"OSError:{errno.errorcode.get(error.errno or 0, 'unknown')}"
        cause = error.strerror or str(error)
        where = f"{error.filename}: " if error.filename else ""
        remedy = {
            errno.ENOSPC: "free space on the disk of the archive",
            errno.EDQUOT: "free space within your quota",
            errno.EACCES: "check permissions",
            errno.EIO: "check the disk",
        }.get(error.errno or 0, "remove the cause")
        message = f"{where}expected to {stage}, got: {cause}; {remedy}, then run again"
    elif kind in MISMATCHES and stage in UNFINISHED:
        message = f"{_OTHER_REMEDY.sub('', message)}; {AGAIN}"
    elif not isinstance(error, MedZipError):
        message = (
            f"expected to {stage}, got {kind}: {error}; run again, and report it if it comes again"
        )
    return Failure(key[:NAME_DIGITS], stage, kind, message)


def failed_record(plan: ObjectPlan, profile: str, failure: Failure) -> SeriesRecord:
    """Record of an object that did not make it, for the report."""
    return SeriesRecord(
        key=plan.key,
        kind=plan.kind,
        verdict=Verdict.FAILED,
        profile=profile,
        codec_version="",
        format_version=0,
        files=len(plan.files),
        raw_bytes=plan.raw_bytes,
        encoded_bytes=0,
        voxels=0,
        voxel_bytes=0,
        parts=PartBytes(),
        kept_whole=(),
        volumes=(),
        slabs=(),
        seconds=StageSeconds(),
        failure=failure,
    )
