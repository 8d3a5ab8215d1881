"""Which objects a report shows, where it is asked for pictures.

A report holds no pictures unless asked for. Asked for all, it shows what CT, MR and PET scanners
have reconstructed: nobody writes into such slices. Screens, scanned paper and ultrasound come with
names in the image; objects of these kinds, or of any other, are shown when they are named. What
says itself that somebody can be recognised in it is never shown.

    Reports hold no tags; with --pictures they hold image slices: guard them as the images.
"""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
from pydicom import config

from medzip.errors import SourceError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["NEVER", "NOTHING", "WITHHELD", "Wanted", "why_withheld"]

WITHHELD = {
    "burned-in": "the image says that names are burned in (BurnedInAnnotation)",
    "recognisable": "the image says that it shows who it is of (RecognizableVisualFeatures)",
    "8-bit": "8 bits a voxel or less, as screens have",
    "single-frame": "a single slice, as screens and scanned paper are",
    "kind": "not slices of CT, MR or PET",
    "secondary": "made after the acquisition (ImageType, ConversionType)",
    "overlay": "an overlay lies within the voxels (OverlayBitPosition)",
    "unreadable": "its headers cannot be read",
}
"""Why an object is not shown; the first that holds is told."""

NEVER = frozenset({"burned-in", "recognisable", "unreadable"})
"""Reasons that hold for objects which are asked for by name, too."""

# SOP classes of acquired slices (PS3.4 table B.5-1): plain, enhanced, legacy converted
_SLICES = {
    f"1.2.840.10008.5.1.4.1.1.{number}"
    for number in ("2", "2.1", "2.2", "4", "4.1", "4.4", "128", "128.1", "130")
}
_MODALITIES = {"CT", "MR", "PT"}
_OVERLAYS = [(0x6000 + 2 * number, 0x0102) for number in range(16)]
_TAGS: list[Any] = [
    "SOPClassUID",
    "Modality",
    "ImageType",
    "ConversionType",
    "BitsStored",
    "BurnedInAnnotation",
    "RecognizableVisualFeatures",
    *_OVERLAYS,
]


@dataclass(frozen=True)
class Wanted:
    """The pictures that a report is asked for; none by default.

    Attributes
    ----------
    slices : bool
        Of all objects that are slices of CT, MR or PET.
    names : tuple of str
        Of these objects, whatever their kind, by the first digits of their keys.

    Raises
    ------
    SourceError
        A name is not what objects are named by.
    """

    slices: bool = False
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.names:
            if not re.fullmatch(r"[0-9a-f]{6,64}", name):
                raise SourceError(
                    f"expected the first digits of an object's key, six at least, got {name!r}; "
                    "the report and `medzip inspect` have them"
                )

    def __bool__(self) -> bool:
        return self.slices or bool(self.names)

    def names_object(self, key: str) -> bool:
        """Whether an object is asked for by name; a report's name of it will do for the key."""
        return any(key.startswith(name[: len(key)]) for name in self.names)

    def wants(self, key: str) -> bool:
        """Whether an object is asked for, alone or with all others."""
        return self.slices or self.names_object(key)


NOTHING = Wanted()


def why_withheld(
    shape: tuple[int, int, int], dtype: str, heads: Iterable[bytes], *, named: bool = False
) -> str:
    """Judge a volume by its form and by the headers of all files that it is of.

    Parameters
    ----------
    shape, dtype
        Of the volume (z, y, x).
    heads
        What is in front of the pixels of each file.
    named
        Whether it was asked for by name.

    Returns
    -------
    str
        Key of :data:`WITHHELD`; "" for a volume that may be shown.
    """
    found = _of_form(shape, dtype).union(*map(_of_header, heads))
    return next((key for key in WITHHELD if key in found and (key in NEVER or not named)), "")


def _of_form(shape: tuple[int, int, int], dtype: str) -> set[str]:
    found = {"8-bit"} if np.dtype(dtype).itemsize == 1 else set()
    return found | ({"single-frame"} if shape[0] == 1 else set())


def _of_header(head: bytes) -> set[str]:
    """Every reason that one header gives; a value that is not there is no permission."""
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")  # they quote values
            header = pydicom.dcmread(
                io.BytesIO(head), stop_before_pixels=True, specific_tags=_TAGS, force=True
            )
            if "SOPClassUID" not in header:
                return {"unreadable"}
            image_type = [str(value).upper() for value in _values(header.get("ImageType"))]
            kind = (_text(header, "SOPClassUID"), _text(header, "Modality"))
            facts = {
                "burned-in": _text(header, "BurnedInAnnotation") not in ("", "NO"),
                "recognisable": _text(header, "RecognizableVisualFeatures") not in ("", "NO"),
                "8-bit": int(header.get("BitsStored") or 0) <= 8,
                "kind": kind[0] not in _SLICES or kind[1] not in _MODALITIES,
                "secondary": "ConversionType" in header
                or "SECONDARY" in image_type
                or any("SCREEN" in value for value in image_type),
                "overlay": any(tag in header and header[tag].value != 0 for tag in _OVERLAYS),
            }
    except Exception:  # broken bytes lead pydicom to raise whatever there is
        return {"unreadable"}
    return {reason for reason, holds in facts.items() if holds}


def _values(value: Any) -> list[Any]:
    """Values of an element of one, several or none."""
    if value is None or isinstance(value, str):
        return [value] if value else []
    return list(value)


def _text(header: pydicom.Dataset, name: str) -> str:
    """An element of one value; all of them where it has several."""
    return "\\".join(map(str, _values(header.get(name)))).strip().upper()
