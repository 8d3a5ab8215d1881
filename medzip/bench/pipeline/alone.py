"""The codec alone: what it takes for the volumes of an archive, in one process with one thread.

OMP_NUM_THREADS=1 python -m medzip.bench.pipeline.alone ARCHIVE PROFILE
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict

import numpy as np

from medzip.bench.peers.own import MedZip
from medzip.bench.pipeline.records import Alone
from medzip.bench.runner import PIECE
from medzip.errors import CorruptStreamError
from medzip.volumes import find_volumes, middle
from medzip.volumes.places import Archived

__all__ = ["codec_alone"]


def codec_alone(archive: str, profile: str) -> Alone:
    """Fit, encode and decode the volumes of an archive, as the archive cuts them.

    Raises
    ------
    CorruptStreamError
        If other voxels come back.
    SourceError
        If the archive has no volume.
    """
    codec = MedZip(profile=profile)
    taken, voxels, warm = [0, 0, 0], 0, set()
    volumes = find_volumes(archive)
    for series in volumes:
        volume = series.load()
        if volume.dtype not in warm:
            # Libraries are loaded and kernels looked up once a process, whatever it codes.
            piece = middle(volume, *PIECE)
            codec.decode(codec.encode(piece), piece.shape, piece.dtype)
            warm.add(volume.dtype)
        marks = [time.process_time_ns()]
        model = codec.prepare(volume)
        marks.append(time.process_time_ns())
        data = codec.encode(volume, model)
        marks.append(time.process_time_ns())
        back = codec.decode(data, volume.shape, volume.dtype)
        marks.append(time.process_time_ns())
        if not np.array_equal(back, volume):
            raise CorruptStreamError(
                f"expected the voxels of {series.title} back, got others ({profile}); report this"
            )
        for step in range(3):
            taken[step] += marks[step + 1] - marks[step]
        voxels += volume.size
    objects = {one.place.path for one in volumes if isinstance(one.place, Archived)}
    return Alone(len(objects), voxels, *taken)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(codec_alone(*sys.argv[1:]))))
