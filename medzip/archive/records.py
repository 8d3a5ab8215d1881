"""What is said of an object when it has ended: small frozen dataclasses, without a patient.

Reports, summaries and indexes read them. They contain no path, no UID and no tag of a patient: a
series is named by the first digits of its object key. Only the message of a `Failure` may hold
paths; it is for the terminal. Every record is picklable and JSON-ready (:func:`to_json`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

__all__ = [
    "LEAST_DIGITS",
    "NAME_DIGITS",
    "Failure",
    "ModelTrial",
    "PartBytes",
    "SeriesRecord",
    "SlabRecord",
    "StageSeconds",
    "Verdict",
    "VolumeRecord",
    "to_json",
]

NAME_DIGITS = 12
"""First digits of an object's key, which are its name in logs and reports."""


LEAST_DIGITS = 6
"""So many of them name an object, at least, where a person types them."""


class Verdict(StrEnum):
    """Where an object stands."""

    PROVEN = "proven"
    """Decoded from the stored bytes in another process; every file's SHA-256 matched; committed."""
    ALREADY_PROVEN = "already-proven"
    """The same content was proven by an earlier run; its stored bytes still have their digest."""
    RECORDED = "recorded"
    """The archive has it. Nothing but its list of files was read: `medzip verify` checks it."""
    FAILED = "failed"
    """Nothing of this object counts as archived; see the failure."""


@dataclass(frozen=True)
class Failure:
    """One thing that went wrong, for a person to act on.

    Attributes
    ----------
    name : str
        First digits of the object key, or "scan" when the file never got into a plan.
    stage : str
        Step that failed: scan, stage, fit, encode, seal, prove, commit, restore or verify.
    kind : str
        Class of the error (for example ``SourceError`` or ``OSError:ENOSPC``): fit for reports.
    message : str
        File, cause and remedy. May hold paths: for the terminal, never for reports.
    """

    name: str
    stage: str
    kind: str
    message: str


@dataclass(frozen=True)
class ModelTrial:
    """What one model made of a sample of one volume, before it was fitted.

    Attributes
    ----------
    volume : int
        Index of the volume in the object.
    name, digest : str
        The model that was tried: of the profile, or registered.
    sample_voxels, sample_bytes : int
        Voxels of the sample and their coded bytes; 0 where it was not tried.
    model_bytes, estimate : int
        Bytes of the model in the object, and of it and all voxels, estimated from the sample.
    chosen : bool
        Whether the volume was coded with it.
    reason : str
        Why, or why not.
    """

    volume: int
    name: str
    digest: str
    sample_voxels: int
    sample_bytes: int
    model_bytes: int
    estimate: int
    chosen: bool
    reason: str


@dataclass(frozen=True)
class SlabRecord:
    """One encoded slab. ``raw_bytes`` and ``voxels`` count real voxels, never padding."""

    name: str
    volume: int
    slab: int
    shape: tuple[int, int, int]
    dtype: str
    voxels: int
    raw_bytes: int
    encoded_bytes: int
    sha256: str
    model_digest: str
    seconds: float
    reused: bool


@dataclass(frozen=True)
class StageSeconds:
    """Wall-clock seconds by stage; ``encode`` is the sum over slabs (worker seconds)."""

    stage: float = 0.0
    fit: float = 0.0
    encode: float = 0.0
    seal: float = 0.0
    prove: float = 0.0


@dataclass(frozen=True)
class PartBytes:
    """Bytes of a committed object by part; their sum is the size of the object on disk."""

    slabs: int = 0
    model: int = 0
    envelope: int = 0
    manifest: int = 0
    container: int = 0

    @property
    def total(self) -> int:
        """Size of the object in bytes."""
        return self.slabs + self.model + self.envelope + self.manifest + self.container


@dataclass(frozen=True)
class VolumeRecord:
    """One volume of a committed object.

    ``model_digest`` is that of the model's own bytes; ``base_digest`` that of the network which it
    starts from, as its card, its ``config.json`` and ``medzip models`` have it.
    """

    shape: tuple[int, int, int]
    dtype: str
    depth: int
    geometry: str
    model_digest: str
    model_bytes: int
    slab_bytes: int
    base_digest: str = ""

    @property
    def voxels(self) -> int:
        """Number of real voxels."""
        return self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class SeriesRecord:
    """What a report says about one object; nothing in it names a patient.

    Attributes
    ----------
    key : str
        Object key; the object is ``ARCHIVE/objects/<key>.zip``.
    kind : str
        "series" or "other".
    verdict : Verdict
        Proven, already proven, recorded, or failed.
    files, raw_bytes : int
        Original files and their bytes.
    encoded_bytes : int
        Size of the object on disk: the sum of ``parts``.
    voxels, voxel_bytes : int
        Real voxels coded, and the bytes they took in the files.
    kept_whole, kept_bytes : tuple of (str, int)
        Reason, and number and bytes of the files that did not go through the voxel codec.
    seconds : StageSeconds
        Zero for what an earlier run did.
    slabs : tuple of SlabRecord
        In order of volume and slab; their ``seconds`` are zero for what an earlier run did.
    trials : tuple of ModelTrial
        How the model of each volume was chosen, where there was a choice and this run made it.
    """

    key: str
    kind: str
    verdict: Verdict
    profile: str
    codec_version: str
    format_version: int
    files: int
    raw_bytes: int
    encoded_bytes: int
    voxels: int
    voxel_bytes: int
    parts: PartBytes
    kept_whole: tuple[tuple[str, int], ...]
    volumes: tuple[VolumeRecord, ...]
    slabs: tuple[SlabRecord, ...]
    seconds: StageSeconds
    failure: Failure | None = None
    trials: tuple[ModelTrial, ...] = ()
    kept_bytes: tuple[tuple[str, int], ...] = ()

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]


def to_json(record: Any) -> Any:
    """Turn a record into what :func:`json.dumps` takes; field names become keys."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {f.name: to_json(getattr(record, f.name)) for f in dataclasses.fields(record)}
    if isinstance(record, (list, tuple)):
        return [to_json(item) for item in record]
    if isinstance(record, dict):
        return {str(key): to_json(value) for key, value in record.items()}
    return record
