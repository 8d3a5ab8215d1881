"""Every codec behind one interface.

>>> from medzip.evaluation.peers import PEERS
>>> sorted(PEERS)[:3]
['htj2k', 'jpeg-2000', 'jpeg-ls']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.evaluation.peers.base import DTYPES, Availability, Peer
from medzip.evaluation.peers.general import Xz, Zstd
from medzip.evaluation.peers.images import HTJ2K, JPEG2000, JPEGLS, JPEGXL, JPEGLSDepth
from medzip.evaluation.peers.learned import Tomoz
from medzip.evaluation.peers.own import MedZip

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BASELINE",
    "DEFAULT_PEERS",
    "DTYPES",
    "PEERS",
    "REPORT_PEERS",
    "Availability",
    "Peer",
    "select",
]

#: All codecs by name, in the order in which tables show them.
PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Zstd(),
        Xz(),
        HTJ2K(),
        JPEG2000(),
        JPEGLS(),
        JPEGLSDepth(),
        JPEGXL(3),
        JPEGXL(7),
        JPEGXL(9),
        Tomoz(),
        MedZip("fast"),
        MedZip("default"),
        MedZip("max"),
    )
}

#: What savings are measured against.
BASELINE = "jpeg-xl-7"

#: What ``medzip bench`` runs unless told otherwise; the other efforts of JPEG XL are options.
DEFAULT_PEERS = tuple(name for name in PEERS if name not in {"jpeg-xl-3", "jpeg-xl-9"})

#: What stands beside MedZip in the report of an archive.
REPORT_PEERS = ("jpeg-xl-7", "jpeg-ls", "jpeg-2000")


def select(names: Sequence[str]) -> list[Peer]:
    """Look codecs up by name.

    Raises
    ------
    KeyError
        If a name is none of :data:`PEERS`.
    """
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise KeyError(
            f"expected codecs among {', '.join(PEERS)}, got {', '.join(unknown)}; check the names"
        )
    return [PEERS[name] for name in names]
