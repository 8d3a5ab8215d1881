"""Under which circumstances a benchmark ran: when, where, which code, how much memory."""

from __future__ import annotations

import dataclasses
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from medzip.report.machine import this_machine

__all__ = ["commit", "peak_rss", "surroundings"]


def surroundings() -> dict[str, Any]:
    """Date, commit, machine and versions, as results have them; asked for when a run begins."""
    machine = dataclasses.asdict(this_machine())
    versions = dict(machine.pop("versions"))
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"date": date, "commit": commit(), "machine": machine, "versions": versions}


def commit() -> str:
    """Commit of the code that runs, with "+" if files differ from it; "" outside git."""
    here = Path(__file__).resolve().parent

    def git(*command: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here), *command], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def peak_rss() -> int:
    """Most memory this process ever held, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
