"""Whole archives, written once and read for ever; and written again, entry by entry the same.

tests/golden/archive-<format>/<name>/ holds what `write` below made of `source`
(python tests/archive/test_archive_golden.py). Voxels are made by integers alone, so that every
machine makes the same files. Bytes of compressors that are not ours (deflate, zstd) may differ
between versions, so what they hold is compared.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
import zstandard
from pydicom.uid import ExplicitVRLittleEndian

from medzip import archive as steps
from medzip.testing.archives import archive_here, same

GOLDEN = Path(__file__).parents[1] / "golden" / "archive-1"
CASES = {"fast": "fast", "default": "default", "fitted": "fast"}
"""Name of the archive and its profile."""


def voxels(shape: tuple[int, int, int], seed: int) -> np.ndarray:
    """A disc with a gradient and noise on a background of one value, int16."""
    z, y, x = np.indices(shape)
    state = z * 7919 + y * 104_729 + x * 1_299_709 + 12_345 + seed
    for _ in range(3):
        state = (state * 1_103_515_245 + 12_345) % (1 << 31)
    inside = (2 * y - shape[1]) ** 2 + (2 * x - shape[2]) ** 2 < shape[1] * shape[2]
    return np.where(inside, 40 + 2 * x - y + (state >> 16) % 25 - 12, -1000).astype(np.int16)


def write_dicom(path: Path, pixels: np.ndarray, series: str, number: int) -> None:
    """A file of one slice; its names hang on nothing but the arguments."""
    meta = pydicom.dataset.FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
    meta.MediaStorageSOPInstanceUID = f"{series}.{number}"
    meta.ImplementationClassUID = "1.2.3.4"
    meta.ImplementationVersionName = "GOLDEN"
    data = pydicom.Dataset()
    data.file_meta = meta
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, f"{series}.{number}"
    data.Modality, data.SeriesInstanceUID, data.InstanceNumber = "CT", series, number
    data.ImagePositionPatient = ["0.0", "0.0", str(2.5 * number)]
    data.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    data.PixelSpacing, data.SamplesPerPixel = ["1", "1"], 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation = 15, 1
    data.PixelData = pixels.astype("<i2").tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    data.save_as(path, enforce_file_format=True)


def source(folder: Path, name: str) -> Path:
    """The files that the archive of a name was made of."""
    if name == "fitted":  # enough voxels for a straight prediction of its own
        series = {"1.2.3.9": voxels((8, 64, 56), 9)}
    else:
        series = {
            "1.2.3.1": voxels((6, 40, 44), 1),
            "1.2.3.2": voxels((3, 24, 70), 2),
            "1.2.3.3": voxels((1, 9, 31), 3),
        }
    for uid, volume in series.items():
        for z, pixels in enumerate(volume):
            write_dicom(folder / uid / f"{(7 * z) % 97:02d}.dcm", pixels, uid, z + 1)
    if name != "fitted":
        (folder / "notes" / "empty").mkdir(parents=True)
        (folder / "notes" / "read me.txt").write_bytes(b"kept whole " * 40)
        (folder / "notes" / "copy").write_bytes(b"kept whole " * 40)
        (folder / "notes" / "nothing").touch()
        (folder / "link").symlink_to("notes/copy")
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            os.chmod(path, 0o644)
            os.utime(path, ns=(1_600_000_000_000_000_000, 1_600_000_000_000_000_000))
    return folder


def content(archive: Path) -> dict[str, bytes]:
    """What an archive holds, by object and entry, with deflate and zstd undone."""
    held = {}
    for path in sorted((archive / "objects").glob("*.zip")):
        with zipfile.ZipFile(path) as file:
            for name in file.namelist():
                data = file.read(name)
                if name in ("envelope/c/0", "manifest/c/0"):
                    data = zstandard.ZstdDecompressor().decompress(data)
                # the length of the packed bytes is in the metadata beside them
                elif name in ("envelope/zarr.json", "manifest/zarr.json"):
                    continue
                held[f"{path.stem}/{name}"] = data
    return held


@pytest.mark.parametrize("name", CASES)
def test_golden_archives_restore(tmp_path: Path, name: str) -> None:
    assert steps.verify(GOLDEN / name).ok
    steps.restore(GOLDEN / name, tmp_path / "out")
    same(source(tmp_path / "in", name), tmp_path / "out")


@pytest.mark.parametrize("name", ["fast", "default"])
def test_the_same_files_make_the_same_archive(tmp_path: Path, name: str) -> None:
    archive_here([source(tmp_path / "in", name)], tmp_path / "archive", CASES[name])
    assert content(tmp_path / "archive") == content(GOLDEN / name)


def write() -> None:
    """Make the golden archives anew; only for a new format."""
    import tempfile

    for name, profile in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            archive_here([source(Path(folder) / "in", name)], GOLDEN / name, profile)
        (GOLDEN / name / "lock").unlink(missing_ok=True)


if __name__ == "__main__":
    write()
