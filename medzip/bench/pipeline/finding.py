"""Finding alone: listing what is to be archived, without archiving it.

    python -m medzip.bench.pipeline.finding FOLDER WORKERS

Nothing is imported that finding does not need, as memory counts.
"""

from __future__ import annotations

import json
import sys
import time

from medzip.archive.handles import ObjectPlan
from medzip.archive.scanning import discover
from medzip.dicom.walk import name_trees

__all__ = ["find_alone"]


def find_alone(folder: str, workers: int) -> dict[str, int]:
    """List a folder twice: the first time brings processes up and headers into memory.

    Gives fields of :class:`medzip.bench.pipeline.records.Finding`.
    """
    first_ns = _listing(folder, workers)["first_ns"]
    return {**_listing(folder, workers), "workers": workers, "first_ns": first_ns}


def _listing(folder: str, workers: int) -> dict[str, int]:
    """Files and objects, and nanoseconds until the first and the last of these; nothing is kept."""
    files = objects = first_ns = 0
    start = time.perf_counter_ns()
    for found in discover(name_trees([folder]), workers):
        first_ns = first_ns or time.perf_counter_ns() - start
        if isinstance(found, ObjectPlan):
            files += len(found.files)
            objects += 1
    found_ns = time.perf_counter_ns() - start
    return {"files": files, "objects": objects, "first_ns": first_ns, "found_ns": found_ns}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(find_alone(sys.argv[1], int(sys.argv[2]))))
