"""What a run tells: its progress meanwhile, and at its end what became of each object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medzip.archive.records import Verdict, to_json

if TYPE_CHECKING:
    from medzip.archive.records import Failure, SeriesRecord

__all__ = [
    "Event",
    "Summary",
]


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
