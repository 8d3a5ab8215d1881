"""Steps of which one ends its process, as a lack of memory does: for tests of what then happens."""

from __future__ import annotations

import os
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from medzip.archive import planning
from medzip.archive.line import Step
from medzip.archive.proving import prove
from medzip.archive.staging import stage
from medzip.archive.steps import FUNCTIONS
from medzip.dicom.walk import File

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from medzip.archive import ObjectPlan, Proof, Sealed, Staged
    from medzip.archive.gathering import Group
    from medzip.archive.planning import Read
    from medzip.dicom.walk import Found

__all__ = ["PROVERS", "STAGERS", "plan_groups", "read_files"]


def _stage(plan: ObjectPlan, archive: str, profile: str) -> Staged:
    if any("dies" in file.path for file in plan.files):
        os._exit(9)
    return stage(plan, archive, profile)


def _prove(sealed: Sealed) -> Proof:
    if sealed.record.files == 2:
        os._exit(9)
    return prove(sealed)


STAGERS: Mapping[Step, Callable[..., Any]] = ChainMap({Step.STAGE: _stage}, FUNCTIONS)
"""Staging dies of any file whose path has "dies" in it."""
PROVERS: Mapping[Step, Callable[..., Any]] = ChainMap({Step.PROVE: _prove}, FUNCTIONS)
"""Proving dies of objects of two files."""


def read_files(found: Sequence[Found]) -> list[Read]:
    """Read headers; dies of any file whose path has "dies" in it."""
    if any("dies" in one.path for one in found if isinstance(one, File)):
        os._exit(9)
    return planning.read_files(found)


def plan_groups(groups: Sequence[Group]) -> list[ObjectPlan]:
    """Arrange files; dies of any group with one whose path has "dies" in it."""
    if any("dies" in entry.path for group in groups for entry, _ in group.items):
        os._exit(9)
    return planning.plan_groups(groups)
