"""What is measured is not learned from: studies whose images stand in the published tables.

Per-series fitting, whose weights are stored and counted, is no training. Origins are known of
series with an index (docs/data.md); of DICOM files nothing here tells them, so whoever trains on
files of these studies leaves them out.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["RESERVED", "Reserved", "learned", "reserved"]


@dataclass(frozen=True)
class Reserved:
    """A study that is measured.

    Attributes
    ----------
    slab
        Its name in results.
    study
        What the origin of every series of that study has in it.
    learned
        A series of the same study that the shipped bases have learned from, before that was
        noticed; "" if there is none. Tables mark such a slab and give means without it.
    """

    slab: str
    study: str
    learned: str = ""


RESERVED = (
    Reserved("abdomen-ct-2.5mm-lung-kernel", "CMB-CRC-MSB-01068"),
    Reserved("chest-ct-1.25mm", "MIDRC-RICORD-1A-419639-001012"),
    Reserved(
        "head-phantom-ct-1mm",
        "neurolabusc/dcm_qa_ct In/Philips/S21570",
        learned="ct08_philips_phantom_YA_1.0",
    ),
    Reserved("head-mr-t1-512", "VS-SEG-001"),
    Reserved("head-mr-t1-256", "FNNDSC/SAG-anon"),
    Reserved("head-mr-tse-512x384", "FNNDSC/data dicom/adi_brain"),
    Reserved("head-mr-192", "FNNDSC/data dicom/adi_brain"),
)


def reserved(origin: str) -> bool:
    """Whether a series of this origin belongs to a study that is measured."""
    return any(one.study in origin for one in RESERVED)


def learned(slab: str) -> str:
    """The series that the shipped bases learned from and that is of a slab's study; "" if none."""
    return next((one.learned for one in RESERVED if one.slab == slab), "")
