"""One file -> what it holds: where its voxels lie, and how they lie in space.

Only the header is read, whatever the size of the file, but for frames compressed without loss, of
which it must be known whether their bytes come back. A file that the voxel codec cannot take is a
normal result: it gets a reason (:data:`REASONS`) and is kept whole.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Literal

from medzip.dicom.elements import WINDOW, Elements, Parsed, Values, read_elements
from medzip.dicom.encapsulated import single_fragments

if TYPE_CHECKING:
    import os

__all__ = ["REASONS", "Frames", "Header", "read_hashed", "read_header"]

REASONS = {
    "not-dicom": "no DICOM file, or DICOMDIR",
    "no-pixel-data": "DICOM without pixel data",
    "broken-header": "DICOM header that cannot be parsed",
    "deflated": "deflated transfer syntax: deflating again gives other bytes",
    "lossy": "pixels compressed with loss",
    "lossless-not-reproduced": "pixels compressed without loss, but re-encoding gives other bytes",
    "colour": "more than one sample a pixel",
    "unsupported-bits": "neither 8 nor 16 bits allocated",
    "float-pixels": "float or double pixel data",
    "oversized": "slices so large or high that coding one takes too much memory",
    "too-many-frames": "more frames than any scanner writes",
    "truncated": "pixel data end before the last frame",
    "empty": "file of no bytes",
}
"""Why a file is kept whole; the keys are what reports count."""

# Transfer syntaxes (PS3.6 table A-1)
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_DEFLATED, _BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
_NATIVE = {_IMPLICIT, _EXPLICIT, _BIG_ENDIAN}
_LOSSLESS = {
    "1.2.840.10008.1.2.4.80",  # JPEG-LS
    "1.2.840.10008.1.2.4.90",  # JPEG 2000
    "1.2.840.10008.1.2.4.57",  # JPEG, any predictor
    "1.2.840.10008.1.2.4.70",  # JPEG, first predictor
    "1.2.840.10008.1.2.5",  # RLE
}
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
_UNDEFINED = 0xFFFFFFFF
_MOST_VOXELS = 1 << 26
# The codec skews a slice so that voxels which may be coded at once form a column: its store of one
# slice takes about (columns + 4 rows) * (rows + 8) words of 2 bytes, which grows with the square of
# the rows (4096 x 4096 take 160 MiB, a strip of 20000 rows by 100 columns 3 GiB).
_MOST_STORE = 512 << 20
# Each frame becomes a record in memory, whatever few bytes it has.
_MOST_FRAMES = 1 << 20
_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Frames:
    """``count`` consecutive frames at bytes [offset, offset + length), coded as ``coding``.

    ``header`` bytes right in front of them belong to the codestream (see ``Span``).
    """

    offset: int
    length: int
    count: int
    coding: str
    header: int = 0


@dataclass(frozen=True)
class Header:
    """What one DICOM file holds.

    Attributes
    ----------
    series_uid : str
        SeriesInstanceUID or "".
    reason : str
        Key of :data:`REASONS` for a file kept whole; "" when ``frames`` can be coded.
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
    """
    with open(path, "rb") as file:
        start = file.read(_AT_ONCE)
        header = _header(start, file, size) if size else Header("", "empty")
        digest = hashlib.sha256(start)
        file.seek(len(start))
        while chunk := file.read(_AT_ONCE):
            digest.update(chunk)
    return header, digest.hexdigest()


def _header(start: bytes, file: BinaryIO, size: int) -> Header:
    """Header of an open file by its first bytes, :data:`WINDOW` of them or more."""
    # Files of before 1993 and raw datasets have neither preamble nor magic (PS3.10 7.1): they
    # begin with an element of group 2 or 8.
    if start[128:132] != b"DICM" and start[1:4:2] != b"\0\0":
        return Header("", "not-dicom")
    if start[128:132] != b"DICM" and start[:1] not in (b"\x02", b"\x08"):
        return Header("", "not-dicom")
    try:
        return _describe(read_elements(start, file, size), file, size)
    except Exception as error:
        if _of_the_disk(error):
            raise
    file.seek(0)
    return _by_pydicom(file, size)


def _by_pydicom(file: BinaryIO, size: int) -> Header:
    """Read any header, however odd: the judge of what the quick way does not understand."""
    import warnings

    import pydicom  # with what it imports it costs more than hundreds of headers
    from pydicom import config

    with warnings.catch_warnings(), config.disable_value_validation():
        warnings.simplefilter("ignore")
        try:
            data = pydicom.dcmread(file, stop_before_pixels=True, force=True, specific_tags=_TAGS)
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
    data, syntax, little = parsed.values, parsed.syntax, parsed.little
    uid = str(data.get("SeriesInstanceUID") or "")
    if not syntax and not data:
        return Header(uid, "not-dicom")
    if syntax == _DEFLATED:
        return Header(uid, "deflated")
    if parsed.end >= size:
        return Header(uid, "no-pixel-data" if "Rows" not in data else "truncated")
    element = _pixel_element(parsed)
    if element is None:
        return Header(uid, "no-pixel-data")
    tag, offset, length = element
    if tag != 0x7FE00010:
        return Header(uid, "float-pixels")
    if int(data.get("SamplesPerPixel") or 1) != 1:
        return Header(uid, "colour")
    allocated = int(data.get("BitsAllocated") or 0)
    if allocated not in (8, 16):
        return Header(uid, "unsupported-bits")
    signed = int(data.get("PixelRepresentation") or 0) == 1
    rows, columns = int(data.get("Rows") or 0), int(data.get("Columns") or 0)
    dtype = f"{'int' if signed else 'uint'}{allocated}"
    count = max(1, int(data.get("NumberOfFrames") or 1))
    frame_bytes = rows * columns * allocated // 8
    if frame_bytes == 0:
        return Header(uid, "broken-header")
    store = (columns + 4 * rows) * (rows + 8) * 2
    if rows * columns > _MOST_VOXELS or store > _MOST_STORE:
        return Header(uid, "oversized")
    if count > _MOST_FRAMES:
        return Header(uid, "too-many-frames")
    if length == _UNDEFINED:
        fragments = single_fragments(file, offset, size, count)
        runs, reason = _compressed(file, fragments, syntax, (rows, columns, dtype))
    elif syntax and syntax not in _NATIVE:
        return Header(uid, "broken-header")
    elif min(length, size - offset) < count * frame_bytes:
        return Header(uid, "truncated")
    else:
        coding = "little" if little or allocated == 8 else "big"
        runs, reason = (Frames(offset, count * frame_bytes, count, coding),), ""
    if reason:
        return Header(uid, reason, syntax)
    orientation, positions = _geometry(data, count)
    return Header(
        series_uid=uid,
        reason="",
        syntax=syntax,
        rows=rows,
        columns=columns,
        dtype=dtype,
        instance=int(data.get("InstanceNumber") or 0),
        orientation=orientation,
        positions=positions,
        frames=runs,
    )


def _pixel_element(parsed: Parsed) -> tuple[int, int, int] | None:
    """Tag of the pixel data element, offset and length of its value (PS3.5 7.1)."""
    head, start = parsed.head, parsed.end
    order: Literal["little", "big"] = "little" if parsed.little else "big"
    if len(head) < 8:
        return None
    tag = int.from_bytes(head[:2], order) << 16 | int.from_bytes(head[2:4], order)
    if tag not in (0x7FE00008, 0x7FE00009, 0x7FE00010):
        return None
    if parsed.implicit:
        return tag, start + 8, int.from_bytes(head[4:8], order)
    if head[4:6] in (b"OB", b"OW", b"OF", b"OD", b"OV", b"UN"):
        return tag, start + 12, int.from_bytes(head[8:12], order)
    return tag, start + 8, int.from_bytes(head[6:8], order)


def _compressed(
    file: BinaryIO,
    fragments: list[tuple[int, int]] | None,
    syntax: str,
    image: tuple[int, int, str],
) -> tuple[tuple[Frames, ...], str]:
    """Frames of encapsulated pixel data (PS3.5 A.4) whose bytes come back from their voxels."""
    if syntax not in _LOSSLESS:
        return (), "lossy"
    from medzip.dicom.recode import reproduce  # only here: decoders, and numba for their loops

    rows, columns, dtype = image
    runs = []
    for offset, length in fragments or ():
        file.seek(offset)
        found = reproduce(file.read(length), syntax, (rows, columns), dtype)
        if found is None:
            return (), "lossless-not-reproduced"
        start, end, coding, header = found
        runs.append(Frames(offset + start, end - start, 1, coding, header))
    return tuple(runs), "" if runs else "lossless-not-reproduced"


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
