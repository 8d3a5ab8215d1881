"""Streams decode, and archives are read through Zarr, without what only POSIX systems have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

GOLDEN = Path(__file__).parents[1] / "golden"

PROGRAM = """
import hashlib, json, os, sys
from pathlib import Path

for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None  # as where there is none: importing it raises ImportError
for name in ("O_DIRECTORY", "O_NOFOLLOW", "sched_getaffinity", "sched_setaffinity"):
    if hasattr(os, name):
        delattr(os, name)

import medzip, numpy as np, zarr
from zarr.storage import ZipStore

golden = Path(sys.argv[1])
digests = json.loads((golden / "1" / "index.json").read_text())
for name in ("background", "bytes", "fitted"):
    voxels = medzip.decode((golden / "1" / f"{name}.mz").read_bytes())
    head = f"{voxels.dtype.str} {voxels.shape} ".encode()
    assert hashlib.sha256(head + voxels.tobytes()).hexdigest() == digests[name]["sha256"], name

slabs = 0
for path in sorted((golden / "archive-1" / "fast" / "objects").glob("*.zip")):
    group = zarr.open_group(ZipStore(path, mode="r"), mode="r")
    if "volumes" in group:
        for volume in group["volumes"].arrays():
            slabs += np.asarray(volume[1][:1]).size > 0
assert slabs
"""


def test_decoding_and_zarr_need_no_posix() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(GOLDEN)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
