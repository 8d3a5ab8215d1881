"""Where things lie in an archive, and how they get there without ever being half there.

::

    ARCHIVE/
      medzip.json             what this folder is (fixed content)
      index.json              every object with size and SHA-256, oldest first
      index.json.sha256       digest of the index, as sha256sum writes it
      objects/<key>.zip       one object: a zip store holding one Zarr group
      objects/<key>.zip.sha256
      models/<digest>/        copies of the models that objects refer to by digest
      work/<key>/             unfinished objects; gone when nothing failed
      lock                    empty; held with flock while a run writes
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.errors import ArchiveError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    StrPath = str | os.PathLike[str]

__all__ = [
    "ARCHIVE_FORMAT",
    "MARKER",
    "PART",
    "canonical_json",
    "digest_line",
    "digest_path",
    "index_path",
    "object_key",
    "object_path",
    "open_archive",
    "read_digest",
    "sha256_file",
    "work_path",
]

ARCHIVE_FORMAT = 1
"""Version of this layout and of the manifest."""

PART = ".part"
"""How names of files end that are not complete."""

_CHUNK = 1 << 20


def canonical_json(value: Any) -> bytes:
    """Serialise deterministically: sorted keys, no spaces, ASCII (names that are not UTF-8 too)."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


MARKER = canonical_json({"archive_format": ARCHIVE_FORMAT, "what": "medzip archive"}) + b"\n"


def object_key(
    files: Iterable[tuple[str, int, str]],
    links: Iterable[tuple[str, str]],
    directories: Iterable[str],
) -> str:
    """Key of an object: what it brings back, whatever way it is stored.

    Parameters
    ----------
    files : iterable of (path, size, sha256)
        Its files.
    links : iterable of (path, target)
        Its symbolic links.
    directories : iterable of str
        Its empty directories.
    """
    content = {
        "directories": sorted(directories),
        "files": sorted(list(file) for file in files),
        "links": sorted(list(link) for link in links),
    }
    return hashlib.sha256(canonical_json(content)).hexdigest()


def object_path(archive: StrPath, key: str) -> Path:
    """Path of an object."""
    return Path(archive) / "objects" / f"{key}.zip"


def digest_path(path: Path) -> Path:
    """Path of the digest beside a file."""
    return path.with_name(path.name + ".sha256")


def index_path(archive: StrPath) -> Path:
    """Path of the index."""
    return Path(archive) / "index.json"


def work_path(archive: StrPath, key: str) -> Path:
    """Folder of an unfinished object."""
    return Path(archive) / "work" / key


def digest_line(path: Path, sha256: str) -> bytes:
    """Line that ``sha256sum --check`` takes; every byte of it is determined."""
    return f"{sha256}  {path.name}\n".encode()


def read_digest(path: Path) -> str:
    """Digest that lies beside a file, "" when it is missing or not what we write."""
    try:
        line = digest_path(path).read_bytes()
    except FileNotFoundError:
        return ""
    sha256 = line[:64].decode("ascii", "replace")
    return sha256 if line == digest_line(path, sha256) else ""


def sha256_file(path: StrPath) -> str:
    """SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def open_archive(archive: StrPath) -> Path:
    """Path of an archive that exists.

    Raises
    ------
    ArchiveError
        When the folder is missing or no archive.
    """
    path = Path(archive)
    if not (path / "medzip.json").is_file():
        above = (folder for folder in path.absolute().parents if (folder / "medzip.json").is_file())
        around = next(above, None)
        remedy = f"it lies in {around}: name that" if around else "check the path"
        raise ArchiveError(f"{path}: expected a MedZip archive, got no medzip.json in it; {remedy}")
    return path
