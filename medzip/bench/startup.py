"""How long a fresh process takes until it has decoded its first slab."""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.bench.peers.programs import run_program
from medzip.bench.records import Startup
from medzip.volumes import middle

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SHAPE", "measure_startup"]

SHAPE = (4, 128, 128)
"""At most so much is cut out of a volume's middle: a small slab."""

_SCRIPT = """\
import sys, time
start = time.perf_counter_ns()
import medzip
imported = time.perf_counter_ns()
data = open(sys.argv[1], "rb").read()
voxels = medzip.decode(data)
done = time.perf_counter_ns()
import hashlib, json
digest = hashlib.sha256(voxels.tobytes()).hexdigest()
print(json.dumps([imported - start, done - imported, digest]))
"""


def measure_startup(profile: str, voxels: NDArray[Any], *, repeat: int = 3) -> Startup:
    """Measure the start-up of MedZip at a profile.

    One process goes before, so that files are in memory and compiled kernels on disk.

    Parameters
    ----------
    profile
        "fast", "default" or "max".
    voxels
        (z, y, x); the middle of it is encoded here, with the base model.
    repeat
        Times that it is measured; the fastest counts.

    Raises
    ------
    ProgramError
        If the process fails.
    CorruptStreamError
        If it decodes other voxels.
    """
    import medzip
    from medzip.errors import CorruptStreamError
    from medzip.models import base_model

    slab = middle(voxels, *SHAPE)
    data = medzip.encode(slab, profile=profile, model=base_model(profile))
    expected = hashlib.sha256(slab.tobytes()).hexdigest()
    taken = []
    with tempfile.TemporaryDirectory(prefix="medzip-") as folder:
        stream = Path(folder, "slab")
        stream.write_bytes(data)
        for _ in range(1 + repeat):
            start = time.perf_counter_ns()
            told = run_program([sys.executable, "-c", _SCRIPT, str(stream)])
            wall_ns = time.perf_counter_ns() - start
            import_ns, decode_ns, digest = json.loads(told)
            if digest != expected:
                raise CorruptStreamError(
                    f"expected the voxels of the slab from a fresh process ({profile}), got "
                    "others; report this"
                )
            taken.append((wall_ns, import_ns, decode_ns))
    return Startup(f"medzip-{profile}", slab.size, *min(taken[1:]))
