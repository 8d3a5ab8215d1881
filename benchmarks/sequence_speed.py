"""Seconds to encode and decode a slice with the papers' predictors, for all of their shapes.

    python benchmarks/sequence_speed.py --out benchmarks/results/sequence-speed.json

One core; processor time, so that other work on the machine does not count. Weights are random: no
loop depends on them. Slices have 512 x 512 voxels. Where a slab would take long, every k-th step of
its schedule is predicted (with the batch that it really has) and the sum multiplied; the words are
coded for all voxels. Published seconds are those of sampling-strategies (MLWA 2022, table of
benchmark 3), LSTM of 128 units, on an i7-4770K with a GTX 1080.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from medzip.bench.circumstances import commit
from medzip.papers.benchmarks.published import PUBLISHED
from medzip.papers.codec import (
    SHAPES,
    IntegerAttention,
    IntegerLSTM,
    IntegerMLP,
    SequenceModel,
)
from medzip.papers.codec.backends import default_table
from medzip.papers.codec.engine import BATCH, SequenceEngine
from medzip.report.machine import this_machine

if TYPE_CHECKING:
    from medzip.papers.codec.predictor import Predictor

PLANE = 512
VALUES = 4096


def random_predictor(kind: str, length: int) -> Predictor:
    """A predictor of the papers' size with weights of the usual size."""
    generator = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return generator.integers(-2000, 2001, shape).astype(np.int16)

    def side(*shape: int) -> np.ndarray:
        return generator.integers(-2000, 2001, shape).astype(np.int32)

    def shifts(value: int, n: int) -> np.ndarray:
        return np.full(n, value, dtype=np.int32)

    def head(units: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return side(units), side(1), shifts(8, 1)

    if kind == "lstm":
        rows, units = 512, 128
        parts = weights(rows, units), side(rows), side(rows), shifts(13, rows)
        return IntegerLSTM(length, *parts, *head(units))
    if kind == "mlp":
        sizes = (length, 1024, 512, 256, 128)
        pairs = list(zip(sizes[1:], sizes, strict=False))
        return IntegerMLP(
            tuple(weights(*pair) for pair in pairs),
            tuple(side(n) for n in sizes[1:]),
            tuple(shifts(15, n) for n in sizes[1:]),
            *head(128),
        )
    width, rows, units = 32, 128, 64
    return IntegerAttention(
        weights(length, width),
        side(length, width),
        shifts(13, width),
        weights(rows, length),
        side(rows),
        shifts(15, rows),
        shifts(20, 1),
        weights(units, rows + length),
        side(units),
        shifts(15, units),
        *head(units),
    )


def seconds_of(kind: str, name: str, slices: int, budget: float) -> dict[str, float | int]:
    """Processor seconds a slice, and how much was sampled."""
    length = len(SHAPES[name])
    model = SequenceModel(random_predictor(kind, length), name, "conditional", default_table())
    engine = SequenceEngine(model.predictor, model.shape, model.table, (slices, PLANE, PLANE))
    generator = np.random.default_rng(1)
    y, x = np.indices((PLANE, PLANE))
    smooth = 2000 + 1500 * np.sin(x / 40) * np.cos(y / 50)
    values = (smooth + generator.normal(0, 20, (slices, PLANE, PLANE))).astype(np.uint16)
    store = engine.store_of(values, VALUES)
    batches = [batch.copy() for batch in engine.batches()]
    engine.predict_at(store, batches[len(batches) // 2][:BATCH], VALUES)  # compiles, warms up
    began = time.process_time()
    engine.predict_at(store, np.concatenate(batches[::97])[:BATCH], VALUES)
    one = time.process_time() - began
    stride = max(1, int(one * values.size / BATCH / budget))
    some = batches[stride // 2 :: stride] or batches[:1]
    began = time.process_time()
    for batch in some:
        for start in range(0, len(batch), BATCH):
            engine.predict_at(store, batch[start : start + BATCH], VALUES)
    stepped = (time.process_time() - began) * values.size / sum(map(len, some))
    flat = np.concatenate(some)
    began = time.process_time()
    for start in range(0, len(flat), BATCH):
        engine.predict_at(store, flat[start : start + BATCH], VALUES)
    batched = (time.process_time() - began) * values.size / len(flat)
    encoding, decoding = coder_seconds(name, values)
    return {
        "encode": (batched + encoding) / slices,
        "decode": (stepped + decoding) / slices,
        "every": stride,
        "steps": len(batches),
        "widest": max(map(len, batches)),
    }


def coder_seconds(name: str, values: np.ndarray) -> tuple[float, float]:
    """Processor seconds of all but the predictor: a whole slab with one of 8 units."""
    length = len(SHAPES[name])
    tiny = IntegerMLP(
        (np.zeros((8, length), np.int16),),
        (np.zeros(8, np.int32),),
        (np.ones(8, np.int32),),
        np.zeros(8, np.int32),
        np.zeros(1, np.int32),
        np.ones(1, np.int32),
    )
    model = SequenceModel(tiny, name, "conditional", default_table())
    engine = SequenceEngine(model.predictor, model.shape, model.table, values.shape)
    times = [time.process_time()]
    words = engine.encode([values], [0], [VALUES])
    times.append(time.process_time())
    back = engine.decode(words, [0], [VALUES])
    times.append(time.process_time())
    if not np.array_equal(back[0], values):
        sys.exit(f"{name}: decoded values differ")
    return times[1] - times[0], times[2] - times[1]


def main() -> None:
    """Measure, print a table, write JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="JSON to write")
    parser.add_argument("--slices", type=int, default=4, help="of the slab")
    parser.add_argument("--kinds", default="lstm,mlp,attention")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--budget", type=float, default=4.0, help="seconds a measurement")
    options = parser.parse_args()
    torch.set_num_threads(1)
    seconds = {name: (one.encode, one.decode) for name, one in PUBLISHED.items()}
    rows = []
    print("| shape | predictor | encode s | decode s | published encode | decode |")
    print("|---|---|---|---|---|---|")
    for kind in options.kinds.split(","):
        seconds_of(kind, "cube-3", 1, 0.1)
        for name in options.shapes.split(","):
            found = seconds_of(kind, name, options.slices, options.budget)
            published = seconds[name] if kind == "lstm" else ("-", "-")
            print(
                f"| {name} | {kind} | {found['encode']:.2f} | {found['decode']:.2f} | "
                f"{published[0]} | {published[1]} |",
                flush=True,
            )
            rows.append({"shape": name, "predictor": kind, "length": len(SHAPES[name])} | found)
    if options.out:
        record = {
            "commit": commit(),
            "machine": dataclasses.asdict(this_machine()),
            "published": {name: list(pair) for name, pair in seconds.items()},
            "seconds": rows,
            "slab": [options.slices, PLANE, PLANE],
        }
        options.out.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
