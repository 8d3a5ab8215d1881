"""Under which circumstances a benchmark ran: which code, how much memory."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["commit", "peak_rss"]


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
