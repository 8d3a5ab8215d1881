"""The index: what objects an archive has, with size and digest, and a digest of its own."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medzip.archive.layout import (
    ARCHIVE_FORMAT,
    canonical_json,
    digest_line,
    digest_path,
    index_path,
    object_path,
    read_digest,
)
from medzip.atomic import write_atomic
from medzip.errors import ArchiveError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["IndexEntry", "read_index", "write_index"]


@dataclass(frozen=True)
class IndexEntry:
    """One object: its key, size in bytes, and SHA-256."""

    key: str
    size: int
    sha256: str


def write_index(archive: Path, keys: Sequence[str]) -> None:
    """Write the index of objects that lie in the archive, oldest first."""
    entries = []
    for key in keys:
        path = object_path(archive, key)
        entries.append({"key": key, "size": path.stat().st_size, "sha256": read_digest(path)})
    data = canonical_json({"archive_format": ARCHIVE_FORMAT, "objects": entries}) + b"\n"
    path = index_path(archive)
    if path.exists() and path.read_bytes() == data and _has_digest(path, data):
        return
    # The digest last: between the two writes the index counts as broken, which publishing mends.
    write_atomic(path, data)
    write_atomic(digest_path(path), digest_line(path, hashlib.sha256(data).hexdigest()))


def _has_digest(path: Path, data: bytes) -> bool:
    return read_digest(path) == hashlib.sha256(data).hexdigest()


def read_index(archive: Path) -> list[IndexEntry]:
    """Read the index, oldest object first.

    Raises
    ------
    FileNotFoundError
        When there is none: no run has come to its end.
    ArchiveError
        When it does not have its digest or is no index.
    """
    path = index_path(archive)
    data = path.read_bytes()
    if not _has_digest(path, data):
        raise ArchiveError(
            f"{path}: expected the digest that lies beside it, got another one; run compress again "
            "(it writes the index anew), or restore both files from a copy"
        )
    try:
        value = json.loads(data)
        return [
            IndexEntry(str(e["key"]), int(e["size"]), str(e["sha256"])) for e in value["objects"]
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise ArchiveError(
            f"{path}: expected an index, got {type(error).__name__}: {error}; run compress again "
            "(it writes the index anew), or restore it from a copy"
        ) from error
