"""What a benchmark measures only when asked: many workers, and fresh processes."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from medzip.bench.measuring import codec_info
from medzip.bench.peers import select
from medzip.bench.scaling import measure_scaling, worker_counts
from medzip.bench.startup import measure_startup
from medzip.cores import cores
from medzip.volumes import middle

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from medzip.bench.results import Results
    from medzip.volumes import Series

__all__ = ["add_scaling", "add_startup"]

_SLAB = 32  # slices at most of what each worker codes
_ROUNDS_OF = 1 << 22  # voxels that each worker codes at least, so that its start does not count
_PROFILE = "medzip-"


def _first(results: Results, series: Sequence[Series]) -> tuple[str, NDArray[Any]] | None:
    """Load the first series that could be read."""
    for one in series:
        if one.title not in results.skipped:
            return one.title, middle(one.load(), _SLAB)
    return None


def _with_codecs(results: Results, names: Sequence[str]) -> Results:
    """Add those codecs to the results that are not among them."""
    known = {codec.name for codec in results.codecs}
    added = tuple(codec_info(peer) for peer in select(names) if peer.name not in known)
    return dataclasses.replace(results, codecs=results.codecs + added)


def add_scaling(
    results: Results,
    series: Sequence[Series],
    names: Sequence[str],
    most: int | None = None,
    progress: Callable[[str, str], None] | None = None,
) -> Results:
    """Measure codecs in 1, 2, 4, ... processes on the first volume; absent ones are left out.

    Parameters
    ----------
    results
        To which the figures are added.
    series
        Those of the run.
    names
        Codecs, of :data:`medzip.bench.peers.PEERS`.
    most
        Processes at most; the cores of this process if None.
    progress
        Called with (volume, what) before each measurement.

    Raises
    ------
    ScalingError
        If a worker fails.
    """
    first = _first(results, series)
    if first is None:
        return results
    slab, voxels = first
    has = cores()
    counts = worker_counts(min(most or has, has))
    results = _with_codecs(results, names)
    found = []
    for codec in results.codecs:
        if codec.name in names and codec.available:

            def tell(count: int, label: str = codec.label) -> None:
                if progress:
                    progress(slab, f"{label} x {count}")

            rounds = max(1, _ROUNDS_OF // voxels.size)
            found += measure_scaling(codec.name, slab, voxels, counts, rounds=rounds, progress=tell)
    return dataclasses.replace(results, scaling=tuple(found))


def add_startup(
    results: Results,
    series: Sequence[Series],
    names: Sequence[str],
    progress: Callable[[str, str], None] | None = None,
) -> Results:
    """Measure the start-up of those profiles of MedZip that are among `names` and available."""
    first = _first(results, series)
    if first is None:
        return results
    slab, voxels = first
    found = []
    for codec in results.codecs:
        if codec.name in names and codec.available and codec.name.startswith(_PROFILE):
            if progress:
                progress(slab, f"start-up of {codec.label}")
            found.append(measure_startup(codec.name.removeprefix(_PROFILE), voxels))
    return dataclasses.replace(results, startup=tuple(found))
