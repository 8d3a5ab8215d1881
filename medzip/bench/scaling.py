"""Throughput of 1, 2, ... worker processes, each on a core of its own.

Codecs run on one core each here, so that n workers should do n times the work of one; what they
lack shows what they share: memory bandwidth, caches, clock.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.binding import on_cores
from medzip.bench.peers import select
from medzip.bench.records import Scaling
from medzip.errors import MedZipError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

    from numpy.typing import NDArray

__all__ = ["ScalingError", "measure_scaling", "worker_counts"]

_PATIENCE = 600.0  # seconds until a worker that does not reach the start is given up


class ScalingError(MedZipError):
    """Workers that did not finish; the message has what the first of them said."""


def worker_counts(most: int) -> list[int]:
    """Return 1, 2, 4, ... and `most`, at which throughput is measured."""
    counts = [1 << power for power in range(most.bit_length()) if 1 << power < most]
    return [*counts, most]


def measure_scaling(
    codec: str,
    slab: str,
    voxels: NDArray[Any],
    counts: Sequence[int],
    *,
    rounds: int = 1,
    progress: Callable[[int], None] | None = None,
) -> list[Scaling]:
    """Measure a codec with several numbers of workers.

    Parameters
    ----------
    codec
        One of :data:`medzip.bench.peers.PEERS`, available.
    slab, voxels
        What each worker codes a copy of; fitted once, before, where the codec fits.
    counts
        Numbers of workers, each at most the cores of this process.
    rounds
        Times that each worker encodes, then decodes.
    progress
        Called with each number of workers before it is measured.

    Raises
    ------
    ScalingError
        If a worker fails.
    """
    (peer,) = select([codec])
    prepared = peer.prepare(voxels)
    found = []
    for workers in counts:
        if progress:
            progress(workers)
        reports = _run(codec, voxels, prepared, workers, rounds)
        found.append(
            Scaling(
                slab=slab,
                codec=codec,
                voxels=rounds * voxels.size,
                workers=workers,
                encode_ns=max(report[0] for report in reports),
                decode_ns=max(report[1] for report in reports),
                lossless=all(report[2] for report in reports),
            )
        )
    return found


def _run(
    codec: str, voxels: NDArray[Any], prepared: Any, workers: int, rounds: int
) -> list[tuple[int, int, bool]]:
    """Run workers that start together; return what each reports."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(workers)
    processes, pipes = [], []
    for index in range(workers):
        here, there = context.Pipe(duplex=False)
        arguments = (codec, voxels, prepared, index, rounds, barrier, there)
        process = context.Process(target=_work, args=arguments, daemon=True)
        process.start()
        there.close()  # so that the end of the worker is the end of the pipe
        processes.append(process)
        pipes.append(here)
    try:
        return [_receive(pipe, codec) for pipe in pipes]
    finally:
        for process in processes:
            process.terminate()
            process.join()
        for pipe in pipes:
            pipe.close()


def _receive(pipe: Connection, codec: str) -> tuple[int, int, bool]:
    try:
        report = pipe.recv()
    except EOFError:
        report = "it ended without a word"
    if isinstance(report, str):
        raise ScalingError(
            f"expected every worker to code with {codec}, got one that did not ({report}); "
            "run fewer workers, or the codec alone"
        )
    encode_ns, decode_ns, lossless = report
    return encode_ns, decode_ns, lossless


def _work(
    codec: str,
    voxels: NDArray[Any],
    prepared: Any,
    index: int,
    rounds: int,
    barrier: Barrier,
    pipe: Connection,
) -> None:
    """Code in a process of its own: once to warm up, then timed, together with all others."""
    try:
        if hasattr(os, "sched_setaffinity"):
            allowed = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, {allowed[index % len(allowed)]})
        (peer,) = select([codec])
        with on_cores(1):
            data = peer.encode(voxels, prepared)
            back = peer.decode(data, voxels.shape, voxels.dtype)
            lossless = back.dtype == voxels.dtype and np.array_equal(back, voxels)
            taken = []
            for work in (
                lambda: peer.encode(voxels, prepared),
                lambda: peer.decode(data, voxels.shape, voxels.dtype),
            ):
                barrier.wait(_PATIENCE)
                start = time.perf_counter_ns()
                for _ in range(rounds):
                    work()
                taken.append(time.perf_counter_ns() - start)
        pipe.send((*taken, bool(lossless)))
    except Exception as error:
        barrier.abort()
        pipe.send(f"{type(error).__name__}: {error}")
    finally:
        pipe.close()
