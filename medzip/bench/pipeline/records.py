"""What the benchmark of the pipeline notes down: integers; ratios are derived from them."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os

__all__ = [
    "ALLOWED_SERIES_NS",
    "ALLOWED_VOXEL_NS",
    "FORMAT",
    "Alone",
    "Finding",
    "Overhead",
    "Pipeline",
    "Tiny",
    "Usage",
]

FORMAT = "medzip-pipeline/1"
ALLOWED_SERIES_NS = 300_000_000
"""CPU nanoseconds that a series may cost beside the codec, interpreters counted ..."""
ALLOWED_VOXEL_NS = 40
"""... and each of its voxels."""


@dataclass(frozen=True)
class Usage:
    """What a program used, with all of its descendants.

    Attributes
    ----------
    wall_ns : int
        From its start to its end.
    cpu_ns : int
        User and system time of all processes.
    peak_bytes : int
        Resident memory of the largest process; pages that it shares with others count.
    first_ns : int
        From its start until the first object lay in the archive; 0 if none did.
    """

    wall_ns: int
    cpu_ns: int
    peak_bytes: int
    first_ns: int = 0


@dataclass(frozen=True)
class Alone:
    """The codec alone: volumes in one process with one thread, CPU nanoseconds."""

    series: int
    voxels: int
    fit_ns: int
    encode_ns: int
    decode_ns: int

    @property
    def cpu_ns(self) -> int:
        """All of it; the command fits, encodes and decodes each volume once, too."""
        return self.fit_ns + self.encode_ns + self.decode_ns


@dataclass(frozen=True)
class Overhead:
    """A whole `medzip compress`, proof included, beside its codec alone.

    Attributes
    ----------
    profile : str
        Of both.
    workers : int
        Processes at work at a time.
    whole : Usage
        The command with all of its processes: the run whose CPU time is the median.
    alone : Alone
        The same voxels; the run whose CPU time is the median.
    """

    profile: str
    workers: int
    whole: Usage
    alone: Alone

    @property
    def ratio(self) -> float:
        """CPU time of the command over that of the codec."""
        return self.whole.cpu_ns / self.alone.cpu_ns

    @property
    def beside_ns(self) -> float:
        """CPU time beside the codec, a series."""
        return (self.whole.cpu_ns - self.alone.cpu_ns) / self.alone.series

    @property
    def allowed_ns(self) -> float:
        """What that may be: so much a series, and so much for each of its voxels."""
        return ALLOWED_SERIES_NS + ALLOWED_VOXEL_NS * self.alone.voxels / self.alone.series

    @property
    def series_ns(self) -> float:
        """What is left of it when each voxel has had its share."""
        return self.beside_ns - (self.allowed_ns - ALLOWED_SERIES_NS)

    @property
    def holds(self) -> bool:
        """Whether the command costs no more than it may."""
        return self.beside_ns <= self.allowed_ns


@dataclass(frozen=True)
class Finding:
    """Listing the objects of a folder and nothing else.

    Attributes
    ----------
    cohort : str
        What lies in the folder.
    files, objects : int
        How many were found.
    workers : int
        Processes that read headers.
    first_ns : int
        From the beginning until the first object, the start of those processes included.
    found_ns : int
        Of listing all of it once more, when files are in memory and workers are forks of a process
        that is there.
    whole : Usage
        Of both.
    """

    cohort: str
    files: int
    objects: int
    workers: int
    first_ns: int
    found_ns: int
    whole: Usage

    @property
    def rate(self) -> float:
        """Headers a second."""
        return 1e9 * self.files / self.found_ns


@dataclass(frozen=True)
class Tiny:
    """A whole `medzip compress` of very many series of one small slice.

    Attributes
    ----------
    series : int
        How many.
    profile, workers, whole
        As for `Overhead`.
    """

    series: int
    profile: str
    workers: int
    whole: Usage

    @property
    def series_ns(self) -> float:
        """CPU time a series."""
        return self.whole.cpu_ns / self.series


@dataclass(frozen=True)
class Pipeline:
    """Everything one run measured, and what it ran on.

    Attributes
    ----------
    date, commit, machine, versions
        As for :class:`medzip.bench.results.Results`.
    settings : dict
        rounds, of which the medians are; omp_num_threads, as it was set ("" if it was not);
        load_percent of the machine before, of one core.
    overheads, findings, tiny : tuple
        The figures.
    """

    date: str
    commit: str
    machine: dict[str, Any]
    versions: dict[str, str]
    settings: dict[str, Any]
    overheads: tuple[Overhead, ...] = ()
    findings: tuple[Finding, ...] = ()
    tiny: tuple[Tiny, ...] = ()

    def to_json(self) -> str:
        """Serialise canonically: sorted keys, a fixed layout that diffs line by line."""
        content = {"format": FORMAT, **dataclasses.asdict(self)}
        return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Pipeline:
        """Read what :meth:`to_json` wrote.

        Raises
        ------
        ValueError
            If it is of another format.
        """
        content = json.loads(text)
        found = content.pop("format", None) if isinstance(content, dict) else None
        if found != FORMAT:
            raise ValueError(
                f"expected results of format {FORMAT}, got {found}; run the benchmark again"
            )
        content["overheads"] = tuple(
            Overhead(**{**_used(one), "alone": Alone(**one["alone"])})
            for one in content["overheads"]
        )
        content["findings"] = tuple(Finding(**_used(one)) for one in content["findings"])
        content["tiny"] = tuple(Tiny(**_used(one)) for one in content["tiny"])
        return cls(**content)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Pipeline:
        """Read a results file."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a results file."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(self.to_json(), encoding="utf-8")


def _used(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "whole": Usage(**record["whole"])}
