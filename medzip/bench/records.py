"""What a benchmark notes down: integers; ratios are derived from them."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["CodecInfo", "Filled", "Measurement", "Scaling", "SlabInfo", "Startup"]


@dataclass(frozen=True)
class CodecInfo:
    """A codec that was asked for; `reason` says why it did not run, where it did not."""

    name: str
    label: str
    version: str
    available: bool
    reason: str


@dataclass(frozen=True)
class SlabInfo:
    """A volume that was measured.

    Attributes
    ----------
    about : tuple of (str, str)
        Origin and licence where known.
    noise_bits : int or None
        Entropy of its noise (:mod:`medzip.bench.noise_floor`); None where not estimated.
    noise_method : str
        Method and version of the estimate.
    """

    name: str
    shape: tuple[int, int, int]
    dtype: str
    about: tuple[tuple[str, str], ...]
    noise_bits: int | None = None
    noise_method: str = ""

    @property
    def voxels(self) -> int:
        """How many voxels it has."""
        return math.prod(self.shape)

    @property
    def noise_bpv(self) -> float | None:
        """Noise floor in bits per voxel."""
        return None if self.noise_bits is None else self.noise_bits / self.voxels


@dataclass(frozen=True)
class Measurement:
    """One codec on one volume.

    Attributes
    ----------
    voxels, raw_bytes, encoded_bytes : int
        What went in and what came out; all bytes counted.
    parts : tuple of (str, int)
        What the encoded bytes pay for; they sum to `encoded_bytes`.
    fit_ns, encode_ns, decode_ns : int
        Wall-clock nanoseconds, apart; fitting is 0 for codecs that fit nothing.
    lossless : bool
        Whether decoding gave the same voxels.
    error : str
        What went wrong; empty if nothing did.
    impossible : str
        Why the codec cannot take such voxels at all ("13 bits"); empty if it can.
    """

    slab: str
    codec: str
    voxels: int
    raw_bytes: int
    encoded_bytes: int
    parts: tuple[tuple[str, int], ...]
    fit_ns: int
    encode_ns: int
    decode_ns: int
    lossless: bool
    error: str
    impossible: str = ""

    @property
    def ok(self) -> bool:
        """Whether the figure counts."""
        return self.lossless and not self.error and not self.impossible and self.voxels > 0

    @property
    def failed(self) -> bool:
        """Whether the codec should have done it and did not."""
        return not self.ok and not self.impossible

    @property
    def bpv(self) -> float:
        """Bits per voxel."""
        return 8 * self.encoded_bytes / self.voxels


@dataclass(frozen=True)
class Scaling:
    """One codec in several processes at once, each on a core and a copy of the voxels of its own.

    Attributes
    ----------
    slab, codec : str
        Whose voxels, and what coded them.
    voxels : int
        Voxels that each process coded, over all rounds.
    workers : int
        How many processes.
    encode_ns, decode_ns : int
        Wall-clock nanoseconds of the slowest, which started with all others.
    lossless : bool
        Whether all of them got back what they encoded.
    """

    slab: str
    codec: str
    voxels: int
    workers: int
    encode_ns: int
    decode_ns: int
    lossless: bool

    def rate(self, what: str) -> float:
        """Return voxels per second of all processes together; `what` is encode or decode."""
        nanoseconds: int = getattr(self, f"{what}_ns")
        return 1e9 * self.workers * self.voxels / nanoseconds


@dataclass(frozen=True)
class Startup:
    """A fresh Python process that imports medzip and decodes a small slab, caches being warm.

    Attributes
    ----------
    codec : str
        MedZip at a profile.
    voxels : int
        Of the slab.
    wall_ns : int
        From starting the process to its end.
    import_ns, decode_ns : int
        ``import medzip`` and the decoding in it.
    """

    codec: str
    voxels: int
    wall_ns: int
    import_ns: int
    decode_ns: int


@dataclass(frozen=True)
class Filled:
    """A measurement that a later run has filled in (:mod:`medzip.bench.filling`)."""

    slab: str
    codec: str
    date: str
    commit: str
