"""Object at its temporary name -> proof that every file comes back, from another process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr
from zarr.storage import ZipStore

from medzip.archive.failures import MISMATCHES
from medzip.archive.handles import Proof
from medzip.archive.layout import sha256_file
from medzip.archive.models import references_of
from medzip.archive.reader import ObjectReader, file_digests
from medzip.errors import MedZipError, ProverError, VerificationError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from medzip.archive.handles import Sealed, StagedVolume
    from medzip.codec import Model

__all__ = ["decode_and_compare", "main", "prove", "prove_elsewhere"]


def prove(sealed: Sealed) -> Proof:
    """Decode every file from the stored bytes and compare its SHA-256.

    The process that sealed the object never proves it: called in that one, this starts another.

    Parameters
    ----------
    sealed : Sealed
        An object at its temporary name.

    Returns
    -------
    Proof
        With the process that made it, and the seconds it took.

    Raises
    ------
    VerificationError
        When a file or the object's own digest differs, or what it was coded with is unfit.
    ArchiveError, CorruptStreamError
        When the object cannot be read.
    ProverError
        When the other process ended without an answer (killed, out of memory): that says nothing
        about the object.
    """
    started = time.perf_counter()
    try:
        if sealed.pid == os.getpid():
            files, pid = prove_elsewhere(Path(sealed.path), sealed.key)
        else:
            files, pid = _decode_at_work(Path(sealed.path), sealed.key), os.getpid()
    except (ProverError, OSError):
        raise
    except MedZipError as error:
        if type(error).__name__ in MISMATCHES:
            raise
        # a model that is none, voxels that are none: whatever else is wrong with what was stored
        raise VerificationError(f"{sealed.path}: {type(error).__name__}: {error}") from error
    found = sha256_file(sealed.path)
    if found != sealed.sha256:
        raise VerificationError(
            f"{sealed.path}: expected SHA-256 {sealed.sha256}, got {found}; check the disk of the "
            "archive, then run again"
        )
    seconds = time.perf_counter() - started
    record = sealed.record
    return Proof(
        sealed.ref,
        path=sealed.path,
        sha256=sealed.sha256,
        size=sealed.size,
        pid=pid,
        files=files,
        seconds=seconds,
        references=tuple(sorted(references_of(Path(sealed.path)))),
        record=replace(record, seconds=replace(record.seconds, prove=seconds)),
    )


def _decode_at_work(path: Path, key: str) -> int:
    """Decode an object in work; voxels that need room on disk take it there."""
    return decode_and_compare(path, key, str(path.parent))


def decode_and_compare(path: Path, key: str, spool: str | None = None) -> int:
    """Decode all files of an object and compare them with its manifest.

    Parameters
    ----------
    path : Path
        The object.
    key : str
        The key it must have.
    spool : str or None
        As for ``ObjectReader``.

    Returns
    -------
    int
        Number of files, copies included.

    Raises
    ------
    VerificationError
        When a file differs or the object is another one.
    ArchiveError, CorruptStreamError
        When the object is broken.
    """
    with _ProvingReader(path, spool) as reader:
        if reader.manifest.key != key:
            raise VerificationError(
                f"{path}: expected the object {key}, got {reader.manifest.key}; "
                "restore it from a copy"
            )
        for file, found in file_digests(reader):
            if found != file.sha256:
                raise VerificationError(
                    f"{path}: {file.path}: expected SHA-256 {file.sha256}, got {found}; "
                    "restore the object from a copy"
                )
        return len(reader.manifest.files)


class _ProvingReader(ObjectReader):
    """Reads the last slab of each volume as users of Zarr will: without this package's own reader.

    The last one is the slab that may be shorter than its chunk. What Zarr gives goes into the files
    that are compared, so every slab is decoded once.
    """

    def slab(self, volume: int, slab: int, model: Model) -> NDArray[np.generic]:
        described = self.manifest.volumes[volume]
        if slab < described.slabs - 1:
            return super().slab(volume, slab, model)
        self.stored_slab(volume, slab)  # its header is checked before Zarr makes room for it
        try:
            with zarr.config.set({"async.concurrency": 1}):
                return self._last_slab(volume, described)
        except (MedZipError, OSError, MemoryError):
            raise
        except Exception as error:  # whatever broken metadata lead to inside Zarr
            raise VerificationError(
                f"{self.path}: expected Zarr to read the object, got {type(error).__name__}: "
                f"{error}; run again"
            ) from error

    def _last_slab(self, number: int, volume: StagedVolume) -> NDArray[np.generic]:
        with ZipStore(self.path, mode="r") as store:
            array = zarr.open_group(store, mode="r")[f"volumes/{number}"]
            chunks = (volume.depth, *volume.shape[1:])
            if (
                not isinstance(array, zarr.Array)
                or (array.shape, array.chunks) != (volume.shape, chunks)
                or array.dtype != volume.dtype
                or array.compressors
            ):
                raise VerificationError(
                    f"{self.path}: expected Zarr to find {volume} at volume {number}, got {array}; "
                    "run again"
                )
            return np.asarray(array[(volume.slabs - 1) * volume.depth :])


def prove_elsewhere(path: Path, key: str) -> tuple[int, int]:
    """Prove in a new interpreter; return the number of files, and its process.

    Parameters
    ----------
    path : Path
        The object; voxels that need room on disk take it beside it.
    key : str
        The key it must have.

    Raises
    ------
    VerificationError
        When a file differs or the object is broken.
    OSError
        When that process could not read the object, or had no room on disk.
    ProverError
        When it ended without an answer.
    """
    command = [sys.executable, "-c", "from medzip.archive.proving import main; main()"]
    modules = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        command,
        input=json.dumps({"path": str(path), "key": key}),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": modules},
    )
    try:
        answer = json.loads(done.stdout) if done.returncode == 0 else None
    except ValueError:
        answer = None
    if answer is None:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ProverError(
            f"{path}: expected the process that proves to answer, got its end with status "
            f"{done.returncode} ({last}); the object is kept: give it more memory, or fewer "
            "workers, then run again"
        )
    if "errno" in answer:
        raise OSError(answer["errno"], answer["error"], answer["file"])
    if "error" in answer:
        raise VerificationError(
            f"{path}: expected every file back, got: {answer['error']}; run again"
        )
    return answer["files"], answer["pid"]


def main() -> None:
    """Prove the object named on standard input; answer on standard output.

    What is wrong with the object or the disk is an answer; anything else ends the process.
    """
    asked = json.load(sys.stdin)
    answer: dict[str, Any] = {"pid": os.getpid()}
    try:
        answer["files"] = _decode_at_work(Path(asked["path"]), asked["key"])
    except MedZipError as error:
        answer["error"] = f"{type(error).__name__}: {error}"
    except OSError as error:
        text = error.strerror or str(error)
        answer |= {"error": text, "errno": error.errno or 0, "file": error.filename}
    json.dump(answer, sys.stdout)
