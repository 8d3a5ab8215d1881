"""An archive made step by step in this process, and folders compared."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING

from medzip import archive as steps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from medzip.archive import SeriesRecord, Summary

__all__ = ["archive_here", "archive_object", "objects", "same"]


def same(source: Path, dest: Path) -> None:
    """Compare two folders with ``diff -r``."""
    command = ["diff", "-r", "--no-dereference", str(source), str(dest)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[:2000] + done.stderr[:2000]


def archive_object(plan: steps.ObjectPlan, archive: Path, profile: str = "fast") -> SeriesRecord:
    """Bring one plan through all steps, here."""
    there = steps.already_proven(plan, archive)
    if there is not None:
        return there
    staged = steps.stage(plan, archive, profile)
    steps.fit(staged)
    for volume_index, slab in staged.slab_indices:
        steps.encode(staged, volume_index, slab)
    # Another process proves in earnest (test_archive_steps); here that would only take time.
    proof = steps.prove(replace(steps.seal(staged), pid=-1))
    return steps.commit(proof).record


def archive_here(sources: Sequence[Path], archive: Path, profile: str = "fast") -> Summary:
    """Compress without worker processes."""
    inventory = steps.scan(sources)
    with steps.archive_lock(archive):
        records = [archive_object(plan, archive, profile) for plan in inventory.plans]
        steps.publish(archive, records)
    return steps.Summary(str(archive), profile, tuple(records), inventory.failures, 0.0)


def objects(archive: Path) -> dict[str, bytes]:
    """Every file of an archive."""
    return {
        str(path.relative_to(archive)): path.read_bytes()
        for path in sorted(archive.rglob("*"))
        if path.is_file()
    }
