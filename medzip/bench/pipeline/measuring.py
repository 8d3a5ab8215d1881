"""Run programs, and know what they and everything that they started used."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import medzip
from medzip.bench.peers.programs import run_program
from medzip.bench.pipeline.records import Alone, Finding, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["measure", "measure_alone", "measure_finding"]

_HERE = "medzip.bench.pipeline"


def measure(
    command: Sequence[str],
    *,
    watched: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> tuple[Usage, bytes]:
    """Run a program to its end; give what it used, and what it wrote to its standard output.

    Parameters
    ----------
    command
        Executable and arguments. If it is Python, it finds this very package.
    watched
        Folder in which objects (``*.zip``) appear; it need not exist yet.
    environment
        Variables to set beside those of this process.

    Raises
    ------
    ProgramError
        If its exit status is not 0.
    """
    root = str(Path(medzip.__file__).parents[1])
    path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
    with tempfile.TemporaryDirectory(prefix="medzip-") as folder:
        report = Path(folder, "usage.json")
        counter = [sys.executable, "-m", f"{_HERE}.counter", str(report), str(watched or "")]
        said = run_program(
            [*counter, *command], environment={**(environment or {}), "PYTHONPATH": path}
        )
        return Usage(**json.loads(report.read_bytes())), said


def measure_alone(archive: Path, profile: str) -> Alone:
    """Measure the codec on the volumes of an archive, in a fresh process with one thread.

    Raises
    ------
    ProgramError
        If that process fails.
    """
    command = [sys.executable, "-m", f"{_HERE}.alone", str(archive), profile]
    _, said = measure(command, environment={"OMP_NUM_THREADS": "1"})
    return Alone(**json.loads(said))


def measure_finding(cohort: str, folder: Path, workers: int) -> Finding:
    """Measure how fast the files of a folder are found, in a fresh process.

    Parameters
    ----------
    cohort
        What the record calls the folder.
    folder
        Of the files.
    workers
        Processes that read headers.

    Raises
    ------
    ProgramError
        If that process fails.
    """
    command = [sys.executable, "-m", f"{_HERE}.finding", str(folder), str(workers)]
    whole, said = measure(command)
    return Finding(cohort, **json.loads(said), whole=whole)
