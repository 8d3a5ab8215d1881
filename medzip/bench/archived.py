"""Other codecs and a picture beside a series that is in the archive already.

The voxels come out of the committed object, so this works on any archive, long after its sources
are gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medzip.archive.layout import object_path
from medzip.archive.reader import ObjectReader
from medzip.archive.records import NAME_DIGITS, Verdict
from medzip.bench.bench import peer_bits
from medzip.bench.peers import REPORT_PEERS
from medzip.codec import residual_slab
from medzip.report.html import PICTURED
from medzip.report.pictures import residual_picture

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from medzip.archive.records import SeriesRecord
    from medzip.report.records import PeerRecord, PictureRecord

__all__ = ["Beside", "beside", "comparable", "pictured"]


@dataclass(frozen=True)
class Beside:
    """What a report shows beside one object."""

    peers: tuple[PeerRecord, ...] = ()
    picture: PictureRecord | None = None


def comparable(records: Iterable[SeriesRecord]) -> list[SeriesRecord]:
    """Choose the records whose objects are committed and hold voxels."""
    return [record for record in records if record.voxels and record.verdict != Verdict.FAILED]


def pictured(records: Iterable[SeriesRecord], count: int = PICTURED) -> frozenset[str]:
    """Choose the objects that get a picture: those with most voxels, as the page shows no more."""
    largest = sorted(comparable(records), key=lambda record: (-record.voxels, record.key))
    return frozenset(record.key for record in largest[:count])


def beside(
    archive: str | os.PathLike[str],
    key: str,
    names: Sequence[str] = REPORT_PEERS,
    *,
    picture: bool = True,
) -> Beside:
    """Measure codecs on the middle slab of an object's largest volume, and draw its middle slice.

    A slab is enough for a report, and keeps its cost the same for long series.

    Parameters
    ----------
    archive
        The archive.
    key
        Key of a committed object.
    names
        Codecs, of :data:`medzip.bench.peers.PEERS`.
    picture
        Whether to draw the slice and its residuals.

    Returns
    -------
    Beside
        Empty for an object without voxels.

    Raises
    ------
    ArchiveError, CorruptStreamError
        If the object is broken.
    """
    with ObjectReader(object_path(archive, key)) as reader:
        volumes = reader.manifest.volumes
        if not volumes:
            return Beside()
        volume = max(range(len(volumes)), key=lambda i: (volumes[i].voxels, -i))
        slab = volumes[volume].slabs // 2
        model = reader.model(volume)
        voxels = reader.slab(volume, slab, model)
    name = key[:NAME_DIGITS]
    drawn = None
    if picture:
        drawn = residual_picture(
            name,
            voxels,
            residual_slab(voxels, model),
            volume=volume,
            first_slice=slab * volumes[volume].depth,
        )
    return Beside(
        tuple(peer_bits(voxels, names, series=name, volume=volume, slab=slab)),
        drawn,
    )
