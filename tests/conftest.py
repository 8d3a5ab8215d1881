"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

# before NumPy and torch read it: tests compute small things, in which threads only wait for others
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings

# Numba compiles at the first call, so a first example takes seconds
settings.register_profile(
    "medzip", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("medzip")

# contracts of medzip.testing are tests too: their assertions say what they compared
pytest.register_assert_rewrite("medzip.testing")

SHARED = Path(os.environ.get("MEDZIP_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared() -> Callable[[str], Path]:
    """Folder of real data by its name; the test is skipped where it is not there."""

    def folder(name: str) -> Path:
        path = SHARED / "data" / name
        if not path.exists():
            pytest.skip(f"needs {name} of the shared data (set MEDZIP_SHARED)")
        return path

    return folder
