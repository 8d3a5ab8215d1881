"""Which machine and which versions a figure was measured with."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["PACKAGES", "Machine", "this_machine"]

PACKAGES = (
    "constriction",
    "imagecodecs",
    "medzip",
    "numba",
    "numpy",
    "pydicom",
    "tomoz",
    "torch",
    "zarr",
    "zstandard",
)
"""Packages whose versions move bytes or speed."""


@dataclass(frozen=True)
class Machine:
    """A machine as far as figures depend on it; it has no host name and no user.

    Attributes
    ----------
    cpu : str
        Model of the processor.
    cores : int
        Cores that the system gives this process; a worker uses one of them.
    memory_bytes : int
        Physical memory; 0 where the system does not tell.
    system : str
        Operating system and architecture.
    python : str
        Version of Python.
    versions : tuple of (str, str)
        Installed packages among :data:`PACKAGES`.
    """

    cpu: str
    cores: int
    memory_bytes: int
    system: str
    python: str
    versions: tuple[tuple[str, str], ...]

    @property
    def title(self) -> str:
        """Processor and cores in one line."""
        return f"{self.cpu}, {self.cores} core{'' if self.cores == 1 else 's'}"


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _memory_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # not POSIX
        return 0


def _versions() -> tuple[tuple[str, str], ...]:
    found = []
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def this_machine() -> Machine:
    """Describe the machine that runs this process."""
    return Machine(
        cpu=_cpu(),
        cores=_cores(),
        memory_bytes=_memory_bytes(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        versions=_versions(),
    )
