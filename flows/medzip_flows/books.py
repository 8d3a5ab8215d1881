"""Books of a run: every object ends in exactly one record, whatever the code in between did."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from medzip import archive as steps
from medzip.archive import Failure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from medzip.archive import ObjectPlan, SeriesRecord

__all__ = ["LOST", "balanced", "lost"]

LOST = "lost"
"""Kind of the failure of an object that some step mislaid."""


def lost(name: str, step: str, expected: str, got: object) -> Failure:
    """Failure of an object whose books do not balance; its message names no file.

    Parameters
    ----------
    name : str
        Name of the object.
    step : str
        Where it was noticed.
    expected, got : object
        What should be in the books, and what is.
    """
    message = f"expected {expected}, got {got}; run again, and report it if it comes again"
    return Failure(name, step, LOST, message)


def balanced(
    plans: Sequence[ObjectPlan], records: Sequence[SeriesRecord], profile: str
) -> tuple[SeriesRecord, ...]:
    """Match the records of a run with what there was to do.

    Parameters
    ----------
    plans : sequence of ObjectPlan
        What there was to do.
    records : sequence of SeriesRecord
        What became of it, in any order.
    profile : str
        Profile of the codec, for the records of objects that were lost.

    Returns
    -------
    tuple of SeriesRecord
        Exactly one record a plan, in the order of their keys: its own, or a failed one for a plan
        that has none, or several. A record that no plan asked for is left out.
    """
    found: dict[str, list[SeriesRecord]] = defaultdict(list)
    for record in records:
        found[record.key].append(record)
    books = []
    for plan in sorted(plans, key=lambda plan: plan.key):
        own = found[plan.key]
        if len(own) == 1:
            books += own
        else:
            failure = lost(plan.name, "flow", "one record of each object", len(own))
            books.append(steps.failed_record(plan, profile, failure))
    return tuple(books)
