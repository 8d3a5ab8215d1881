"""What is known of files before their bytes are moved: small frozen dataclasses."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FileEntry", "SourceTree", "Span", "Stack"]


@dataclass(frozen=True)
class SourceTree:
    """One source given by the user, and the prefix its paths carry in the archive ("" if alone)."""

    root: str
    prefix: str


@dataclass(frozen=True)
class Span:
    """Bytes of a file that are voxels of a stack.

    Attributes
    ----------
    offset, length : int
        Bytes ``[offset, offset + length)`` of the file.
    stack : int
        Index of the stack in its plan.
    z, slices, step : int
        The span holds slices z, z + step, ..., ``slices`` of them (frames of repeated positions lie
        apart in the stack).
    coding : str
        How the bytes become voxels: a name of ``medzip.dicom.volume.CODINGS``.
    header : int
        Bytes right in front of the span that the coding needs (a codestream's own header).
    """

    offset: int
    length: int
    stack: int
    z: int
    slices: int
    step: int
    coding: str
    header: int = 0


@dataclass(frozen=True)
class FileEntry:
    """One regular file.

    Attributes
    ----------
    path : str
        Path in the archive: relative, "/" between names; bytes that are not UTF-8 as surrogates.
    source : str
        Path to read it from, in this run.
    size : int
        Bytes.
    sha256 : str
        Hex digest of the content at the time of the scan.
    mtime_ns, mode : int
        Modification time and permission bits (never set-uid, set-gid or sticky).
    series_uid : str
        SeriesInstanceUID, or "" where there is none.
    spans : tuple of Span
        Bytes that are voxels, by offset; empty for a file kept whole.
    reason : str
        Why the file is kept whole; "" for one that goes through the voxel codec.
    copy_of : int
        Index in the plan of an earlier file of the same content, or -1.
    """

    path: str
    source: str
    size: int
    sha256: str
    mtime_ns: int
    mode: int
    series_uid: str = ""
    spans: tuple[Span, ...] = ()
    reason: str = ""
    copy_of: int = -1


@dataclass(frozen=True)
class Stack:
    """Slices of one size and kind that become one volume.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x) in voxels.
    dtype : str
        "uint8", "int8", "uint16" or "int16".
    geometry : str
        "volume", "gaps", "repeated", "uneven", "unknown" or "single" (`medzip.dicom.discover`).
    """

    shape: tuple[int, int, int]
    dtype: str
    geometry: str
