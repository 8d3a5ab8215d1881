"""Sources -> every file, link and empty directory below them; links are never followed."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.dicom.records import SourceTree
from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Found", "name_trees", "walk"]


@dataclass
class Found:
    """What a walk found; paths are those of the archive ("/" between names).

    Attributes
    ----------
    files : list of (str, str)
        Path in the archive and path to read.
    links : list of (str, str)
        Path in the archive and target, as it stands.
    directories : list of str
        Empty directories.
    errors : list of SourceError
        What cannot be read, or is neither file, directory nor link.
    """

    files: list[tuple[str, str]] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    directories: list[str] = field(default_factory=list)
    errors: list[SourceError] = field(default_factory=list)


def name_trees(sources: Sequence[str | os.PathLike[str]]) -> tuple[SourceTree, ...]:
    """Name the tree of each source.

    The content of a single source lies at the top of the archive, so that restoring gives the
    source again. Several sources lie under their base names.

    Raises
    ------
    SourceError
        When a source does not exist or two have the same base name.
    """
    roots = [Path(os.path.realpath(source)) for source in sources]
    for source, root in zip(sources, roots, strict=True):
        if not root.exists():
            raise SourceError(
                f"{os.fspath(source)}: expected a file or folder, got nothing; check the path"
            )
    if len(roots) == 1:
        return (SourceTree(str(roots[0]), ""),)
    names = [os.path.basename(os.path.abspath(source)) or "root" for source in sources]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise SourceError(
            f"expected sources of different base names, got {twice[0]!r} twice; "
            "give their parent folder, or archive them one by one"
        )
    return tuple(SourceTree(str(r), name) for r, name in zip(roots, names, strict=True))


def walk(trees: Sequence[SourceTree]) -> Found:
    """Walk the trees in sorted order."""
    found = Found()
    for tree in trees:
        if os.path.isdir(tree.root):
            _walk(tree.root, tree.prefix, found)
        else:
            found.files.append((tree.prefix or os.path.basename(tree.root), tree.root))
    return found


def _walk(top: str, prefix: str, found: Found) -> None:
    """Walk one folder with an explicit stack, so that depth does not matter."""
    pending = [(top, prefix)]
    while pending:
        folder, inside = pending.pop()
        try:
            with os.scandir(folder) as entries:
                children = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            found.errors.append(unreadable(folder, error))
            continue
        if not children and inside:
            found.directories.append(inside)
        for child in children:
            path = f"{inside}/{child.name}" if inside else child.name
            try:
                mode = child.stat(follow_symlinks=False).st_mode
                if stat.S_ISLNK(mode):
                    found.links.append((path, os.readlink(child.path)))
                elif stat.S_ISDIR(mode):
                    pending.append((child.path, path))
                elif stat.S_ISREG(mode):
                    found.files.append((path, child.path))
                else:
                    found.errors.append(
                        SourceError(
                            f"{child.path}: expected a file, folder or link, got a special file "
                            "(device, pipe or socket); move it away, it is not archived"
                        )
                    )
            except OSError as error:
                found.errors.append(unreadable(child.path, error))


def unreadable(path: str, error: OSError) -> SourceError:
    """Name file, cause and remedy."""
    cause = error.strerror or str(error)
    return SourceError(
        f"{path}: expected a readable file or folder, got: {cause}; "
        "check permissions and the disk, then run again (what is proven is skipped)"
    )
