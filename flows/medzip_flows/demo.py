"""Compress a demo cohort, prove it, restore it, and compare every file: what `make demo` runs.

    python -m medzip_flows.demo [DIR] [--profile default] [--workers 2] [--pictures]

The cohort is generated (CT and MR phantoms, the DICOM files that pydicom ships, odd files between
them); MEDZIP_DEMO_SOURCE names another folder. Leaves DIR/report/report.html, which shows slices of
the generated cohort; of another folder only with --pictures.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip_tasks.policy import StepFailedError

from medzip.archive import restore, verify
from medzip.bench.demo import build_demo_cohort
from medzip.bench.trees import differences
from medzip.errors import MedZipError
from medzip_flows.archive import archive_cohort
from medzip_flows.cluster import Where
from medzip_flows.console import print_summary
from medzip_flows.running import IncompleteError

if TYPE_CHECKING:
    from medzip.archive import Summary

__all__ = ["main"]

MARKER = ".medzip-demo"


def main(argv: list[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m medzip_flows.demo", description="Try MedZip.")
    parser.add_argument("folder", nargs="?", default="demo", metavar="DIR", help="where to work")
    parser.add_argument("--profile", choices=("fast", "default", "max"), default="default")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="worker processes")
    parser.add_argument(
        "--pictures",
        action="store_true",
        help="show slices of MEDZIP_DEMO_SOURCE in the report: guard it as the images",
    )
    arguments = parser.parse_args(argv)
    folder = Path(arguments.folder).absolute()
    if folder.exists() and any(folder.iterdir()) and not (folder / MARKER).exists():
        parser.error(f"expected a folder of an earlier demo, or none, got {folder}")
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    (folder / MARKER).touch()
    # pydicom's own samples break rules on purpose, and it says so
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    chosen = os.environ.get("MEDZIP_DEMO_SOURCE")
    source = Path(chosen).absolute() if chosen else build_demo_cohort(folder / "cohort")
    try:
        pictures = arguments.pictures or not chosen  # phantoms and public files show nobody
        return _tried(source, folder, arguments.profile, arguments.workers, pictures)
    except StepFailedError:  # the flow has said why
        return 1
    except MedZipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _tried(source: Path, folder: Path, profile: Any, workers: int, pictures: bool) -> int:
    """Archive, verify, restore, compare, each with its seconds; returns the exit code."""
    archive, restored, report = folder / "archive", folder / "restored", folder / "report"
    times = [time.monotonic()]
    summary = _archived(source, archive, profile, workers, report, pictures)
    times.append(time.monotonic())
    checked = verify(archive, workers)
    times.append(time.monotonic())
    restore(archive, restored, workers=workers)
    differing = differences(source, restored)
    times.append(time.monotonic())

    seconds = [later - earlier for earlier, later in pairwise(times)]
    print()
    print_summary(summary)
    print(f"archived  {seconds[0]:6.0f} s   {summary.files} files proven")
    print(f"verified  {seconds[1]:6.0f} s   {'ok' if checked.ok else 'NOT OK'}")
    same = "every file is the same" if not differing else f"{len(differing)} paths DIFFER"
    print(f"restored  {seconds[2]:6.0f} s   {same} as in {source}")
    for path in differing[:20]:
        print(f"  differs: {path}")
    print(f"archive   {archive}")
    print(f"report    {report / 'report.html'}")
    return 0 if summary.ok and checked.ok and not differing else 1


def _archived(
    source: Path, archive: Path, profile: Any, workers: int, report: Path, pictures: bool
) -> Summary:
    """Run the flow; what it could not do is in the summary."""
    where = Where(workers)
    try:
        return archive_cohort(
            str(source), str(archive), profile, where, str(report), pictures=pictures
        )
    except IncompleteError as error:
        summary: Summary = error.summary
        return summary


if __name__ == "__main__":
    sys.exit(main())
