"""What the benchmarks note down: one row a model, volume and back-end; integers, no ratios."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.atomic import write_atomic
from medzip.canonical import canonical_json
from medzip.errors import SourceError

if TYPE_CHECKING:
    import os

__all__ = ["FORMAT", "JobResult", "Row", "VolumeInfo", "read_job", "write_job"]

FORMAT = "medzip-sequence/1"


@dataclass(frozen=True)
class VolumeInfo:
    """A volume as it was coded.

    Attributes
    ----------
    name
        Of the volume.
    fold
        The part of the cohort that it tests, -1 for unseen ones.
    shape, dtype
        What was coded.
    about
        Modality, origin, licence, vendor, where known.
    """

    name: str
    fold: int
    shape: tuple[int, ...]
    dtype: str
    about: dict[str, str]


@dataclass(frozen=True)
class Row:
    """One volume coded once.

    Attributes
    ----------
    job
        Key of the model, or name of another codec.
    benchmark
        1 to 6, or 0 for runs beyond the papers.
    volume, fold
        Which volume, and the fold that the model was not trained on; -1 for other codecs.
    backend
        "order0", "conditional", or "" for other codecs.
    epoch
        After which epoch (benchmark 5), else 0.
    voxels, encoded_bytes
        Real voxels; bytes of the slab, without the model (`JobResult.model_bytes`).
    encode_ns, decode_ns
        Nanoseconds on one core; 0 where they were not taken.
    lossless
        Whether it was decoded and gave the same voxels; None where it was not decoded.
    note
        Why there is no figure, where there is none.
    """

    job: str
    benchmark: int
    volume: str
    fold: int
    backend: str
    epoch: int
    voxels: int
    encoded_bytes: int
    encode_ns: int = 0
    decode_ns: int = 0
    lossless: bool | None = None
    note: str = ""

    @property
    def bits(self) -> float:
        """Bits per voxel."""
        return 8 * self.encoded_bytes / self.voxels


@dataclass(frozen=True)
class JobResult:
    """Everything that one job gave.

    Attributes
    ----------
    key, identity
        Its name; a digest of what decides its figures.
    kind, shape, length, hidden, sampling, fold
        What was trained.
    voxels, steps, seconds
        What it learned from, how many steps, how long.
    total_seconds
        Of the whole job, with coding; for one that was killed, since it went on.
    model_bytes
        Of the stored model by back-end.
    quantisation
        Mean bits that integers cost over floats on held-out voxels.
    curve
        (epoch, loss, mean bits of held-out voxels).
    rows
        Figures.
    """

    key: str
    identity: str
    kind: str
    shape: str
    length: int
    hidden: tuple[int, ...]
    sampling: str
    fold: int
    voxels: int
    steps: int
    seconds: float
    total_seconds: float
    model_bytes: dict[str, int]
    quantisation: float
    curve: tuple[tuple[int, float, float], ...]
    rows: tuple[Row, ...] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> JobResult:
        """The inverse of `to_dict`."""
        content = dict(content)
        content["rows"] = tuple(Row(**row) for row in content["rows"])
        content["curve"] = tuple((int(e), float(a), float(b)) for e, a, b in content["curve"])
        content["hidden"] = tuple(content["hidden"])
        return cls(**content)


def write_job(path: Path, result: JobResult) -> None:
    """Write a job's result, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, canonical_json(result.to_dict()) + b"\n")


def read_job(path: str | os.PathLike[str], identity: str | None = None) -> JobResult | None:
    """A job's result, the inverse of `write_job`; None if there is none of this identity.

    Raises
    ------
    SourceError
        The file is damaged.
    """
    if not Path(path).exists():
        return None
    try:
        result = JobResult.from_dict(json.loads(Path(path).read_bytes()))
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(
            f"expected the result of a job in {path}, got {type(error).__name__}; remove the file"
        ) from error
    return result if identity in (None, result.identity) else None
