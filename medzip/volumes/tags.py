"""What the headers of a series say of how it was made; nothing of whom it shows.

Free text such as SeriesDescription is not read: people write names there.
"""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

from pydicom import config, dcmread
from pydicom.errors import InvalidDicomError

if TYPE_CHECKING:
    import os
    from typing import BinaryIO

__all__ = ["KEYWORDS", "spacing_of", "tags_of"]

KEYWORDS = (
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "ConvolutionKernel",
    "SequenceName",
    "ScanningSequence",
    "PixelSpacing",
)
_NUMBER = re.compile(r"[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?")


def tags_of(file: str | os.PathLike[str] | BinaryIO) -> dict[str, str]:
    """modality, scanner, kernel and spacing of one file's series, "" where they are not known.

    Parameters
    ----------
    file
        A DICOM file, or its beginning.
    """
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")  # odd values are quoted, and may be a patient's
            header = dcmread(
                file, stop_before_pixels=True, specific_tags=list(KEYWORDS), force=True
            )
            return _tags(header)
    except (InvalidDicomError, EOFError, ValueError, KeyError, AttributeError, OSError):
        return {"modality": "", "scanner": "", "kernel": "", "spacing": ""}


def spacing_of(text: str) -> str:
    """The first number of a text in mm with at most four digits; "" where there is none.

    Examples
    --------
    >>> spacing_of("[06.757812E-01, 06.757812E-01]")
    '0.6758'
    """
    number = _NUMBER.search(text)
    return f"{float(number.group()):.4g}" if number else ""


def _tags(header: Any) -> dict[str, str]:
    kernel = _text(header, "ConvolutionKernel") or _text(header, "SequenceName")
    scanner = f"{_text(header, 'Manufacturer')} {_text(header, 'ManufacturerModelName')}"
    return {
        "modality": _text(header, "Modality"),
        "scanner": scanner.strip(),
        "kernel": kernel or _text(header, "ScanningSequence"),
        "spacing": spacing_of(_text(header, "PixelSpacing")),
    }


def _text(header: Any, keyword: str) -> str:
    try:
        value = getattr(header, keyword, None)
    except Exception:  # a value that breaks the rules of its kind raises whatever it likes
        return ""
    if value is None:
        return ""
    if not isinstance(value, str) and hasattr(value, "__iter__"):
        return " ".join(str(part).strip() for part in value)
    return str(value).strip()
