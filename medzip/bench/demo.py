"""A cohort to try the archive on: generated series, pydicom's sample files, and odd files between.

Nothing is downloaded: of pydicom's samples only those that its wheel carries are copied.
"""

from __future__ import annotations

import hashlib
import shutil
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pydicom.data
import pydicom.errors

from medzip.bench.phantom import SeriesSpec, ct_volume, mr_volume, write_series
from medzip.bench.phantom.ct import PADDING

if TYPE_CHECKING:
    import os

__all__ = ["build_demo_cohort", "copy_pydicom_samples", "write_phantoms"]

_NO_DICOM = {".py", ".pyc", ".json", ".txt", ".md", ".dump", ".icc", ".gz"}


def write_phantoms(dest: str | os.PathLike[str]) -> list[Path]:
    """Write two CT and two MR series of three patients; returns the folders of the series."""
    root = Path(dest)
    chest = SeriesSpec(
        1, 1, 2, "CT", "CHEST SOFT", pixel_spacing=0.68, details=(("ConvolutionKernel", "B30f"),)
    )
    lung = SeriesSpec(
        2,
        1,
        3,
        "CT",
        "CHEST LUNG",
        pixel_spacing=0.9,
        padding=PADDING,
        details=(("ConvolutionKernel", "LUNG"),),
    )
    pulse = (("MagneticFieldStrength", 1.5), ("RepetitionTime", 2000), ("EchoTime", 3.4))
    head = SeriesSpec(3, 1, 4, "MR", "T1 3D", pixel_spacing=0.9, slice_spacing=3, details=pulse)
    interpolated = SeriesSpec(
        3, 1, 5, "MR", "TSE INTERPOLATED", pixel_spacing=0.45, slice_spacing=4, details=pulse
    )
    series = {
        "patient-01/study-1/ct-chest-soft": (
            chest,
            ct_volume((24, 512, 512), seed=11, kernel="soft", noise_hu=18),
        ),
        "patient-02/study-1/ct-chest-lung": (
            lung,
            ct_volume((24, 384, 384), seed=12, kernel="sharp", noise_hu=38, signed=True),
        ),
        "patient-03/study-1/mr-t1": (head, mr_volume((32, 256, 256), seed=13)),
        "patient-03/study-1/mr-tse-interpolated": (
            interpolated,
            mr_volume((20, 512, 384), seed=14, noise=22, interpolation=2, masked=True),
        ),
    }
    for name, (spec, voxels) in series.items():
        write_series(root / name, voxels, spec)
    return [root / name for name in series]


def _sample_folder(file: Path, samples: Path) -> Path:
    """Choose where a sample goes: file sets keep their folders, the rest by patient."""
    relative = file.relative_to(samples)
    if "dicomdirtests" in relative.parts:
        return Path(*relative.parts[relative.parts.index("dicomdirtests") :]).parent
    try:
        with warnings.catch_warnings():  # some samples are broken on purpose
            warnings.simplefilter("ignore")
            header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=["PatientID"])
        patient = str(header.get("PatientID", ""))
    except (pydicom.errors.InvalidDicomError, AttributeError, EOFError, ValueError):
        patient = ""
    if not patient:
        return Path("unsorted")
    # A hash, as the samples' own identifiers do not all serve as folder names.
    return Path(f"patient-{hashlib.sha256(patient.encode()).hexdigest()[:6]}")


def copy_pydicom_samples(dest: str | os.PathLike[str]) -> int:
    """Copy the DICOM files of pydicom's wheel into folders by patient; returns their number."""
    samples = Path(pydicom.data.__file__).parent
    copied = 0
    for file in sorted(samples.rglob("*")):
        if not file.is_file() or file.suffix in _NO_DICOM or file.name == "README":
            continue
        folder = Path(dest) / _sample_folder(file, samples)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / file.name)
        copied += 1
    return copied


def _write_odd_files(root: Path) -> None:
    """Write what people and programs leave between images."""
    (root / "patient-01" / "notes.txt").write_text(
        "Phantom. Transferred by hand.\n", encoding="utf-8"
    )
    (root / "patient-02" / "study-1" / "export.csv").write_text(
        "series,slices\n" + "".join(f"{i},{i * 7 % 40}\n" for i in range(300)), encoding="utf-8"
    )
    (root / "patient-02" / "study-1" / "ct-chest-lung" / "Thumbs.db").write_bytes(
        b"\xd0\xcf\x11\xe0" + hashlib.shake_256(b"thumbnails").digest(4096)
    )
    (root / "patient-03" / ".DS_Store").write_bytes(b"")
    (root / "patient-03" / "study-1" / "incomplete.dcm").write_bytes(bytes(128) + b"DICM\x02\x00")


def build_demo_cohort(dest: str | os.PathLike[str]) -> Path:
    """Build the demo cohort: the same bytes in every run with the same pydicom and NumPy.

    Parameters
    ----------
    dest
        Folder to make; it must not exist or be empty, so that nothing of the user's is mixed in.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileExistsError
        If there is something in the folder.
    """
    root = Path(dest)
    if root.exists() and any(root.iterdir()):
        raise FileExistsError(
            f"expected {root} to be absent or empty, got a folder with files; "
            "name another folder or remove it"
        )
    write_phantoms(root)
    copy_pydicom_samples(root / "pydicom-samples")
    _write_odd_files(root)
    return root
