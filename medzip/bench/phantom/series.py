"""Write a volume as the DICOM files of one series."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import (
    UID,
    CTImageStorage,
    ExplicitVRLittleEndian,
    MRImageStorage,
    generate_uid,
)

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

__all__ = ["SeriesSpec", "write_series"]

_SOP_CLASS = {"CT": CTImageStorage, "MR": MRImageStorage}


@dataclass(frozen=True)
class SeriesSpec:
    """What the headers of a series say.

    Attributes
    ----------
    patient, study, series : int
        Numbers from which names and unique identifiers are made, the same in every run.
    modality : str
        "CT" or "MR".
    description : str
        Series description.
    bits_stored : int
        Bits in use of the 16 allocated.
    pixel_spacing, slice_spacing : float
        Millimetres.
    padding : int or None
        Pixel padding value, if the series has one.
    details : tuple of (str, value)
        Further attributes by keyword, such as ``("ConvolutionKernel", "STANDARD")``.
    """

    patient: int
    study: int
    series: int
    modality: str
    description: str
    bits_stored: int = 12
    pixel_spacing: float = 0.7
    slice_spacing: float = 2.5
    padding: int | None = None
    details: tuple[tuple[str, Any], ...] = ()

    def uid(self, *what: object) -> UID:
        """Make a unique identifier that is the same in every run (PS3.5, section 9)."""
        return generate_uid(entropy_srcs=["medzip phantom", *map(str, what)])


def _header(spec: SeriesSpec, voxels: NDArray[Any]) -> dict[str, Any]:
    """Attributes that all instances share."""
    _, rows, columns = voxels.shape
    study = (spec.patient, spec.study)
    signed = voxels.dtype.kind == "i"
    attributes: dict[str, Any] = {
        "SOPClassUID": _SOP_CLASS[spec.modality],
        "SpecificCharacterSet": "ISO_IR 192",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL" if spec.modality == "CT" else "M"],
        "StudyDate": f"202601{spec.patient:02d}",
        "StudyTime": "080000",
        "AccessionNumber": f"PH{spec.patient:04d}{spec.study}",
        "Modality": spec.modality,
        "Manufacturer": "MedZip phantom",
        "ManufacturerModelName": "Generated",
        "ReferringPhysicianName": "",
        "StudyDescription": f"Phantom {spec.modality}",
        "SeriesDescription": spec.description,
        "PatientName": f"Phantom^{spec.patient:02d}",
        "PatientID": f"PHANTOM-{spec.patient:04d}",
        "PatientBirthDate": "",
        "PatientSex": "O",
        "PatientPosition": "HFS",
        "StudyInstanceUID": spec.uid(*study),
        "SeriesInstanceUID": spec.uid(*study, spec.series),
        "FrameOfReferenceUID": spec.uid(*study, "frame"),
        "StudyID": str(spec.study),
        "SeriesNumber": spec.series,
        "SliceThickness": spec.slice_spacing,
        "SpacingBetweenSlices": spec.slice_spacing,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "PixelSpacing": [spec.pixel_spacing, spec.pixel_spacing],
        "BitsAllocated": 16,
        "BitsStored": 16 if signed else spec.bits_stored,
        "HighBit": (16 if signed else spec.bits_stored) - 1,
        "PixelRepresentation": int(signed),
    }
    if spec.modality == "CT":
        attributes |= {
            "KVP": 120,
            "RescaleIntercept": -1024,
            "RescaleSlope": 1,
            "RescaleType": "HU",
            "WindowCenter": 40,
            "WindowWidth": 400,
        }
    if spec.padding is not None:
        attributes["PixelPaddingValue"] = spec.padding
    return attributes | dict(spec.details)


def write_series(
    folder: str | os.PathLike[str], voxels: NDArray[Any], spec: SeriesSpec
) -> list[Path]:
    """Write one file a slice, explicit little endian, named out of their order in space.

    Parameters
    ----------
    folder
        Made if absent.
    voxels
        (z, y, x) uint16 or int16; z grows towards the head.

    Returns
    -------
    list of Path
        Files in the order of z.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    shared = _header(spec, voxels)
    order = np.random.default_rng([spec.patient, spec.series]).permutation(len(voxels))
    half = [spec.pixel_spacing * side / 2 for side in (voxels.shape[2], voxels.shape[1])]
    words = voxels.astype(voxels.dtype.newbyteorder("<"), copy=False)
    files = []
    for z, picture in enumerate(words):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = shared["SOPClassUID"]
        meta.MediaStorageSOPInstanceUID = spec.uid(spec.patient, spec.study, spec.series, z)
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        path = target / f"IM{order[z] + 1:05d}.dcm"
        dataset = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
        for keyword, value in shared.items():
            setattr(dataset, keyword, value)
        dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
        dataset.InstanceNumber = len(voxels) - z
        position = round(z * spec.slice_spacing, 4)
        dataset.ImagePositionPatient = [round(-half[0], 4), round(-half[1], 4), position]
        dataset.SliceLocation = position
        dataset.AcquisitionNumber = 1
        dataset.PixelData = picture.tobytes()
        dataset["PixelData"].VR = "OW"
        dataset.save_as(path, enforce_file_format=True)
        files.append(path)
    return files
