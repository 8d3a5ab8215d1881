"""What is measured for a report beside the archive's own records: small, picklable, no arrays."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WHOLE_VOLUME", "GainRecord", "PeerRecord", "PictureRecord"]

WHOLE_VOLUME = -1
"""Value of ``slab`` where all slabs of a volume were measured."""


@dataclass(frozen=True)
class PeerRecord:
    """What another codec makes of the voxels of one volume, or of one slab of it.

    Attributes
    ----------
    series : str
        Name of the object in reports: first digits of its key.
    volume, slab : int
        Index of the volume in the object; slab index or :data:`WHOLE_VOLUME`.
    codec, label, version : str
        Name, title and implementation of the codec.
    available, reason : bool, str
        Whether it could run, and why not.
    lossless : bool
        Whether decoding gave the same voxels; false also where it did not run.
    voxels, raw_bytes, encoded_bytes : int
        What went in and what came out, in bytes.
    encode_ns, decode_ns : int
        Wall-clock nanoseconds on one thread.
    """

    series: str
    volume: int
    slab: int
    codec: str
    label: str
    version: str
    available: bool
    reason: str
    lossless: bool
    voxels: int
    raw_bytes: int
    encoded_bytes: int
    encode_ns: int
    decode_ns: int


@dataclass(frozen=True)
class PictureRecord:
    """A middle slice and what the model could not predict of it, as PNG files.

    Attributes
    ----------
    series, volume, slice : str, int, int
        Object name, volume in the object, and z of the slice in the volume.
    window_low, window_high : int
        Stored values shown as black and white.
    residual_limit : int
        Absolute residual shown in full colour; zero is white.
    slice_png, residual_png : bytes
        Grey picture of the slice; blue (below), white (zero) and red (above) residuals.
    """

    series: str
    volume: int
    slice: int
    window_low: int
    window_high: int
    residual_limit: int
    slice_png: bytes
    residual_png: bytes


@dataclass(frozen=True)
class GainRecord:
    """What recompressing made of one object.

    Attributes
    ----------
    series : str
        Object name: first digits of its key.
    outcome, reason : str
        "replaced", "kept" or "failed", and why.
    before_bytes, after_bytes : int
        Size of the object on disk.
    """

    series: str
    outcome: str
    reason: str
    before_bytes: int
    after_bytes: int
