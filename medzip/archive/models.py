"""Copies of the models that the objects of an archive refer to, so that it needs nothing else.

::

    ARCHIVE/models/             a registry (medzip.models); verified with the objects
    ARCHIVE/work/models/        the same, of objects that are not committed yet

A model gets into ARCHIVE/models before the first object that refers to it gets its name.
"""

from __future__ import annotations

import base64
import json
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.errors import ArchiveError
from medzip.models import Entry, Registry, files_of, model_folders, offered_models, reference_of
from medzip.models.folders import folders_in_use
from medzip.models.shelf import shipped_digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from medzip.archive.layout import StrPath

__all__ = [
    "archive_models",
    "archive_of",
    "keep_models",
    "model_bytes",
    "models_path",
    "offered_to",
    "references_of",
    "work_models_path",
]

NOT_KEPT = frozenset({"curves.jsonl"})
"""Files of a model that the copy in an archive does without: how its training went, which the
registry has that it was published in."""
_METADATA_LIMIT = 4 << 20


def models_path(archive: StrPath) -> Path:
    """Folder of the models that objects refer to."""
    return Path(archive) / "models"


def work_models_path(archive: StrPath) -> Path:
    """Folder of the models that unfinished objects refer to."""
    return Path(archive) / "work" / "models"


def archive_of(path: Path) -> Path:
    """Archive that an object lies in, by its path: objects/<key>.zip or work/<key>/object.zip."""
    parents = path.absolute().parents
    return parents[min(2 if path.name == "object.zip" else 1, len(parents) - 1)]


@contextmanager
def archive_models(archive: StrPath) -> Iterator[None]:
    """Look up models among those of an archive, unfinished objects' included."""
    with model_folders(models_path(archive), work_models_path(archive)):
        yield


def offered_to(archive: StrPath, models: StrPath | None) -> tuple[Entry, ...]:
    """Models that the encoder tries: those of a registry, and those that the archive has."""
    folders = [models_path(archive)] if models is None else [models, models_path(archive)]
    return offered_models(folders)


def references_of(path: Path) -> frozenset[str]:
    """Digests of the networks that an object refers to and that are not of this package.

    Raises
    ------
    ArchiveError
        The object is broken.
    """
    found = set()
    try:
        with zipfile.ZipFile(path) as container:
            for info in container.infolist():
                parts = info.filename.split("/")
                if len(parts) != 3 or parts[0] != "volumes" or parts[2] != "zarr.json":
                    continue
                if max(info.file_size, info.compress_size) > _METADATA_LIMIT:
                    raise ValueError(f"metadata of {info.file_size} bytes")
                (codec,) = json.loads(container.read(info))["codecs"]
                found.add(reference_of(base64.b64decode(codec["configuration"]["model"])))
    except OSError:
        raise
    except Exception as error:
        raise ArchiveError(
            f"{path}: expected an object of a MedZip archive, got {type(error).__name__}: {error}; "
            "restore it from a copy"
        ) from error
    return frozenset(found - {None} - shipped_digests().keys())  # type: ignore[arg-type]


def keep_models(archive: StrPath, digests: Iterable[str], *, finished: bool) -> int:
    """Copy models into the archive, for its objects (``finished``) or for those in work.

    Parameters
    ----------
    archive : path
        The archive.
    digests : iterable of str
        Of networks; those that are there already stay.
    finished : bool
        Whether objects that refer to them are about to get their names.

    Returns
    -------
    int
        Bytes that ARCHIVE/models has grown by.

    Raises
    ------
    ModelError
        A model is in none of the folders in use, or is damaged.
    """
    wanted = set(digests)
    home = Registry.at(models_path(archive) if finished else work_models_path(archive))
    there = {entry.digest for entry in home.entries()}
    if not finished:
        there |= {entry.digest for entry in Registry.at(models_path(archive)).entries()}
    grown = 0
    for digest in sorted(wanted - there):
        entry = home.publish(find_model(archive, digest), NOT_KEPT)
        grown += entry.size if finished else 0
    return grown


def model_bytes(archive: StrPath, digest: str) -> int:
    """Bytes that the copy of a model takes, or would take, in the archive.

    Raises
    ------
    ArchiveError
        There is no such model.
    """
    files = files_of(find_model(archive, digest))
    return sum(size for name, size in files if name not in NOT_KEPT)


def find_model(archive: StrPath, digest: str) -> Path:
    """Directory of a model among those of the archive and all folders in use.

    Raises
    ------
    ArchiveError
        There is none.
    """
    with archive_models(archive):
        for folder in folders_in_use():
            if (folder / digest / "config.json").is_file():
                return folder / digest
    raise ArchiveError(
        f"{models_path(archive)}: expected model {digest[:16]}, got none; copy it there from the "
        "registry that it was published in"
    )
