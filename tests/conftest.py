"""What all tests share, and how they are divided among processes (`make test`)."""

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

SHARED_PROCESSES = {"prefect_api", "scheduler"}
"""Fixtures that start a server or a cluster, once a process that runs tests."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one a core that this process may use, as tests keep a core busy."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep a module's tests in one process, and all that use a server or a cluster in another.

    Those come first: they take longest and wait for other processes. `--dist loadgroup` heeds it.
    """
    groups = {}
    for item in items:
        names = set(getattr(item, "fixturenames", ()))
        groups[item] = "cluster" if names & SHARED_PROCESSES else str(item.path)
    items.sort(key=lambda item: (groups[item] != "cluster", "flows" not in item.path.parts))
    for item in items if config.pluginmanager.hasplugin("xdist") else ():
        item.add_marker(pytest.mark.xdist_group(groups[item]))


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
