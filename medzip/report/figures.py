"""Ratios, derived from the integers in the rows.

Figures of several series are sums over sums: bits over voxels, bytes over bytes of the baseline. So
a hundred tiny series do not outweigh the one that fills the disk; the mean of the savings of each
series stands beside it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medzip.report.records import WHOLE_VOLUME

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from medzip.report.dataset import ReportRows, Row

__all__ = [
    "BASELINE",
    "LARGE",
    "BaseFigure",
    "OwnFigure",
    "PeerFigure",
    "RunFigures",
    "SeriesFigures",
    "derive",
]

BASELINE = "jpeg-xl-7"
"""Codec that savings are measured against."""

LARGE = 100_000
"""Voxels from which a series counts in a mean of ratios and is charted.

Below, a few hundred bytes of headers decide the ratio, which says nothing about a codec.
"""

FAILED, PROVEN, RECORDED = "failed", "proven", "recorded"


@dataclass(frozen=True)
class PeerFigure:
    """One codec on the voxels of one series, or of all of them.

    Attributes
    ----------
    bpv : float
        Bits per voxel.
    encode_rate, decode_rate : float
        Voxels per second on one thread; 0 if not measured.
    """

    codec: str
    label: str
    version: str
    bpv: float
    encode_rate: float
    decode_rate: float
    lossless: bool


@dataclass(frozen=True)
class OwnFigure:
    """MedZip on the voxels that other codecs were given, and its speed on all of the run.

    Rates are voxels per second of a worker, 0 where an earlier run did it: of coding alone, of
    fitting and coding, and of decoding with the comparison of every file.
    """

    bpv: float
    encode_rate: float
    fitted_rate: float
    prove_rate: float


@dataclass(frozen=True)
class BaseFigure:
    """A network that volumes of the run start from, by the digest that its card has."""

    digest: str
    volumes: int
    voxels: int


@dataclass(frozen=True)
class SeriesFigures:
    """What the page says of one object.

    Attributes
    ----------
    bpv : float
        Coded voxels and fitted model over all voxels; 0 without voxels.
    compared_bpv, compared_voxels : float, int
        The same over the voxels that the peers were given, and how many those are.
    saving : float or None
        1 - compared_bpv / bits per voxel of the baseline.
    encode_rate, fitted_rate : float
        Voxels a second and worker, without and with fitting; 0 where an earlier run did it.
    prove_rate : float
        Voxels a second, decoding and comparing every file.
    slab_bpv : tuple of float
        Bits per voxel of each slab, in order.
    """

    row: Row
    bpv: float
    compared_bpv: float
    compared_voxels: int
    saving: float | None
    peers: tuple[PeerFigure, ...]
    encode_rate: float
    fitted_rate: float
    prove_rate: float
    slab_bpv: tuple[float, ...]

    @property
    def name(self) -> str:
        """First digits of the object key."""
        return str(self.row["series"])

    @property
    def title(self) -> str:
        """Name and shape, for charts."""
        volumes = self.row["volumes"]
        more = f" +{len(volumes) - 1}" if len(volumes) > 1 else ""
        return f"{self.name}  {volumes[0]}{more}" if volumes else self.name

    @property
    def is_large(self) -> bool:
        """Whether its ratio says something about the codec."""
        return bool(self.row["voxels"] >= LARGE)

    @property
    def lost_bytes(self) -> int:
        """Bytes by which the compared voxels are larger than by the baseline; negative if less."""
        if self.saving is None:
            return 0
        own = self.compared_bpv * self.compared_voxels / 8
        return round(own - own / (1 - self.saving))

    @property
    def ratio(self) -> float:
        """Original bytes over archive bytes; 0 for a failed object."""
        return _over(self.row["raw_bytes"], self.row["encoded_bytes"])


@dataclass(frozen=True)
class RunFigures:
    """What the page says of the run as a whole; failed objects count nowhere but as failed.

    Attributes
    ----------
    saving : float or None
        1 - bits / bits of the baseline, over all voxels that the baseline was given.
    mean_saving : float or None
        Mean of the savings of the `compared` series, those of at least :data:`LARGE` voxels.
    source_rate : float
        Bytes of files a second that this run proved, by its wall clock; 0 where it did not.
    kept_whole, kept_bytes : mapping
        Files and bytes kept whole, by reason.
    """

    run: Row
    series: tuple[SeriesFigures, ...]
    files: int
    files_failed: int
    raw_bytes: int
    encoded_bytes: int
    voxels: int
    bpv: float
    saving: float | None
    mean_saving: float | None
    compared: int
    parts: Mapping[str, int]
    source_rate: float
    kept_whole: Mapping[str, int]
    kept_bytes: Mapping[str, int]
    own: OwnFigure
    bases: tuple[BaseFigure, ...]
    verdicts: Mapping[str, int]
    failures: tuple[tuple[str, str, str], ...]
    peers: tuple[PeerFigure, ...]
    absent: tuple[tuple[str, str], ...]
    lossy: tuple[tuple[str, str], ...]
    pictures: tuple[Row, ...] = field(default=(), repr=False)


def _over(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _rate(voxels: int, nanoseconds: int) -> float:
    return _over(voxels * 1e9, nanoseconds)


def _peer_figure(rows: Sequence[Row]) -> PeerFigure:
    first = rows[0]
    voxels = sum(row["voxels"] for row in rows)
    return PeerFigure(
        codec=first["codec"],
        label=first["label"],
        version=first["version"],
        bpv=_over(8 * sum(row["encoded_bytes"] for row in rows), voxels),
        encode_rate=_rate(voxels, sum(row["encode_ns"] for row in rows)),
        decode_rate=_rate(voxels, sum(row["decode_ns"] for row in rows)),
        lossless=all(row["lossless"] for row in rows),
    )


def _by_codec(rows: Sequence[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if row["available"] and row["lossless"]:
            groups.setdefault(row["codec"], []).append(row)
    return groups


def _compared(series: Row, slabs: Sequence[Row], peers: Sequence[Row]) -> tuple[float, int]:
    """Bits per voxel of MedZip on exactly what the peers were given, and how many voxels.

    The fitted models serve all voxels of the object, so those compared carry their share.
    """
    places = {(row["volume"], row["slab"]) for row in peers if row["available"]}
    chosen = [
        slab
        for slab in slabs
        if (slab["volume"], slab["slab"]) in places or (slab["volume"], WHOLE_VOLUME) in places
    ]
    voxels = sum(slab["voxels"] for slab in chosen)
    model = _over(series["model_bytes"] * voxels, series["voxels"])
    return _over(8 * (sum(slab["encoded_bytes"] for slab in chosen) + model), voxels), voxels


def _series(row: Row, slabs: Sequence[Row], peers: Sequence[Row]) -> SeriesFigures:
    figures = tuple(_peer_figure(rows) for rows in _by_codec(peers).values())
    compared, compared_voxels = _compared(row, slabs, peers)
    baseline = next((peer.bpv for peer in figures if peer.codec == BASELINE), 0.0)
    fresh = [slab for slab in slabs if not slab["reused"] and slab["encode_ns"]]
    voxels, spent = (sum(slab[name] for slab in fresh) for name in ("voxels", "encode_ns"))
    return SeriesFigures(
        row=row,
        bpv=_over(8 * (row["slab_bytes"] + row["model_bytes"]), row["voxels"]),
        compared_bpv=compared,
        compared_voxels=compared_voxels,
        saving=1 - compared / baseline if baseline and compared else None,
        peers=figures,
        encode_rate=_rate(voxels, spent),
        fitted_rate=_rate(voxels, spent + row["fit_ns"]) if len(fresh) == len(slabs) else 0.0,
        prove_rate=_rate(row["voxels"], row["prove_ns"]),
        slab_bpv=tuple(_over(8 * slab["encoded_bytes"], slab["voxels"]) for slab in slabs),
    )


def _own(series: Sequence[SeriesFigures]) -> OwnFigure:
    """MedZip over all series, in the same sums as the others."""
    compared = [figures for figures in series if figures.compared_voxels]
    bits = sum(figures.compared_bpv * figures.compared_voxels for figures in compared)

    def rate(name: str) -> float:
        known = [f for f in series if getattr(f, name) and f.row["voxels"]]
        seconds = sum(f.row["voxels"] / getattr(f, name) for f in known)
        return _over(sum(f.row["voxels"] for f in known), seconds)

    return OwnFigure(
        _over(bits, sum(figures.compared_voxels for figures in compared)),
        rate("encode_rate"),
        rate("fitted_rate"),
        rate("prove_rate"),
    )


def _bases(proven: Sequence[Row], slabs: Sequence[Row]) -> tuple[BaseFigure, ...]:
    """The networks in use, those of most voxels first."""
    volumes: Counter[str] = Counter()
    voxels: Counter[str] = Counter()
    of = {row["series"]: row["base_digests"] for row in proven}
    for digests in of.values():
        volumes.update(digest for digest in digests if digest)
    for slab in slabs:
        digests = of.get(slab["series"], ())
        if slab["volume"] < len(digests) and digests[slab["volume"]]:
            voxels[digests[slab["volume"]]] += slab["voxels"]
    found = (BaseFigure(digest, count, voxels[digest]) for digest, count in volumes.items())
    return tuple(sorted(found, key=lambda base: (-base.voxels, base.digest)))


def _kept(proven: Sequence[Row], column: str) -> dict[str, int]:
    """Sums of a column by reason, the largest first."""
    total: Counter[str] = Counter()
    for row in proven:
        total.update(row[column])
    return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


def derive(rows: ReportRows) -> RunFigures:
    """Derive every ratio of the page from the rows of one run."""
    series = []
    for row in rows.series:
        slabs = sorted(
            (slab for slab in rows.slabs if slab["series"] == row["series"]),
            key=lambda slab: (slab["volume"], slab["slab"]),
        )
        peers = [peer for peer in rows.peers if peer["series"] == row["series"]]
        series.append(_series(row, slabs, peers))
    series.sort(key=lambda figures: (-figures.row["voxels"], figures.name))
    proven = [figures.row for figures in series if figures.row["verdict"] != FAILED]
    failed = [figures.row for figures in series if figures.row["verdict"] == FAILED]
    voxels = sum(row["voxels"] for row in proven)
    fresh = sum(row["raw_bytes"] for row in proven if row["verdict"] == PROVEN)
    large = [f.saving for f in series if f.saving is not None and f.is_large]
    compared = [
        (figures.saving, figures.compared_bpv * figures.compared_voxels)
        for figures in series
        if figures.saving is not None
    ]
    own_bits = sum(bits for _, bits in compared)
    baseline_bits = sum(bits / (1 - saving) for saving, bits in compared)
    parts = {
        part: sum(row[f"{part}_bytes"] for row in proven)
        for part in ("slab", "model", "envelope", "manifest", "container")
    }
    return RunFigures(
        run=rows.runs[0],
        series=tuple(series),
        files=sum(row["files"] for row in proven),
        files_failed=sum(row["files"] for row in failed),
        raw_bytes=sum(row["raw_bytes"] for row in proven),
        encoded_bytes=sum(row["encoded_bytes"] for row in proven),
        voxels=voxels,
        bpv=_over(8 * (parts["slab"] + parts["model"]), voxels),
        saving=1 - own_bits / baseline_bits if compared else None,
        mean_saving=_over(sum(large), len(large)) if large else None,
        compared=len(large),
        parts=parts,
        source_rate=_rate(fresh, rows.runs[0]["wall_ns"]),
        kept_whole=_kept(proven, "kept_whole"),
        kept_bytes=_kept(proven, "kept_bytes"),
        own=_own(series),
        bases=_bases(proven, rows.slabs),
        verdicts=dict(Counter(figures.row["verdict"] for figures in series)),
        failures=tuple((row["series"], row["stage"], row["kind"]) for row in rows.failures),
        peers=tuple(_peer_figure(group) for group in _by_codec(rows.peers).values()),
        absent=tuple(
            sorted({(row["label"], row["reason"]) for row in rows.peers if not row["available"]})
        ),
        lossy=tuple(
            sorted(
                (row["label"], row["series"])
                for row in rows.peers
                if row["available"] and not row["lossless"]
            )
        ),
        pictures=rows.pictures,
    )
