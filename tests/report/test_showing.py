"""Pictures are asked for, and what may bear a name in the image is not among them."""

from __future__ import annotations

import io
from typing import Any

import pydicom
import pytest
from pydicom.uid import UID, ExplicitVRLittleEndian

from medzip.errors import SourceError
from medzip.report.showing import NEVER, NOTHING, WITHHELD, Wanted, why_withheld

SHAPE = (6, 24, 20)
CT, MR, PET = "2", "4", "128"


def head(kind: str = CT, modality: str = "CT", **values: Any) -> bytes:
    """A header as scanners write it, up to the pixels."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID = meta.MediaStorageSOPClassUID = UID(f"1.2.840.10008.5.1.4.1.1.{kind}")
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    data.Modality = modality
    data.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    data.BitsAllocated, data.BitsStored = 16, 12
    for name, value in values.items():
        setattr(data, name, value)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def overlay(position: int) -> bytes:
    data = pydicom.dcmread(io.BytesIO(head()))
    data.add_new((0x6002, 0x0102), "US", position)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


def test_nothing_is_wanted_unless_asked_for() -> None:
    assert not NOTHING
    assert not Wanted()
    assert not NOTHING.wants("ab" * 32)
    assert Wanted(slices=True).wants("ab" * 32)
    assert not Wanted(slices=True).names_object("ab" * 32)


def test_names_are_the_first_digits_of_keys() -> None:
    wanted = Wanted(names=("abcdef", "12" * 32))
    assert wanted.wants("abcdef" + "0" * 58)
    assert wanted.wants("12" * 6), "the name of a report"
    assert not wanted.wants("34" * 32)


@pytest.mark.parametrize("name", ["", "abc", "Doe^Jane", "../../etc", "ABCDEF"])
def test_a_name_that_names_nothing_is_refused(name: str) -> None:
    with pytest.raises(SourceError, match="first digits"):
        Wanted(names=(name,))


@pytest.mark.parametrize(
    ("kind", "modality"),
    [(CT, "CT"), ("2.1", "CT"), (MR, "MR"), ("4.1", "MR"), (PET, "PT"), ("130", "PT")],
)
def test_slices_of_scanners_are_shown(kind: str, modality: str) -> None:
    assert why_withheld(SHAPE, "int16", [head(kind, modality)] * 3) == ""
    said = head(kind, modality, BurnedInAnnotation="NO", RecognizableVisualFeatures="NO")
    assert why_withheld(SHAPE, "uint16", [said]) == ""


@pytest.mark.parametrize(
    ("reason", "header"),
    [
        ("kind", head("6.1", "US")),
        ("kind", head("3.1", "US")),
        ("kind", head("7", "OT")),
        ("kind", head("7.3", "CT")),
        ("kind", head("1", "CR")),
        ("kind", head("12.1", "XA")),
        ("kind", head("20", "NM")),
        ("kind", head("77.1.1", "ES")),
        ("kind", head(CT, "US")),
        ("kind", head(CT, "")),
        ("secondary", head(ImageType=["DERIVED", "SECONDARY", "OTHER", "CT_SOM5 PROT"])),
        ("secondary", head(ImageType=["ORIGINAL", "PRIMARY", "SCREEN SAVE"])),
        ("secondary", head(ConversionType="WSD")),
        ("8-bit", head(BitsStored=8)),
        ("burned-in", head(BurnedInAnnotation="YES")),
        ("burned-in", head(BurnedInAnnotation="MAYBE")),
        ("recognisable", head(RecognizableVisualFeatures="YES")),
        ("overlay", overlay(12)),
        ("unreadable", b"no DICOM file"),
        ("unreadable", b""),
        ("unreadable", head()[:150]),
    ],
)
def test_one_header_of_a_series_decides(reason: str, header: bytes) -> None:
    assert why_withheld(SHAPE, "int16", [head(), header, head()]) == reason
    assert why_withheld(SHAPE, "int16", [header]) == reason
    named = why_withheld(SHAPE, "int16", [head(), header], named=True)
    assert named == (reason if reason in NEVER else "")


def test_an_overlay_beside_the_voxels_does_not_matter() -> None:
    assert why_withheld(SHAPE, "int16", [overlay(0)]) == ""


def test_the_form_of_a_volume_decides_too() -> None:
    assert why_withheld((1, 24, 20), "int16", [head()]) == "single-frame"
    for dtype in ("uint8", "int8"):
        assert why_withheld(SHAPE, dtype, [head()]) == "8-bit"
        assert why_withheld(SHAPE, dtype, [head()], named=True) == ""
        burned = head(BurnedInAnnotation="YES")
        assert why_withheld(SHAPE, dtype, [burned], named=True) == "burned-in"


def test_every_reason_says_what_it_is() -> None:
    assert all(WITHHELD.values())
    assert set(WITHHELD) > NEVER
