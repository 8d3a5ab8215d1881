"""Run codecs over volumes: one process, one core, every byte counted, every round trip checked."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.circumstances import commit, peak_rss
from medzip.bench.cores import cores
from medzip.bench.noise_floor import noise_floor
from medzip.bench.peers import NotPossibleError, select
from medzip.bench.records import CodecInfo, Measurement, SlabInfo
from medzip.bench.results import Results
from medzip.errors import SourceError
from medzip.report.machine import this_machine
from medzip.report.records import WHOLE_VOLUME, PeerRecord
from medzip.volumes.sources import middle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from medzip.bench.peers import Peer
    from medzip.volumes.sources import Volume

__all__ = ["Settings", "codec_info", "measure", "peer_bits", "run_bench"]

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
    noise : bool
        Whether the noise floor of each volume is estimated.
    """

    slices: int | None = None
    fit_cores: int = 2
    repeat: int = 1
    bind: bool = True
    noise: bool = True


def _timed(work: Callable[[], Any], repeat: int = 1) -> tuple[Any, int]:
    """Run `repeat` times; return the last result and the least nanoseconds."""
    least, result = 0, None
    for turn in range(repeat):
        start = time.perf_counter_ns()
        result = work()
        taken = time.perf_counter_ns() - start
        least = taken if turn == 0 else min(least, taken)
    return result, least


PIECE = (8, 64, 64)
"""What codecs are warmed up on, voxels: enough for models to be fitted and stored."""


def _warm_up(peer: Peer, voxels: NDArray[Any]) -> None:
    """Load libraries and compile kernels on a piece, so that no volume pays for them.

    From the middle: a corner may be all background, which few kernels ever see.
    """
    z, y, x = (max(0, (size - most) // 2) for size, most in zip(voxels.shape, PIECE, strict=True))
    piece = np.ascontiguousarray(voxels[z : z + PIECE[0], y : y + PIECE[1], x : x + PIECE[2]])
    # A fit on a piece proves nothing about speed and may not even be possible.
    peer.decode(peer.encode(piece), piece.shape, piece.dtype)


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
        figures of the others. What a codec cannot take by its design becomes `impossible`.
    """
    settings = settings or Settings()
    data, taken = b"", {"fit_ns": 0, "encode_ns": 0, "decode_ns": 0}
    parts: dict[str, int] = {}
    lossless, error, impossible = False, "", ""
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
    except NotPossibleError as caught:
        impossible = str(caught)
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
        impossible=impossible,
        **taken,
    )


def codec_info(peer: Peer) -> CodecInfo:
    """Describe a codec as results do: its version, or why it cannot run here."""
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
        Codecs, of :data:`medzip.bench.peers.PEERS`.
    settings
        How to run.
    progress
        Called with (volume, codec) before each measurement.

    Returns
    -------
    Results
        With a measurement for each pair that could run, lossless or not; codecs that are absent and
        volumes that cannot be read are listed with the reason.
    """
    settings = settings or Settings()
    date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    peers = select(names)
    infos = tuple(codec_info(peer) for peer in peers)
    ready = [peer for peer, info in zip(peers, infos, strict=True) if info.available]
    slabs, measurements, warm = [], [], set()
    skipped: dict[str, str] = {}
    for volume in volumes:
        try:
            voxels = middle(volume.load(), settings.slices)
        except SourceError as error:  # one broken file must not cost the figures of the others
            skipped[volume.name] = str(error)
            continue
        if settings.noise and progress:
            progress(volume.name, "noise floor")
        slabs.append(_slab_info(volume, voxels, settings))
        for peer in ready:
            if progress:
                progress(volume.name, peer.name)
            if peer.warms and (peer.name, voxels.dtype) not in warm:
                _try_warm_up(peer, voxels)
                warm.add((peer.name, voxels.dtype))
            measurements.append(measure(peer, volume.name, voxels, settings))
    machine = dataclasses.asdict(this_machine())
    versions = dict(machine.pop("versions"))
    return Results(
        date=date,
        commit=commit(),
        machine=machine,
        versions=versions,
        settings={**dataclasses.asdict(settings), "peak_rss_bytes": peak_rss()},
        codecs=infos,
        slabs=tuple(slabs),
        measurements=tuple(measurements),
        skipped=skipped,
    )


def _slab_info(volume: Volume, voxels: NDArray[Any], settings: Settings) -> SlabInfo:
    floor = noise_floor(voxels) if settings.noise else None
    return SlabInfo(
        volume.name,
        voxels.shape,
        voxels.dtype.name,
        volume.about,
        noise_bits=floor.bits if floor else None,
        noise_method=floor.method if floor else "",
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
        Codecs, such as :data:`medzip.bench.peers.REPORT_PEERS`.
    series, volume, slab
        Where the voxels are from, as the report names it; `slab` as the index of the slab where
        only that one is given.

    Returns
    -------
    list of PeerRecord
        One a codec, absent ones included; one that cannot take the voxels counts as absent.
    """
    records = []
    for peer in select(names):
        info = codec_info(peer)
        figure = measure(peer, series, voxels, Settings(bind=False)) if info.available else None
        records.append(
            PeerRecord(
                series=series,
                volume=volume,
                slab=slab,
                codec=peer.name,
                label=peer.label,
                version=info.version,
                available=info.available and not (figure and (figure.error or figure.impossible)),
                reason=(figure.error or figure.impossible) if figure else info.reason,
                lossless=figure.lossless if figure else False,
                voxels=voxels.size,
                raw_bytes=voxels.nbytes,
                encoded_bytes=figure.encoded_bytes if figure else 0,
                encode_ns=figure.encode_ns if figure else 0,
                decode_ns=figure.decode_ns if figure else 0,
            )
        )
    return records
