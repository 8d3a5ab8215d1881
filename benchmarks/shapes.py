"""Bytes and seconds of thin, long and tiny shapes, beside ordinary ones of as many voxels.

    python benchmarks/shapes.py --out FILE.json

One core; processor time, so that other work on the machine does not count. Voxels are a smooth line
with noise (int16) cut to each shape, and noise of 16 bits. Bytes are those of `medzip.encode`;
`steps` are those of a slab as it is coded.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import medzip
from medzip.bench.circumstances import commit
from medzip.codec import slab_depth
from medzip.codec.arrangement import arrangement_of, steps_of
from medzip.report.machine import this_machine

SHAPES = (
    (16, 256, 256),
    (1, 1024, 1024),
    (1, 1000, 1000),
    (1000, 1, 1000),
    (1000, 1000, 1),
    (1, 1, 1_000_000),
    (1, 1_000_000, 1),
    (1_000_000, 1, 1),
    (1, 8192, 128),
    (2, 300_000, 2),
    (20_000, 7, 7),
    (4096, 16, 16),
    (20_000, 1, 1),
    (6204, 1, 1),
    (1, 1, 1),
)


def line(shape: tuple[int, int, int]) -> np.ndarray:
    """A smooth line with noise, cut to a shape."""
    count = math.prod(shape)
    wave = 900 + 300 * np.sin(np.arange(count) / 40)
    return (wave + np.random.default_rng(3).normal(0, 3, count)).astype(np.int16).reshape(shape)


def noise(shape: tuple[int, int, int]) -> np.ndarray:
    """Nothing to gain."""
    return np.random.default_rng(3).integers(0, 1 << 16, shape).astype(np.uint16)


def measured(voxels: np.ndarray, profile: str) -> dict[str, Any]:
    """What a round trip takes."""
    start = time.process_time_ns()
    coded = medzip.encode(voxels, profile=profile)
    middle = time.process_time_ns()
    back = medzip.decode(coded)
    end = time.process_time_ns()
    if not np.array_equal(back, voxels):
        raise SystemExit(f"expected {voxels.shape} back, got other voxels")
    return {"bytes": len(coded), "encode_ns": middle - start, "decode_ns": end - middle}


def main() -> None:
    """Measure all shapes, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--profile", default="fast")
    options = parser.parse_args()
    measured(line((4, 64, 64)), options.profile)  # compiles and loads what is needed
    rows = []
    for shape in SHAPES:
        slab = (slab_depth(shape, options.profile), *shape[1:])
        coded = arrangement_of(slab).shape_of(slab)
        for name, make in (("line", line), ("noise", noise)):
            voxels = make(shape)
            row = {"shape": shape, "coded_as": coded, "steps": steps_of(coded), "voxels": name}
            rows.append({**row, "raw": voxels.nbytes, **measured(voxels, options.profile)})
            print(
                f"{shape!s:>20} as {coded!s:>16} {name:>5}: {voxels.nbytes:>8} -> "
                f"{rows[-1]['bytes']:>8} bytes, {rows[-1]['encode_ns'] / 1e9:6.2f} s, "
                f"{rows[-1]['decode_ns'] / 1e9:6.2f} s"
            )
    if options.out:
        about = {"profile": options.profile, "machine": asdict(this_machine()), "commit": commit()}
        options.out.write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
