"""All figures of a run in one file: what docs/reproduction.md is made from."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from medzip.atomic import write_atomic
from medzip.errors import SourceError
from medzip.papers.benchmarks.records import FORMAT, JobResult, Row, VolumeInfo

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

__all__ = ["Reproduction"]


@dataclass(frozen=True)
class Reproduction:
    """One run of the benchmarks.

    Attributes
    ----------
    date, commit
        When it ended, of which code.
    machine, versions
        What it ran on.
    size
        The `BenchmarkSize` as JSON has it.
    volumes
        What was coded.
    jobs
        Models and their figures.
    others
        Rows of benchmark 6.
    """

    date: str
    commit: str
    machine: dict[str, Any]
    versions: dict[str, str]
    size: dict[str, Any]
    volumes: tuple[VolumeInfo, ...]
    jobs: tuple[JobResult, ...]
    others: tuple[Row, ...]

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows of all models and codecs."""
        return tuple(row for job in self.jobs for row in job.rows) + self.others

    def volume_names(self, *, unseen: bool) -> list[str]:
        """Names of the CT volumes, or of the unseen ones, in the order of the tables."""
        return [v.name for v in self.volumes if (v.fold < 0) == unseen]

    def models(self, kind: str, sampling: str = "random") -> dict[str, list[JobResult]]:
        """Jobs of the shapes' models of a kind, by shape; runs beyond the papers are no part."""
        found: dict[str, list[JobResult]] = {}
        for job in self.jobs:
            plain = job.key.startswith(f"{kind}-") and job.sampling == sampling
            if plain and not any(row.benchmark == 0 for row in job.rows):
                found.setdefault(job.shape, []).append(job)
        return found

    def bits(
        self, jobs: Iterable[JobResult], backend: str, *, unseen: bool = False
    ) -> dict[str, float]:
        """Bits a voxel by volume: of the one model that did not see it, or the mean over folds."""
        names = set(self.volume_names(unseen=unseen))
        found: dict[str, list[float]] = {}
        for job in jobs:
            first = min((row.benchmark for row in job.rows if row.benchmark != 3), default=-1)
            for row in job.rows:
                if row.backend == backend and row.volume in names and row.benchmark == first:
                    found.setdefault(row.volume, []).append(row.bits)
        return {name: fmean(values) for name, values in found.items()}

    def other_bits(self, codec: str, *, unseen: bool = False) -> dict[str, float]:
        """Bits a voxel of another codec by volume, where it has a figure."""
        names = set(self.volume_names(unseen=unseen))
        return {
            row.volume: row.bits
            for row in self.others
            if row.job == codec and row.volume in names and row.encoded_bytes
        }

    def to_json(self) -> str:
        """Sorted keys, one row a line, so that it can be read and compared."""
        content = dataclasses.asdict(self) | {"format": FORMAT}
        jobs = [job.to_dict() for job in self.jobs]
        rows = [row for job in jobs for row in job.pop("rows")]
        tables = {"jobs": jobs, "rows": rows, "others": content.pop("others")}
        del content["jobs"]
        head = json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False)[:-2]
        parts = [head]
        for name, items in tables.items():
            lines = [json.dumps(item, sort_keys=True, ensure_ascii=False) for item in items]
            parts.append(f'"{name}": [\n' + ",\n".join(lines) + "\n]")
        return ",\n".join(parts) + "\n}\n"

    @classmethod
    def from_json(cls, text: str) -> Reproduction:
        """The inverse of `to_json`.

        Raises
        ------
        SourceError
            It is of another format.
        """
        content = json.loads(text)
        found = content.pop("format", None) if isinstance(content, dict) else None
        if found != FORMAT:
            raise SourceError(
                f"expected results of format {FORMAT}, got {found}; run the benchmarks again"
            )
        rows: dict[str, list[dict[str, Any]]] = {}
        for row in content.pop("rows"):
            rows.setdefault(row["job"], []).append(row)
        content["jobs"] = tuple(
            JobResult.from_dict(job | {"rows": rows.get(job["key"], [])}) for job in content["jobs"]
        )
        content["others"] = tuple(Row(**row) for row in content["others"])
        content["volumes"] = tuple(
            VolumeInfo(**(item | {"shape": tuple(item["shape"])})) for item in content["volumes"]
        )
        return cls(**content)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Reproduction:
        """Read a results file."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a results file, whole or not at all."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_atomic(Path(path), self.to_json().encode())
