"""A Prefect server of a test's own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def prefect(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "prefect", *arguments]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """A Prefect server with a work pool, the commands of prefect.yaml, and a worker."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        port = free_port()
        self.api = f"http://127.0.0.1:{port}/api"
        # of the server and its worker, and the checkout: nothing else is set, as on a new machine
        self.environment = {
            **environment,
            "PREFECT_API_URL": self.api,
            "PREFECT_UI_ENABLED": "false",
            "MEDZIP_HOME": str(ROOT),
        }
        self.log = folder / "log"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._start("server", "start", "--host", "127.0.0.1", "--port", str(port))
        deadline = time.monotonic() + 90
        while not self._healthy():
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.2)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api}/health", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _start(self, *arguments: str) -> None:
        with self.log.open("ab") as output:
            process = subprocess.Popen(
                prefect(*arguments),
                cwd=self.log.parent,  # not the checkout: the pull step has to find it
                env=self.environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._processes.append(process)

    def worker(self, pool: str = "medzip") -> None:
        self._start("worker", "start", "--pool", pool, "--limit", "1")

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            prefect(*arguments),
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=480,
        )
        said = done.stdout + done.stderr
        assert done.returncode == 0, f"{said}\n{self.log.read_text()[-20_000:]}"
        return said

    def read(self, what: str) -> list[dict[str, Any]]:
        request = urllib.request.Request(
            f"{self.api}/{what}/filter", b"{}", {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found

    def stop(self) -> None:
        for process in reversed(self._processes):
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
