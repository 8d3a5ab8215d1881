"""Processes of a user who owns nothing, and an installation that he cannot write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import medzip

__all__ = ["NOBODY", "Place", "needs_root"]

NOBODY = 65534

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None,
    reason="needs root, and setpriv, to run as another user",
)


READ_ONLY = """
for folder in /tmp /var/tmp; do
    mount --bind $folder $folder && mount -o remount,bind,ro $folder || exit 77
done
mount --bind $1 $1 && mount -o remount,bind,rw $1 || exit 77
cd /
shift
exec "$@"
"""
"""A shell's script: no temporary directory can be written, the folder $1 alone can."""


@dataclass(frozen=True)
class Place:
    """What there is for such a user: a copy of the package, and folders that he can write or not.

    Attributes
    ----------
    folder
        Of all of it.
    """

    folder: Path

    @property
    def scratch(self) -> Path:
        """The temporary directory."""
        return self.folder / "scratch"

    @property
    def package(self) -> Path:
        """Where the package lies."""
        return self.folder / "site" / "medzip"

    def make(self) -> Place:
        """Copy the package, without what is compiled beside it."""
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(medzip.__file__).parent, self.package, ignore=ignored)
        for name in ("scratch", "closed", "own"):
            (self.folder / name).mkdir()
        self.scratch.chmod(0o1777)
        os.chown(self.folder / "own", NOBODY, NOBODY)
        return self

    def run(
        self, code: str, *arguments: object, user: int | None = NOBODY, read_only: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run Python code, as that user.

        He may read everything, as an interpreter may lie in root's home; he writes what he owns.

        Parameters
        ----------
        code, arguments
            What runs, in a folder of his own.
        user
            Another one; None for root.
        read_only
            Whether nothing but that folder can be written, no temporary directory either.
        """
        own = self.folder / "own"
        as_user = [
            *("setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups"),
            *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"),
            "--bounding-set=-all,+dac_read_search",
        ]
        done = subprocess.run(
            [
                *(("unshare", "-m", "sh", "-c", READ_ONLY, "sh", own) if read_only else ()),
                *(as_user if user is not None else ()),
                *(sys.executable, "-c", code, *map(str, arguments)),
            ],
            cwd=own,
            env={
                "PATH": os.environ["PATH"],
                "HOME": "/nonexistent",
                "PYTHONPATH": os.pathsep.join([str(self.package.parent), *filter(None, sys.path)]),
                "NUMBA_CACHE_DIR": str(self.folder / "closed"),
                "TMPDIR": str(self.scratch),
                "OMP_NUM_THREADS": "1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if read_only and done.returncode in (1, 77) and not done.stdout:
            pytest.skip(f"needs a namespace of mounts of its own: {done.stderr}")
        assert done.returncode == 0, done.stdout + done.stderr
        return done
