"""Run codecs over series: one process, one core."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from medzip.bench.circumstances import peak_rss, surroundings
from medzip.bench.measuring import Settings, codec_info, measure
from medzip.bench.noise_floor import noise_floor
from medzip.bench.peers import select
from medzip.bench.records import SlabInfo
from medzip.bench.results import Results
from medzip.errors import SourceError
from medzip.volumes import middle

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from medzip.bench.peers import Peer
    from medzip.volumes import Series

__all__ = ["run_bench"]

Progress = Callable[[str, str], None]

PIECE = (8, 64, 64)
"""What codecs are warmed up on, voxels: enough for models to be fitted and stored."""


def run_bench(
    series: Sequence[Series],
    names: Sequence[str],
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Results:
    """Measure codecs on volumes.

    Parameters
    ----------
    series
        Loaded one at a time, and named by their titles.
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
    where = surroundings()
    peers = select(names)
    infos = tuple(codec_info(peer) for peer in peers)
    ready = [peer for peer, info in zip(peers, infos, strict=True) if info.available]
    slabs, measurements, warm = [], [], set()
    skipped: dict[str, str] = {}
    for one in series:
        try:
            voxels = middle(one.load(), settings.slices)
        except SourceError as error:  # one broken file must not cost the figures of the others
            skipped[one.title] = str(error)
            continue
        if settings.noise and progress:
            progress(one.title, "noise floor")
        slabs.append(_slab_info(one, voxels, settings))
        for peer in ready:
            if progress:
                progress(one.title, peer.name)
            if peer.warms and (peer.name, voxels.dtype) not in warm:
                _try_warm_up(peer, voxels)
                warm.add((peer.name, voxels.dtype))
            measurements.append(measure(peer, one.title, voxels, settings))
    return Results(
        **where,
        settings={**dataclasses.asdict(settings), "peak_rss_bytes": peak_rss()},
        codecs=infos,
        slabs=tuple(slabs),
        measurements=tuple(measurements),
        skipped=skipped,
    )


def _slab_info(series: Series, voxels: NDArray[Any], settings: Settings) -> SlabInfo:
    floor = noise_floor(voxels) if settings.noise else None
    return SlabInfo(
        series.title,
        voxels.shape,
        voxels.dtype.name,
        tuple(sorted(series.about.facts.items())),
        noise_bits=floor.bits if floor else None,
        noise_method=floor.method if floor else "",
    )


def _warm_up(peer: Peer, voxels: NDArray[Any]) -> None:
    """Load libraries and compile kernels on a piece, so that no volume pays for them.

    From the middle: a corner may be all background, which few kernels ever see.
    """
    piece = middle(voxels, *PIECE)
    # A fit on a piece proves nothing about speed and may not even be possible.
    peer.decode(peer.encode(piece), piece.shape, piece.dtype)


def _try_warm_up(peer: Peer, voxels: NDArray[Any]) -> None:
    try:
        _warm_up(peer, voxels)
    except Exception:  # the measurement that follows fails alike and says how
        return
