"""One codec on one volume: every byte counted, every round trip checked, on known cores."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.bench.binding import on_cores
from medzip.bench.peers import NotPossibleError
from medzip.bench.records import CodecInfo, Measurement

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from medzip.bench.peers import Peer

__all__ = ["Settings", "codec_info", "measure"]


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
        with on_cores(settings.fit_cores) if settings.bind else nullcontext():
            prepared, fit_ns = _timed(lambda: peer.prepare(voxels))
        taken["fit_ns"] = 0 if prepared is None else fit_ns
        with on_cores(1) if settings.bind else nullcontext():
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
