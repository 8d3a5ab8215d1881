"""Sources to archive: DICOM files of a series, and a tree of everything that a folder may hold."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pydicom
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["SECRET", "Series", "volume", "write_series", "write_slice", "write_tree"]

SECRET = "Secret^Patient"
"""The patient of every file; no name, message or report may hold it."""


@dataclass(frozen=True)
class Series:
    """Slices of a volume as files.

    Attributes
    ----------
    voxels
        (z, y, x); z is where a slice is, whatever its file is called.
    names
        A number for the name of each slice's file.
    spacing
        Of the slices, mm.
    """

    voxels: np.ndarray
    names: tuple[int, ...]
    spacing: float = 1.0

    def write(self, folder: Path, uid: str = "1.2.3") -> list[Path]:
        """Write the files; returns their paths in the order of the slices."""
        paths = [folder / f"{name:04d}.dcm" for name in self.names]
        for z, (path, pixels) in enumerate(zip(paths, self.voxels, strict=True)):
            position = (0, 0, self.spacing * z)
            write_slice(path, pixels, series=uid, position=position, instance=z + 1)
        return paths


def write_slice(
    path: Path,
    pixels: np.ndarray,
    *,
    series: str,
    position: Sequence[float] | None = (0, 0, 0),
    instance: int = 1,
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
) -> None:
    """Write a DICOM file of one frame, or of several if ``pixels`` has three dimensions."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.2")
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(path)])
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.PatientName = SECRET
    data.SeriesInstanceUID = series
    data.InstanceNumber = instance
    if position is not None:
        data.ImagePositionPatient = [str(float(x)) for x in position]
        data.ImageOrientationPatient = [str(float(x)) for x in orientation]
    data.Rows, data.Columns = pixels.shape[-2:]
    if pixels.ndim == 3:
        data.NumberOfFrames = len(pixels)
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    data.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def volume(shape: tuple[int, int, int] = (6, 24, 20), seed: int = 0) -> np.ndarray:
    """Smooth voxels with noise, as int16."""
    rng = np.random.default_rng(seed)
    z, y, x = np.indices(shape)
    values = 200 * np.sin(x / 7) + 90 * np.cos(y / 5 + z) + rng.normal(0, 12, shape)
    return np.asarray(values, dtype=np.int16)


def write_series(folder: Path, series: str = "1.2.3", seed: int = 0, slices: int = 6) -> None:
    """Write a series whose names say nothing about its order."""
    voxels = volume((slices, 24, 20), seed)
    for z, pixels in enumerate(voxels):
        name = f"{(z * 7) % 97:02d}.dcm"
        write_slice(folder / name, pixels, series=series, position=(0, 0, 2.5 * z), instance=z + 1)


def write_tree(folder: Path) -> None:
    """Write everything that a folder may hold: series, odd names, links, empty things, copies."""
    write_series(folder / "ct" / "a", "1.2.3", 0)
    write_series(folder / "ct" / "b", "1.2.4", 1, slices=3)
    write_slice(folder / "one.dcm", volume((1, 9, 31), 5)[0], series="1.2.5", position=None)
    (folder / "notes").mkdir()
    (folder / "notes" / "read me.txt").write_text("text" * 100)
    (folder / "notes" / "copy.txt").write_text("text" * 100)
    (folder / "ct" / "a" / "again.dcm").write_bytes((folder / "ct" / "a" / "00.dcm").read_bytes())
    (folder / "empty file").touch()
    (folder / "notes" / "empty").touch()
    (folder / "empty" / "folder").mkdir(parents=True)
    (folder / "ümläut ☃\n\\*?.bin").write_bytes(bytes(range(256)))
    with open(os.fsencode(folder) + b"/latin-\xe9\xff", "wb") as file:
        file.write(b"not UTF-8")
    (folder / "link").symlink_to("one.dcm")
    (folder / "link to folder").symlink_to("ct", target_is_directory=True)
    (folder / "dangling").symlink_to("/nowhere/at/all")
    os.chmod(folder / "notes" / "copy.txt", 0o640)
    os.utime(folder / "one.dcm", ns=(1_234_567_890_123_456_789, 1_234_567_890_123_456_789))
