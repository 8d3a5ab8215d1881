"""Every codec behind one interface.

>>> from medzip.bench.peers import PEERS
>>> PEERS["jpeg-xl-7"].label
'JPEG XL e7'
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.bench.peers.base import DTYPES, Availability, NotPossibleError, Peer
from medzip.bench.peers.context import LSTMCompress, PPMd
from medzip.bench.peers.general import BitshuffleZstd, Xz, Zstd
from medzip.bench.peers.images import HTJ2K, JPEG2000, JPEGLS, JPEGXL, JPEGLSDepth
from medzip.bench.peers.learned import Tomoz
from medzip.bench.peers.own import MedZip
from medzip.bench.peers.video import HEVC
from medzip.bench.peers.volumetric import JP3D

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BASELINE",
    "DEFAULT_PEERS",
    "DTYPES",
    "PEERS",
    "REPORT_PEERS",
    "Availability",
    "NotPossibleError",
    "Peer",
    "select",
]

#: All codecs by name, in the order in which tables show them.
PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Zstd(),
        BitshuffleZstd(),
        Xz(),
        PPMd(),
        HEVC(),
        JP3D(),
        HTJ2K(),
        JPEG2000(),
        JPEGLS(),
        JPEGLSDepth(),
        JPEGXL(3),
        JPEGXL(7),
        JPEGXL(9),
        LSTMCompress(),
        Tomoz(),
        MedZip("fast"),
        MedZip("default"),
        MedZip("max"),
    )
}

#: What savings are measured against.
BASELINE = "jpeg-xl-7"

#: What ``medzip bench`` runs unless told otherwise; the other efforts of JPEG XL are options, and
#: LSTM-Compress takes hours for a series.
DEFAULT_PEERS = tuple(
    name for name in PEERS if name not in {"jpeg-xl-3", "jpeg-xl-9", "lstm-compress"}
)

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
