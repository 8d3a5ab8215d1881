"""Other codecs and a picture beside a series that is in the archive already.

The voxels come out of the committed object, so this works on any archive, long after its sources
are gone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medzip.archive.layout import object_path
from medzip.archive.reader import ObjectReader
from medzip.archive.records import NAME_DIGITS, Verdict
from medzip.bench.measuring import Settings, codec_info, measure
from medzip.bench.peers import REPORT_PEERS, select
from medzip.codec import residual_slab
from medzip.report.html import PICTURED
from medzip.report.pictures import residual_picture
from medzip.report.records import WHOLE_VOLUME, PeerRecord

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from medzip.archive.records import SeriesRecord
    from medzip.report.records import PictureRecord

__all__ = ["Beside", "beside", "comparable", "peer_bits", "pictured"]


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
