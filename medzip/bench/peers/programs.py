"""Codecs that are programs: finding them, running them, and saying what went wrong."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from medzip.errors import MedZipError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["ProgramError", "find_program", "run_program"]


class ProgramError(MedZipError):
    """A codec's program that ended with an error; the message has its last words."""


def find_program(name: str) -> str | None:
    """Return the path of an executable on PATH; None if there is none."""
    return shutil.which(name)


def run_program(
    command: Sequence[str],
    *,
    given: bytes | None = None,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> bytes:
    """Run a program to its end and return what it wrote to its standard output.

    Parameters
    ----------
    command
        Executable and arguments; no shell is involved.
    given
        Standard input; empty if None.
    folder
        Where it runs.
    environment
        Variables to set beside those of this process.

    Raises
    ------
    ProgramError
        If its exit status is not 0.
    """
    done = subprocess.run(
        command,
        input=given or b"",
        capture_output=True,
        cwd=folder,
        env={**os.environ, **(environment or {})},
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise ProgramError(
            f"expected {command[0]} to end with status 0, got {done.returncode} "
            f"({said[-1][:200] if said else 'it said nothing'}); run it by hand to see more"
        )
    return done.stdout
