"""Into a registry: a model directory is checked, copied, and named by its digest.

A copy gets its name when all of it is on the disk; a killed publisher leaves nothing that counts.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.atomic import flush, flush_tree, write_atomic
from medzip.errors import ModelError
from medzip.models.directory import check_directory
from medzip.models.files import SUMS, files_of, sums_of
from medzip.models.folders import model_folders
from medzip.models.golden import check_golden

if TYPE_CHECKING:
    from medzip.models.files import StrPath

__all__ = ["PART", "copy_in"]

PART = ".part"
"""Ending of a copy that has no name yet."""


def copy_in(root: Path, folder: StrPath, leave_out: frozenset[str] = frozenset()) -> str:
    """Copy a model directory into a registry, unless it is there; its digest.

    Parameters
    ----------
    root
        Folder of the registry, made if absent.
    folder, leave_out
        As `medzip.models.registry.Registry.publish` has them, and its errors.
    """
    info = check_directory(folder)
    target = root / info.digest
    if (target / SUMS).is_file():
        return info.digest
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    scratch = root / f".{secrets.token_hex(8)}{PART}"
    copy = scratch / info.digest
    try:
        for name, _ in info.files:
            if name not in leave_out | {SUMS}:
                (copy / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(Path(folder) / name, copy / name)
        if check_directory(copy).digest != info.digest:
            raise ModelError(f"expected {folder} to stay as it was, got changes; try again")
        with model_folders(scratch):
            check_golden(copy)
        (copy / SUMS).write_bytes(sums_of(copy, files_of(copy)))
        flush_tree(copy)
        _place(copy, target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return info.digest


def _place(copy: Path, target: Path) -> None:
    """Give a complete copy its name; one that somebody else has put there meanwhile stays."""
    if target.is_dir() and not (target / SUMS).is_file():
        # made in place, as training does: the sums make it published
        write_atomic(target / SUMS, (copy / SUMS).read_bytes())
        return
    try:
        os.rename(copy, target)
    except OSError:
        if not (target / SUMS).is_file():
            raise
    flush(target.parent)  # so that the name outlives a power cut


def _sweep(root: Path) -> None:
    """Remove what killed runs left: copies that have no name after an hour."""
    for part in root.glob(f".*{PART}"):
        if time.time() - part.stat().st_mtime > 3600:
            shutil.rmtree(part, ignore_errors=True)
