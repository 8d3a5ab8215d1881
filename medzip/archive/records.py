"""What the steps of an archive hand to one another: small frozen dataclasses, never arrays.

Every record is picklable and JSON-ready (:func:`to_json`), so that a process pool, Dask and Prefect
can carry it. Records that reports read (:class:`SeriesRecord` and what it holds) contain no path,
no UID and no tag of a patient: a series is named by the first digits of its object key.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medzip.dicom.records import FileEntry, SourceTree, Stack

__all__ = [
    "Committed",
    "Event",
    "Failure",
    "Fitted",
    "Inventory",
    "ModelTrial",
    "ObjectPlan",
    "ObjectRef",
    "PartBytes",
    "Proof",
    "Sealed",
    "SeriesRecord",
    "SlabRecord",
    "StageSeconds",
    "Staged",
    "StagedVolume",
    "Summary",
    "Verdict",
    "VolumeRecord",
    "to_json",
]

NAME_DIGITS = 12


class Verdict(StrEnum):
    """Where an object stands."""

    PROVEN = "proven"
    """Decoded from the stored bytes in another process; every file's SHA-256 matched; committed."""
    ALREADY_PROVEN = "already-proven"
    """The same content was proven by an earlier run; its stored bytes still have their digest."""
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
class ObjectPlan:
    """Files that become one object of the archive: a series with voxels, or a bundle of others.

    Attributes
    ----------
    key : str
        SHA-256 over the canonical JSON of the sorted entries (path, size, SHA-256), with links and
        directories: the same content gives the same key in every run.
    kind : str
        "series" (at least one stack goes through the voxel codec) or "other".
    files : tuple of FileEntry
        In storage order: files of stacks along their stack, then the rest by path.
    stacks : tuple of Stack
        Volumes to be; empty for "other".
    links : tuple of (str, str)
        Path and target of symbolic links, recorded and never followed.
    directories : tuple of str
        Empty directories, which no file would bring back.
    """

    key: str
    kind: str
    files: tuple[FileEntry, ...]
    stacks: tuple[Stack, ...]
    links: tuple[tuple[str, str], ...] = ()
    directories: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]

    @property
    def raw_bytes(self) -> int:
        """Bytes of the original files."""
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Inventory:
    """Everything found under the sources, grouped into objects.

    ``failures`` names what could not be read; the plans hold everything else.
    """

    trees: tuple[SourceTree, ...]
    plans: tuple[ObjectPlan, ...]
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class ObjectRef:
    """Handle of an object in work: all that a later step needs to find it again."""

    archive: str
    key: str
    profile: str

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]


@dataclass(frozen=True)
class StagedVolume:
    """One volume laid out as raw slabs.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x) in voxels.
    dtype : str
        "uint8", "int8", "uint16" or "int16": how the stored words are read.
    depth : int
        Slices a slab; the last slab may hold fewer.
    geometry : str
        "volume" (evenly spaced, one slice a position), "gaps", "repeated", "uneven", "unknown" or
        "single".
    """

    shape: tuple[int, int, int]
    dtype: str
    depth: int
    geometry: str

    @property
    def slabs(self) -> int:
        """Number of slabs."""
        return -(-self.shape[0] // self.depth)

    @property
    def voxels(self) -> int:
        """Number of real voxels."""
        return self.shape[0] * self.shape[1] * self.shape[2]


@dataclass(frozen=True)
class Staged(ObjectRef):
    """Result of ``stage``: raw slabs and envelope lie under ``ARCHIVE/work/<key>/``."""

    volumes: tuple[StagedVolume, ...] = ()
    files: int = 0
    raw_bytes: int = 0
    kept_whole: tuple[tuple[str, int], ...] = ()
    seconds: float = 0.0

    @property
    def slab_indices(self) -> tuple[tuple[int, int], ...]:
        """All (volume_index, slab_index) to hand to ``encode``."""
        return tuple((v, s) for v, volume in enumerate(self.volumes) for s in range(volume.slabs))


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
class Fitted(ObjectRef):
    """Result of ``fit``: one model a volume, written beside the staged slabs.

    ``offered`` are the digests of the registered models that were candidates.
    """

    model_digests: tuple[str, ...] = ()
    model_bytes: int = 0
    seconds: float = 0.0
    offered: tuple[str, ...] = ()
    trials: tuple[ModelTrial, ...] = ()


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
    """One volume of a committed object."""

    shape: tuple[int, int, int]
    dtype: str
    depth: int
    geometry: str
    model_digest: str
    model_bytes: int
    slab_bytes: int

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
        Proven, already proven, or failed.
    files, raw_bytes : int
        Original files and their bytes.
    encoded_bytes : int
        Size of the object on disk: the sum of ``parts``.
    voxels, voxel_bytes : int
        Real voxels coded, and the bytes they took in the files.
    kept_whole : tuple of (str, int)
        Reason and number of files that did not go through the voxel codec.
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

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]


@dataclass(frozen=True)
class Sealed(ObjectRef):
    """Result of ``seal``: the whole object at a temporary name, on disk, not yet proven."""

    path: str = ""
    sha256: str = ""
    size: int = 0
    pid: int = 0
    record: SeriesRecord | None = None


@dataclass(frozen=True)
class Proof(ObjectRef):
    """Result of ``prove``: every file decoded from ``path`` by process ``pid`` matched."""

    path: str = ""
    sha256: str = ""
    size: int = 0
    pid: int = 0
    files: int = 0
    seconds: float = 0.0
    record: SeriesRecord | None = None


@dataclass(frozen=True)
class Committed(ObjectRef):
    """Result of ``commit``: the object has its final name and its digest beside it."""

    path: str = ""
    sha256: str = ""
    size: int = 0
    record: SeriesRecord | None = None


@dataclass(frozen=True)
class Event:
    """Progress of ``compress``, ``restore`` or ``verify``.

    Attributes
    ----------
    stage : str
        "scan", "stage", "fit", "encode", "seal", "prove", "commit", "restore" or "verify".
    name : str
        Name of the object ("" for the run as a whole).
    done, total : int
        Objects or slabs finished, and how many there are in this stage.
    """

    stage: str
    name: str
    done: int
    total: int


@dataclass(frozen=True)
class Summary:
    """Result of ``compress``.

    ``objects`` has one record an object, failed ones included; ``failures`` has every failure,
    those of files that never got into a plan included.
    """

    archive: str
    profile: str
    objects: tuple[SeriesRecord, ...]
    failures: tuple[Failure, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether everything under the sources is proven."""
        return not self.failures

    @property
    def files(self) -> int:
        """Files proven."""
        return sum(o.files for o in self.objects if o.verdict is not Verdict.FAILED)

    @property
    def raw_bytes(self) -> int:
        """Bytes of the files proven."""
        return sum(o.raw_bytes for o in self.objects if o.verdict is not Verdict.FAILED)

    @property
    def encoded_bytes(self) -> int:
        """Bytes of the objects proven."""
        return sum(o.encoded_bytes for o in self.objects if o.verdict is not Verdict.FAILED)

    @property
    def kept_whole(self) -> dict[str, int]:
        """Files kept whole, by reason."""
        counts: dict[str, int] = {}
        for record in self.objects:
            for reason, count in record.kept_whole:
                counts[reason] = counts.get(reason, 0) + count
        return dict(sorted(counts.items()))

    def public(self) -> dict[str, Any]:
        """Fields that may leave the operator's terminal: no texts of failures, which hold paths."""
        objects = to_json(self.objects)
        for record in objects:
            if record["failure"]:
                del record["failure"]["message"]
        return {
            "archive": self.archive,
            "profile": self.profile,
            "ok": self.ok,
            "files": self.files,
            "raw_bytes": self.raw_bytes,
            "encoded_bytes": self.encoded_bytes,
            "kept_whole": self.kept_whole,
            "already_proven": sum(o.verdict is Verdict.ALREADY_PROVEN for o in self.objects),
            "seconds": self.seconds,
            "objects": objects,
            "failures": [{"name": f.name, "stage": f.stage, "kind": f.kind} for f in self.failures],
        }


def to_json(record: Any) -> Any:
    """Turn a record into what :func:`json.dumps` takes; field names become keys."""
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        return {f.name: to_json(getattr(record, f.name)) for f in dataclasses.fields(record)}
    if isinstance(record, (list, tuple)):
        return [to_json(item) for item in record]
    if isinstance(record, dict):
        return {str(key): to_json(value) for key, value in record.items()}
    return record
