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
from medzip.report.showing import NOTHING, why_withheld

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from medzip.archive.records import SeriesRecord
    from medzip.report.records import PictureRecord
    from medzip.report.showing import Wanted

__all__ = ["Beside", "beside", "comparable", "peer_bits", "pictured"]


@dataclass(frozen=True)
class Beside:
    """What a report shows beside one object; why there is no picture, where one was asked for."""

    peers: tuple[PeerRecord, ...] = ()
    picture: PictureRecord | None = None
    withheld: str = ""


def comparable(records: Iterable[SeriesRecord]) -> list[SeriesRecord]:
    """Choose the records whose objects are committed and hold voxels, the largest first."""
    chosen = [record for record in records if record.voxels and record.verdict != Verdict.FAILED]
    return sorted(chosen, key=lambda record: (-record.voxels, record.key))


def pictured(records: Iterable[SeriesRecord], wanted: Wanted) -> frozenset[str]:
    """Choose the objects to draw: those named, then the largest, as many as a page shows.

    What cannot be shown by its form alone takes no place; headers are looked at when it is drawn.
    """
    chosen = comparable(records)
    named = [record for record in chosen if wanted.names_object(record.key)]
    fit = [record for record in chosen if wanted.slices and record not in named and _fits(record)]
    return frozenset(record.key for record in [*named, *fit[: max(0, PICTURED - len(named))]])


def _fits(record: SeriesRecord) -> bool:
    volume = max(record.volumes, key=lambda volume: volume.voxels)
    return not why_withheld(volume.shape, volume.dtype, ())


def beside(
    archive: str | os.PathLike[str],
    key: str,
    names: Sequence[str] = REPORT_PEERS,
    *,
    wanted: Wanted = NOTHING,
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
        Codecs, of :data:`medzip.bench.peers.PEERS`; none for a picture alone.
    wanted
        Pictures that are asked for; what a report does not show stays without.

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
        withheld = _withheld(reader, volume, wanted) if wanted.wants(key) else ""
        slab = volumes[volume].slabs // 2
        model = reader.model(volume)
        voxels = reader.slab(volume, slab, model)
    name = key[:NAME_DIGITS]
    drawn = None
    if wanted.wants(key) and not withheld:
        drawn = residual_picture(
            name,
            voxels,
            residual_slab(voxels, model),
            volume=volume,
            first_slice=slab * volumes[volume].depth,
        )
    peers = peer_bits(voxels, names, series=name, volume=volume, slab=slab) if names else ()
    return Beside(tuple(peers), drawn, withheld)


def _withheld(reader: ObjectReader, number: int, wanted: Wanted) -> str:
    """Why a volume is not shown, by the headers of all files that hold slices of it."""
    volume = reader.manifest.volumes[number]
    heads = (
        head for file, head in reader.heads() if any(span.stack == number for span in file.spans)
    )
    named = wanted.names_object(reader.manifest.key)
    return why_withheld(volume.shape, volume.dtype, heads, named=named)


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
