"""Results of a benchmark: integers on disk, ratios derived on reading."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from medzip.evaluation.peers import BASELINE
from medzip.report.schema import field

if TYPE_CHECKING:
    import os

__all__ = ["FORMAT", "CodecInfo", "Measurement", "Results", "SlabInfo"]

FORMAT = "medzip-bench/1"


@dataclass(frozen=True)
class CodecInfo:
    """A codec that was asked for; `reason` says why it did not run, where it did not."""

    name: str
    label: str
    version: str
    available: bool
    reason: str


@dataclass(frozen=True)
class SlabInfo:
    """A volume that was measured; `about` has origin and licence where known."""

    name: str
    shape: tuple[int, int, int]
    dtype: str
    about: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Measurement:
    """One codec on one volume.

    Attributes
    ----------
    voxels, raw_bytes, encoded_bytes : int
        What went in and what came out; all bytes counted.
    parts : tuple of (str, int)
        What the encoded bytes pay for; they sum to `encoded_bytes`.
    fit_ns, encode_ns, decode_ns : int
        Wall-clock nanoseconds, apart; fitting is 0 for codecs that fit nothing.
    lossless : bool
        Whether decoding gave the same voxels.
    error : str
        What went wrong; empty if nothing did.
    """

    slab: str
    codec: str
    voxels: int
    raw_bytes: int
    encoded_bytes: int
    parts: tuple[tuple[str, int], ...]
    fit_ns: int
    encode_ns: int
    decode_ns: int
    lossless: bool
    error: str

    @property
    def ok(self) -> bool:
        """Whether the figure counts."""
        return self.lossless and not self.error and self.voxels > 0

    @property
    def bpv(self) -> float:
        """Bits per voxel."""
        return 8 * self.encoded_bytes / self.voxels


_PARQUET = pa.schema(
    [
        field("date", pa.string(), "", "when the run began, UTC"),
        field("commit", pa.string(), "", "git commit of the code; + if it was changed"),
        field("cpu", pa.string(), "", "processor"),
        field("slab", pa.string(), "", "name of the volume"),
        field("codec", pa.string(), "", "name of the codec"),
        field("version", pa.string(), "", "implementation and its version"),
        field("voxels", pa.int64(), "voxel", "real voxels"),
        field("raw_bytes", pa.int64(), "byte", "voxels before"),
        field("encoded_bytes", pa.int64(), "byte", "all bytes after"),
        field("parts", pa.map_(pa.string(), pa.int64()), "byte", "what the bytes pay for"),
        field("fit_ns", pa.int64(), "ns", "fitting; 0 where there is none"),
        field("encode_ns", pa.int64(), "ns", "encoding, one core"),
        field("decode_ns", pa.int64(), "ns", "decoding, one core"),
        field("lossless", pa.bool_(), "", "whether decoding gave the same voxels"),
        field("error", pa.string(), "", "what went wrong"),
    ],
    metadata={"medzip.table": "bench", "medzip.bench": FORMAT},
)


@dataclass(frozen=True)
class Results:
    """Everything one run measured, and what it ran on.

    Attributes
    ----------
    date : str
        When it began, ISO 8601 in UTC.
    commit : str
        Git commit of the code, with "+" if the working tree differed; "" if unknown.
    machine : dict
        cpu, cores, memory_bytes, system, python.
    versions : dict
        Installed packages.
    settings : dict
        slices, fit_cores, repeat, peak_rss_bytes.
    """

    date: str
    commit: str
    machine: dict[str, Any]
    versions: dict[str, str]
    settings: dict[str, Any]
    codecs: tuple[CodecInfo, ...]
    slabs: tuple[SlabInfo, ...]
    measurements: tuple[Measurement, ...]

    def get(self, slab: str, codec: str) -> Measurement | None:
        """Return the figure of a codec on a slab, None where there is none that counts."""
        for found in self.measurements:
            if (found.slab, found.codec) == (slab, codec) and found.ok:
                return found
        return None

    def saving(self, slab: str, codec: str, baseline: str = BASELINE) -> float | None:
        """Return 1 - bytes / bytes of the baseline."""
        own, base = self.get(slab, codec), self.get(slab, baseline)
        return None if own is None or base is None else 1 - own.encoded_bytes / base.encoded_bytes

    def mean_saving(self, codec: str, baseline: str = BASELINE) -> float | None:
        """Return the mean of the savings of each slab; None unless all slabs have one."""
        savings = [self.saving(slab.name, codec, baseline) for slab in self.slabs]
        known = [saving for saving in savings if saving is not None]
        return sum(known) / len(known) if known and len(known) == len(savings) else None

    def rate(self, codec: str, what: str) -> float | None:
        """Return voxels per second over all slabs; `what` is fit, encode or decode."""
        found = [m for slab in self.slabs if (m := self.get(slab.name, codec)) is not None]
        nanoseconds = sum(getattr(m, f"{what}_ns") for m in found)
        return 1e9 * sum(m.voxels for m in found) / nanoseconds if nanoseconds else None

    @property
    def ran(self) -> tuple[CodecInfo, ...]:
        """Codecs that could run."""
        return tuple(codec for codec in self.codecs if codec.available)

    @property
    def failures(self) -> tuple[Measurement, ...]:
        """Measurements that do not count."""
        return tuple(measurement for measurement in self.measurements if not measurement.ok)

    def to_json(self) -> str:
        """Serialise canonically: sorted keys, a fixed layout that diffs line by line."""
        content = {"format": FORMAT, **dataclasses.asdict(self)}
        for key in ("slabs", "measurements"):
            for item in content[key]:
                name = "about" if key == "slabs" else "parts"
                item[name] = dict(item[name])
        return json.dumps(content, sort_keys=True, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Results:
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
        content["codecs"] = tuple(CodecInfo(**item) for item in content["codecs"])
        content["slabs"] = tuple(
            SlabInfo(
                **{
                    **item,
                    "shape": tuple(item["shape"]),
                    "about": tuple(sorted(item["about"].items())),
                }
            )
            for item in content["slabs"]
        )
        content["measurements"] = tuple(
            Measurement(**{**item, "parts": tuple(sorted(item["parts"].items()))})
            for item in content["measurements"]
        )
        return cls(**content)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Results:
        """Read a results file."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a results file."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(self.to_json(), encoding="utf-8")

    def write_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write one row a codec and slab."""
        versions = {codec.name: codec.version for codec in self.codecs}
        rows = [
            {
                **dataclasses.asdict(measurement),
                "parts": dict(measurement.parts),
                "date": self.date,
                "commit": self.commit,
                "cpu": self.machine["cpu"],
                "version": versions[measurement.codec],
            }
            for measurement in self.measurements
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema=_PARQUET), path, compression="zstd")
