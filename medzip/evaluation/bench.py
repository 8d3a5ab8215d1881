"""Run codecs over volumes: one process, one core, every byte counted, every round trip checked."""

from __future__ import annotations

import dataclasses
import subprocess
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.evaluation.cores import cores
from medzip.evaluation.peers import select
from medzip.evaluation.results import CodecInfo, Measurement, Results, SlabInfo
from medzip.evaluation.sources import middle
from medzip.report.machine import this_machine
from medzip.report.records import WHOLE_VOLUME, PeerRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from medzip.evaluation.peers import Peer
    from medzip.evaluation.sources import Volume

__all__ = ["Settings", "measure", "peer_bits", "run_bench"]

Progress = Callable[[str, str], None]


@dataclass(frozen=True)
class Settings:
    """How a benchmark runs.

    Attributes
    ----------
    slices : int or None
        Slices taken out of the middle of each volume; None for all.
    fit_cores : int
        Cores for fitting. Encoding and decoding always have one.
    repeat : int
        Times that encoding and decoding run; the fastest counts.
    bind : bool
        Whether threads are bound to those cores. Not inside a worker, whose other threads it would
        hold as well; there it is the codecs that are asked for one thread.
    """

    slices: int | None = None
    fit_cores: int = 2
    repeat: int = 1
    bind: bool = True


def _timed(work: Callable[[], Any], repeat: int = 1) -> tuple[Any, int]:
    """Run `repeat` times; return the last result and the least nanoseconds."""
    least, result = 0, None
    for turn in range(repeat):
        start = time.perf_counter_ns()
        result = work()
        taken = time.perf_counter_ns() - start
        least = taken if turn == 0 else min(least, taken)
    return result, least


def _warm_up(peer: Peer, voxels: NDArray[Any]) -> None:
    """Load libraries and compile kernels on a corner, so that no volume pays for them."""
    corner = np.ascontiguousarray(voxels[:4, :64, :64])
    # A fit on a corner proves nothing about speed and may not even be possible.
    peer.decode(peer.encode(corner), corner.shape, corner.dtype)


def measure(
    peer: Peer, name: str, voxels: NDArray[Any], settings: Settings | None = None
) -> Measurement:
    """Measure one codec on one volume.

    Parameters
    ----------
    peer
        A codec that is available.
    name
        Name of the volume.
    voxels
        (z, y, x), C-contiguous.
    settings
        Cores and repeats.

    Returns
    -------
    Measurement
        An exception of the codec becomes its `error`: one codec that fails must not cost the
        figures of the others.
    """
    settings = settings or Settings()
    data, taken = b"", {"fit_ns": 0, "encode_ns": 0, "decode_ns": 0}
    parts: dict[str, int] = {}
    lossless, error = False, ""
    try:
        with cores(settings.fit_cores) if settings.bind else nullcontext():
            prepared, fit_ns = _timed(lambda: peer.prepare(voxels))
        taken["fit_ns"] = 0 if prepared is None else fit_ns
        with cores(1) if settings.bind else nullcontext():
            data, taken["encode_ns"] = _timed(
                lambda: peer.encode(voxels, prepared), settings.repeat
            )
            back, taken["decode_ns"] = _timed(
                lambda: peer.decode(data, voxels.shape, voxels.dtype), settings.repeat
            )
        parts = peer.parts(data)
        lossless = back.dtype == voxels.dtype and np.array_equal(back, voxels)
    except Exception as caught:
        error = f"{type(caught).__name__}: {caught}"
    return Measurement(
        slab=name,
        codec=peer.name,
        voxels=voxels.size,
        raw_bytes=voxels.nbytes,
        encoded_bytes=len(data),
        parts=tuple(sorted(parts.items())),
        lossless=lossless,
        error=error,
        **taken,
    )


def _commit() -> str:
    """Commit of the code that runs, with "+" if files differ from it; "" outside git."""
    here = Path(__file__).resolve().parent

    def git(*command: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here), *command], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "-uno") else "")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _peak_rss() -> int:
    """Most memory this process ever held, in bytes; 0 where the system does not tell."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _info(peer: Peer) -> CodecInfo:
    state = peer.available()
    return CodecInfo(
        name=peer.name,
        label=peer.label,
        version=peer.version() if state.ok else "",
        available=state.ok,
        reason=state.reason,
    )


def run_bench(
    volumes: Sequence[Volume],
    names: Sequence[str],
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Results:
    """Measure codecs on volumes.

    Parameters
    ----------
    volumes
        Loaded one at a time.
    names
        Codecs, of :data:`medzip.evaluation.peers.PEERS`.
    settings
        How to run.
    progress
        Called with (volume, codec) before each measurement.

    Returns
    -------
    Results
        With a measurement for each pair that could run, lossless or not; codecs that are absent are
        listed with the reason.
    """
    settings = settings or Settings()
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    peers = select(names)
    infos = tuple(_info(peer) for peer in peers)
    ready = [peer for peer, info in zip(peers, infos, strict=True) if info.available]
    slabs, measurements, warm = [], [], set()
    for volume in volumes:
        voxels = middle(volume.load(), settings.slices)
        slabs.append(SlabInfo(volume.name, voxels.shape, voxels.dtype.name, volume.about))
        for peer in ready:
            if progress:
                progress(volume.name, peer.name)
            if (peer.name, voxels.dtype) not in warm:
                _try_warm_up(peer, voxels)
                warm.add((peer.name, voxels.dtype))
            measurements.append(measure(peer, volume.name, voxels, settings))
    machine = dataclasses.asdict(this_machine())
    versions = dict(machine.pop("versions"))
    return Results(
        date=date,
        commit=_commit(),
        machine=machine,
        versions=versions,
        settings={**dataclasses.asdict(settings), "peak_rss_bytes": _peak_rss()},
        codecs=infos,
        slabs=tuple(slabs),
        measurements=tuple(measurements),
    )


def _try_warm_up(peer: Peer, voxels: NDArray[Any]) -> None:
    try:
        _warm_up(peer, voxels)
    except Exception:  # the measurement that follows fails alike and says how
        return


def peer_bits(
    voxels: NDArray[Any],
    names: Sequence[str],
    *,
    series: str,
    volume: int = 0,
    slab: int = WHOLE_VOLUME,
) -> list[PeerRecord]:
    """Measure other codecs on the voxels of an archived series, for its report.

    Parameters
    ----------
    voxels
        (z, y, x): a whole volume, or one slab of it.
    names
        Codecs, such as :data:`medzip.evaluation.peers.REPORT_PEERS`.
    series, volume, slab
        Where the voxels are from, as the report names it; `slab` as the index of the slab where
        only that one is given.

    Returns
    -------
    list of PeerRecord
        One a codec, absent ones included.
    """
    records = []
    for peer in select(names):
        info = _info(peer)
        figure = measure(peer, series, voxels, Settings(bind=False)) if info.available else None
        records.append(
            PeerRecord(
                series=series,
                volume=volume,
                slab=slab,
                codec=peer.name,
                label=peer.label,
                version=info.version,
                available=info.available and not (figure and figure.error),
                reason=figure.error if figure else info.reason,
                lossless=figure.lossless if figure else False,
                voxels=voxels.size,
                raw_bytes=voxels.nbytes,
                encoded_bytes=figure.encoded_bytes if figure else 0,
                encode_ns=figure.encode_ns if figure else 0,
                decode_ns=figure.decode_ns if figure else 0,
            )
        )
    return records
