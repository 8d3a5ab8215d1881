"""One file -> what it holds: where its voxels lie, and how they lie in space.

Only the header is read, whatever the size of the file, but for frames compressed without loss, of
which it must be known whether their bytes come back. A file that the voxel codec cannot take is a
normal result: it gets a reason (`medzip.dicom.reasons`) and is kept whole.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from medzip.dicom.bounded import Bounded
from medzip.dicom.elements import WINDOW, Elements, Parsed, Values, read_deflated, read_elements
from medzip.dicom.pixels import find_frames
from medzip.dicom.walk import changed, open_file

if TYPE_CHECKING:
    import os

    from medzip.dicom.records import Frames

__all__ = ["Header", "read_hashed", "read_header"]

_TAGS = [
    "SeriesInstanceUID",
    "InstanceNumber",
    "Rows",
    "Columns",
    "BitsAllocated",
    "PixelRepresentation",
    "SamplesPerPixel",
    "NumberOfFrames",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
]
_DEFLATED = re.compile(rb"\x02\0\x10\0UI\x16\x001\.2\.840\.10008\.1\.2\.1\.99")
# Files of before 1993 and raw datasets have neither preamble nor magic (PS3.10 7.1): they begin
# with an element of group 2 or 8, and big-endian ones say its VR.
_RAW = re.compile(rb"[\x02\x08]\0.\0|\0[\x02\x08]\0.[A-Z]{2}", re.DOTALL)
_META = 4096  # bytes in which the meta information ends
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Header:
    """What one DICOM file holds.

    Attributes
    ----------
    series_uid : str
        SeriesInstanceUID or "".
    reason : str
        Key of ``REASONS`` for a file kept whole; "" when ``frames`` can be coded.
    syntax : str
        Transfer syntax UID.
    rows, columns, dtype : int, int, str
        Of one slice; the dtype follows BitsAllocated and PixelRepresentation and takes every stored
        word, high bits in use included (PS3.5 8.1.1).
    instance : int
        InstanceNumber, to order slices at one position.
    orientation : tuple of float or None
        Row and column direction cosines (PS3.3 C.7.6.2.1.1); None where unknown or not constant.
    positions : tuple of tuple of float
        Position of each frame in mm (patient coordinates), or () where unknown.
    frames : tuple of Frames
        All frames in file order.
    """

    series_uid: str
    reason: str
    syntax: str = ""
    rows: int = 0
    columns: int = 0
    dtype: str = ""
    instance: int = 0
    orientation: tuple[float, ...] | None = None
    positions: tuple[tuple[float, ...], ...] = ()
    frames: tuple[Frames, ...] = ()

    @property
    def slices(self) -> int:
        """Number of frames that the voxel codec takes."""
        return sum(run.count for run in self.frames)


def read_header(path: str | os.PathLike[str], size: int) -> Header:
    """Read the header of a file.

    Parameters
    ----------
    path : path
        File to read.
    size : int
        Its length in bytes.

    Returns
    -------
    Header
        With a reason where the file is to be kept whole. Never raises for odd content.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    if size == 0:
        return Header("", "empty")
    with open(path, "rb") as file:
        return _header(file.read(WINDOW), file, size)


def read_hashed(path: str | os.PathLike[str], size: int) -> tuple[Header, str]:
    """Read the header of a file and take its SHA-256, with one opening.

    What is not large is read once, too.

    Parameters
    ----------
    path : path
        File to read.
    size : int
        Its length in bytes.

    Returns
    -------
    header : Header
        As :func:`read_header` has it.
    sha256 : str
        Hex digest of the content.

    Raises
    ------
    OSError
        When the file cannot be read.
    SourceError
        When it has another length: it is being written.
    """
    with open_file(path) as file:
        start = file.read(_AT_ONCE)
        header = _header(start, file, size) if size else Header("", "empty")
        digest = hashlib.sha256(start)
        read = len(start)
        file.seek(read)
        while read <= size and (chunk := file.read(_AT_ONCE)):  # it may grow without end
            digest.update(chunk)
            read += len(chunk)
    if read != size:
        raise changed(path)
    return header, digest.hexdigest()


def _header(start: bytes, file: BinaryIO, size: int) -> Header:
    """Header of an open file by its first bytes, :data:`WINDOW` of them or more."""
    if start[128:132] != b"DICM" and not _RAW.match(start):
        return Header("", "not-dicom")
    if _DEFLATED.search(start, 0, _META):  # pydicom would inflate all of it
        return Header(_uid_of_deflated(start), "deflated")
    try:
        return _describe(read_elements(start, file, size), file, size)
    except Exception as error:
        if _of_the_disk(error):
            raise
    file.seek(0)
    return _by_pydicom(file, size)


def _uid_of_deflated(start: bytes) -> str:
    """SeriesInstanceUID of a file whose dataset is deflated, if its first bytes say it."""
    try:
        return str(read_deflated(start).get("SeriesInstanceUID") or "")
    except Exception:  # of pydicom's kind, see below
        return ""


def _by_pydicom(file: BinaryIO, size: int) -> Header:
    """Read any header, however odd: the judge of what the quick way does not understand."""
    import warnings

    import pydicom  # with what it imports it costs more than hundreds of headers
    from pydicom import config

    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            bounded: Any = Bounded(file)
            data = pydicom.dcmread(
                bounded, stop_before_pixels=True, force=True, specific_tags=_TAGS
            )
            syntax = str(data.file_meta.get("TransferSyntaxUID") or "")
            implicit, little = data.original_encoding
            end = file.tell()
            parsed = Parsed(
                data, syntax, implicit is not False, little is not False, end, file.read(12)
            )
            return _describe(parsed, file, size)
        except Exception as error:
            if _of_the_disk(error):
                raise
            # pydicom raises whatever the broken bytes lead to (KeyError, struct.error,
            # RecursionError, ...), and values may not be what their tags promise: one odd file
            # stops no run.
            return Header("", "broken-header")


def _of_the_disk(error: Exception) -> bool:
    """Whether an error is the operating system's; pydicom raises OSError for content too."""
    return isinstance(error, OSError) and error.errno is not None


def _describe(parsed: Parsed, file: BinaryIO, size: int) -> Header:
    """Turn a parsed header into facts."""
    data, syntax = parsed.values, parsed.syntax
    uid = str(data.get("SeriesInstanceUID") or "")
    if not syntax and not data:
        return Header(uid, "not-dicom")
    image, runs, reason = find_frames(parsed, file, size)
    if image is None or reason:
        return Header(uid, reason, syntax)
    orientation, positions = _geometry(data, sum(run.count for run in runs))
    return Header(
        series_uid=uid,
        reason="",
        syntax=syntax,
        rows=image.rows,
        columns=image.columns,
        dtype=image.dtype,
        instance=int(data.get("InstanceNumber") or 0),
        orientation=orientation,
        positions=positions,
        frames=runs,
    )


def _geometry(
    data: Values, count: int
) -> tuple[tuple[float, ...] | None, tuple[tuple[float, ...], ...]]:
    """Orientation, and the position of each frame, from the plain or the enhanced attributes."""
    try:
        if "ImageOrientationPatient" in data and "ImagePositionPatient" in data:
            orientation = _floats(data, "ImageOrientationPatient")
            position = _floats(data, "ImagePositionPatient")
            return (orientation, (position,)) if count == 1 else (orientation, ())
        groups = list(data.get("PerFrameFunctionalGroupsSequence") or ())
        shared = [*(data.get("SharedFunctionalGroupsSequence") or ()), Elements()][0]
        if len(groups) != count:
            return None, ()
        orientations = {_of_frame(group, shared, "Orientation") for group in groups}
        positions = tuple(_of_frame(group, shared, "Position") for group in groups)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None, ()
    return (orientations.pop(), positions) if len(orientations) == 1 else (None, ())


def _of_frame(group: Values, shared: Values, name: str) -> tuple[float, ...]:
    """Value of a plane macro, of the frame itself or of all (PS3.3 C.7.6.16.2.3 and 2.4)."""
    macro = f"Plane{name}Sequence"
    return _floats((group if macro in group else shared).get(macro)[0], f"Image{name}Patient")


def _floats(data: Values, name: str) -> tuple[float, ...]:
    """Numbers of an attribute; TypeError where it is missing or a single one."""
    return tuple(float(x) for x in data.get(name))
