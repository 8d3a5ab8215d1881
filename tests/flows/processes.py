"""Processes of a run, killed as a power cut or a full memory does it."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import subprocess


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill all processes of a run at once, as a power cut does."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while not gone(process.pid):
        assert time.monotonic() < deadline, "processes of the killed run go on"
        time.sleep(0.1)


def kill_a_worker(process: subprocess.Popen[bytes]) -> None:
    workers = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]
    assert len(workers) == 2, workers
    workers[0].send_signal(signal.SIGKILL)


def gone(session: int) -> bool:
    """Whether no process of a session is left but those that are dead."""
    for process in psutil.process_iter(["pid", "status"]):
        try:
            if os.getsid(process.pid) == session and process.info["status"] != psutil.STATUS_ZOMBIE:
                return False
        except (ProcessLookupError, psutil.NoSuchProcess):
            continue
    return True
