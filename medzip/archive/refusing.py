"""What a run refuses before it begins: places that are mixed up, and sources with nothing in them.

Nothing has been made or changed by then. An archive is a folder under digests: whatever else is
written into it breaks it, and what it holds is not what a source should be.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.archive.layout import open_archive
from medzip.dicom.walk import Directory, File, Link, name_trees, walk
from medzip.errors import ArchiveError, SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.archive.layout import StrPath
    from medzip.dicom.records import SourceTree

__all__ = ["check_outside", "check_places", "check_restore"]

SWAPPED = "did you swap them?"


def check_places(
    sources: Sequence[StrPath],
    archive: StrPath,
    models: StrPath | None = None,
    allow_empty: bool = False,
) -> tuple[SourceTree, ...]:
    """Check where a run reads and writes, before it makes anything.

    Parameters
    ----------
    sources : sequence of path
        Folders or files to be compressed. One may hold archives somewhere below it, and they come
        back as they are; it must not be an archive, or lie in one.
    archive : path
        Archive to write to: apart from every source, and in no other archive.
    models : path, optional
        Registry to choose from.
    allow_empty : bool
        Whether a source may hold no file.

    Returns
    -------
    tuple of SourceTree
        The sources by the names that they get in the archive.

    Raises
    ------
    ArchiveError
        When a place is where it must not be.
    SourceError
        When a source does not exist, or holds no file.
    ModelError
        When there is no such registry.
    """
    target = _real(archive)
    held_by = _archive_around(target)
    for source in sources:
        root = _real(source)
        if not root.exists() and _is_full(target):
            raise SourceError(
                f"{os.fspath(source)}: expected files to compress, got nothing there, while "
                f"{os.fspath(archive)} is no archive and has files; the archive comes last: "
                f"{SWAPPED}"
            )
        around = _archive_around(root)
        if around is not None and target not in (root, *root.parents):
            raise ArchiveError(
                f"{os.fspath(source)}: expected files to compress, got "
                f"{'an archive' if around == root else f'a place in the archive {around}'}; the "
                f"archive comes last: {SWAPPED} `medzip restore` brings its files back, and a copy "
                "of the whole folder is a copy of it"
            )
        if target == root or root in target.parents or target in root.parents:
            raise ArchiveError(
                f"{target}: expected an archive apart from its source, got one inside the other "
                f"({root}); name a folder outside; the archive comes last: {SWAPPED}"
            )
    if held_by not in (None, target):
        raise ArchiveError(
            f"{os.fspath(archive)}: expected a folder outside any archive, got one inside "
            f"{held_by}, which it would break; name that one to add to it, or another folder: "
            f"{SWAPPED}"
        )
    if models is not None:
        from medzip.models.registry import Registry  # brings the codec; few runs have one

        Registry.there(models)
    trees = name_trees(sources)
    if not allow_empty:
        for source, tree in zip(sources, trees, strict=True):
            _check_full(source, tree, archive)
    return trees


def check_restore(archive: StrPath, dest: StrPath) -> Path:
    """Check where a run restores from and to.

    Returns
    -------
    Path
        The archive.

    Raises
    ------
    ArchiveError
        When the one is no archive, or the other is one, lies in one, or holds the archive.
    """
    root, target = _real(archive), _real(dest)
    around = _archive_around(target)
    if not _is_archive(root):
        if around == target:
            raise ArchiveError(
                f"{os.fspath(archive)}: expected an archive, got none, while {os.fspath(dest)} is "
                f"one; the archive comes first: {SWAPPED}"
            )
        return open_archive(archive)
    if around is not None:
        raise ArchiveError(
            f"{os.fspath(dest)}: expected a folder outside the archive, and outside any other, got "
            f"one inside {around}, which files would break; name another one: {SWAPPED}"
        )
    if target in root.parents:
        raise ArchiveError(
            f"{os.fspath(dest)}: expected a folder apart from the archive, got one that holds it, "
            "where files could come to lie in it; name a new folder beside the archive: "
            f"{SWAPPED}"
        )
    return Path(archive)


def check_outside(path: StrPath) -> None:
    """Refuse a place in an archive for what is to be written: every byte there has a digest.

    Raises
    ------
    ArchiveError
        Naming the archive.
    """
    around = _archive_around(_real(path))
    if around is not None:
        raise ArchiveError(
            f"{os.fspath(path)}: expected a place outside any archive, got one inside {around}, "
            "which it would break; name another one"
        )


def _real(path: StrPath) -> Path:
    return Path(os.path.realpath(path))


def _is_archive(folder: Path) -> bool:
    return (folder / "medzip.json").is_file()


def _archive_around(path: Path) -> Path | None:
    """The archive that a place is, or lies in."""
    return next((folder for folder in (path, *path.parents) if _is_archive(folder)), None)


def _is_full(folder: Path) -> bool:
    """Whether this is a folder with things in it, and no archive."""
    return folder.is_dir() and not _is_archive(folder) and any(folder.iterdir())


def _check_full(source: StrPath, tree: SourceTree, archive: StrPath) -> None:
    """Refuse a source without any file; what cannot be read is told by the run, and counts as one.

    The walk ends at the first file, so this costs nothing where there is one.
    """
    links = folders = 0
    for found in walk([tree]):
        match found:
            case Link():
                links += 1
            case Directory():
                folders += found.path != tree.prefix  # below the source, not it
            case File() | SourceError():
                return
    before = len(list((Path(archive) / "objects").glob("*.zip")))
    had = f"; the archive has {before} objects of earlier runs, which stay" if before else ""
    raise SourceError(
        f"{os.fspath(source)}: expected files to compress, got none ({links} links, {folders} "
        f"empty folders){had}; is it mounted? check the path, or add --allow-empty"
    )
