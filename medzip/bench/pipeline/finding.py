"""Finding alone: listing what is to be archived, without archiving it.

    python -m medzip.bench.pipeline.finding FOLDER

Nothing is imported that finding does not need: interpreters count.
"""

from __future__ import annotations

import json
import sys
import time

from medzip.archive.scanning import scan

__all__ = ["find_alone"]


def find_alone(folder: str) -> dict[str, int]:
    """Files and objects of a folder, and the nanoseconds until the last of them was there.

    Gives fields of :class:`medzip.bench.pipeline.records.Finding`.
    """
    start = time.perf_counter_ns()
    plans = scan([folder]).plans
    files = sum(len(plan.files) for plan in plans)
    found_ns = time.perf_counter_ns() - start
    return {"files": files, "objects": len(plans), "workers": 1, "found_ns": found_ns}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(find_alone(*sys.argv[1:])))
