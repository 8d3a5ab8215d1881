"""What all tests share, and how they are divided among processes (`make test`)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

ALONE = ("test_flow_resume.py", "test_flow_server.py")
"""Modules of tests/flows that use neither the server nor the cluster that the others share."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Workers of `-n auto`: one a core that this process may use, as tests keep a core busy."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Keep a module's tests in one worker, and all that use the server or the cluster in another.

    Marks for groups would say the same, but xdist 3.8 does not find them with pytest 9.
    """
    from xdist.scheduler import LoadScopeScheduling

    class ByModule(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            module = Path(nodeid.split("::", 1)[0])
            shares = module.parent.name == "flows" and module.name not in ALONE
            return str(module.parent if shares else module)

    return ByModule(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Flows first: they take longest, and wait for other processes."""
    items.sort(key=lambda item: ("flows" not in item.path.parts, item.path.name in ALONE))


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
