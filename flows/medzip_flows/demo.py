"""Compress a demo cohort, prove it, restore it, and compare every file: what `make demo` runs.

    python -m medzip_flows.demo [DIR] [--profile default] [--workers 2]

The cohort is generated (CT and MR phantoms, the DICOM files that pydicom ships, odd files between
them); MEDZIP_DEMO_SOURCE names another folder. Leaves DIR/report/report.html.
"""

from __future__ import annotations

import argparse
import filecmp
import logging
import os
import shutil
import stat
import sys
import time
from pathlib import Path

from medzip_tasks.policy import StepFailedError

from medzip.archive import restore, verify
from medzip.bench.demo import build_demo_cohort
from medzip.errors import MedZipError
from medzip_flows.archive import archive_cohort
from medzip_flows.cluster import Where
from medzip_flows.console import print_summary
from medzip_flows.running import IncompleteError

__all__ = ["differences", "main"]

MARKER = ".medzip-demo"


def differences(left: Path, right: Path) -> list[str]:
    """Paths at which two trees differ: names, kinds, targets of links, or bytes, as `diff -r`."""
    found = []
    names = {entry.name for tree in (left, right) for entry in os.scandir(tree)}
    for name in sorted(names):
        one, other = left / name, right / name
        if not (os.path.lexists(one) and os.path.lexists(other)):
            found.append(str(one))
            continue
        kinds = [stat.S_IFMT(path.lstat().st_mode) for path in (one, other)]
        if kinds[0] != kinds[1]:
            found.append(str(one))
        elif stat.S_ISDIR(kinds[0]):
            found += differences(one, other)
        elif stat.S_ISLNK(kinds[0]):
            found += [] if os.readlink(one) == os.readlink(other) else [str(one)]
        elif not filecmp.cmp(one, other, shallow=False):
            found.append(str(one))
    return found


def main(argv: list[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m medzip_flows.demo", description="Try MedZip.")
    parser.add_argument("folder", nargs="?", default="demo", metavar="DIR", help="where to work")
    parser.add_argument("--profile", choices=("fast", "default", "max"), default="default")
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="worker processes")
    arguments = parser.parse_args(argv)
    folder = Path(arguments.folder).absolute()
    if folder.exists() and any(folder.iterdir()):
        if not (folder / MARKER).exists():
            parser.error(f"expected a folder of an earlier demo, or none, got {folder}")
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARKER).touch()
    # pydicom's own samples break rules on purpose, and it says so
    logging.getLogger("pydicom").setLevel(logging.CRITICAL)
    chosen = os.environ.get("MEDZIP_DEMO_SOURCE")
    source = Path(chosen).absolute() if chosen else build_demo_cohort(folder / "cohort")
    archive, restored, report = folder / "archive", folder / "restored", folder / "report"

    clock = time.monotonic()
    try:
        summary = archive_cohort(
            str(source),
            str(archive),
            profile=arguments.profile,
            where=Where(workers=arguments.workers),
            report=str(report),
        )
    except IncompleteError as error:
        summary = error.summary
    except StepFailedError:  # the flow has said why
        return 1
    except MedZipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    compressed = time.monotonic()
    checked = verify(archive, arguments.workers)
    verified = time.monotonic()
    restore(archive, restored, workers=arguments.workers)
    differing = differences(source, restored)
    ended = time.monotonic()

    print()
    print_summary(summary)
    print(f"archived  {compressed - clock:6.0f} s   {summary.files} files proven")
    print(f"verified  {verified - compressed:6.0f} s   {'ok' if checked.ok else 'NOT OK'}")
    same = "every file is the same" if not differing else f"{len(differing)} paths DIFFER"
    print(f"restored  {ended - verified:6.0f} s   {same} as in {source}")
    for path in differing[:20]:
        print(f"  differs: {path}")
    print(f"archive   {archive}")
    print(f"report    {report / 'report.html'}")
    return 0 if summary.ok and checked.ok and not differing else 1


if __name__ == "__main__":
    sys.exit(main())
