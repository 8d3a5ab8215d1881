"""Results of a benchmark: integers on disk, ratios derived on reading."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.bench.peers import BASELINE
from medzip.bench.records import CodecInfo, Filled, Measurement, Scaling, SlabInfo, Startup
from medzip.training.reserved import learned

if TYPE_CHECKING:
    import os

__all__ = ["FORMAT", "Results"]

FORMAT = "medzip-bench/2"

#: What is read. The first format had no noise floor, scaling, start-up or impossible measurements.
_READ = ("medzip-bench/1", FORMAT)


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
        Versions of the packages that move bytes or speed.
    settings : dict
        slices, fit_cores, repeat; and peak_rss_bytes of the whole run.
    codecs, slabs, measurements : tuple
        What was asked for, what it was measured on, and the figures.
    scaling, startup : tuple
        Codecs in several processes, and fresh ones; empty unless asked for.
    skipped : dict
        Volumes that could not be read, and why.
    filled : tuple
        Measurements that are of later runs; empty as a run writes it.
    """

    date: str
    commit: str
    machine: dict[str, Any]
    versions: dict[str, str]
    settings: dict[str, Any]
    codecs: tuple[CodecInfo, ...]
    slabs: tuple[SlabInfo, ...]
    measurements: tuple[Measurement, ...]
    scaling: tuple[Scaling, ...] = ()
    startup: tuple[Startup, ...] = ()
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    filled: tuple[Filled, ...] = ()

    def find(self, slab: str, codec: str) -> Measurement | None:
        """Return a measurement, whether it counts or not; None if there is none."""
        for measurement in self.measurements:
            if (measurement.slab, measurement.codec) == (slab, codec):
                return measurement
        return None

    def get(self, slab: str, codec: str) -> Measurement | None:
        """Return a measurement that counts; None if there is none."""
        found = self.find(slab, codec)
        return found if found is not None and found.ok else None

    def saving(self, slab: str, codec: str, baseline: str = BASELINE) -> float | None:
        """Return the share by which a codec is smaller than the baseline; None if unknown."""
        figure, base = self.get(slab, codec), self.get(slab, baseline)
        if figure is None or base is None:
            return None
        return 1 - figure.encoded_bytes / base.encoded_bytes

    def savings(self, codec: str, baseline: str = BASELINE) -> list[float]:
        """Return the savings on those slabs that have one."""
        found = [self.saving(slab.name, codec, baseline) for slab in self.slabs]
        return [saving for saving in found if saving is not None]

    def without_learned(self) -> Results:
        """Return the same without slabs of studies that the shipped bases have learned from."""
        kept = tuple(slab for slab in self.slabs if not learned(slab.name))
        names = {slab.name for slab in kept}
        measured = tuple(m for m in self.measurements if m.slab in names)
        return dataclasses.replace(self, slabs=kept, measurements=measured)

    def mean_saving(self, codec: str, baseline: str = BASELINE) -> float | None:
        """Return the mean of the savings of each slab; None unless all slabs have one.

        Means over different slabs do not compare.
        """
        savings = self.savings(codec, baseline)
        return sum(savings) / len(savings) if savings and len(savings) == len(self.slabs) else None

    def rate(self, codec: str, what: str) -> float | None:
        """Return voxels per second over all slabs; `what` is fit, encode or decode."""
        found = [m for slab in self.slabs if (m := self.get(slab.name, codec)) is not None]
        nanoseconds = sum(getattr(m, f"{what}_ns") for m in found)
        return 1e9 * sum(m.voxels for m in found) / nanoseconds if nanoseconds else None

    def label(self, codec: str) -> str:
        """Return a codec's title."""
        return next((info.label for info in self.codecs if info.name == codec), codec)

    @property
    def ran(self) -> tuple[CodecInfo, ...]:
        """Codecs that could run."""
        return tuple(codec for codec in self.codecs if codec.available)

    @property
    def absent(self) -> tuple[CodecInfo, ...]:
        """Codecs that could not."""
        return tuple(codec for codec in self.codecs if not codec.available)

    @property
    def failures(self) -> tuple[Measurement, ...]:
        """Measurements that should count and do not."""
        return tuple(measurement for measurement in self.measurements if measurement.failed)

    @property
    def impossible(self) -> dict[tuple[str, str], list[str]]:
        """Slabs that a codec cannot take, by its name and the reason."""
        found: dict[tuple[str, str], list[str]] = {}
        for measurement in self.measurements:
            if measurement.impossible:
                key = (measurement.codec, measurement.impossible)
                found.setdefault(key, []).append(measurement.slab)
        return found

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
        """Read what :meth:`to_json` wrote, now or in the first format.

        Raises
        ------
        ValueError
            If it is of another format.
        """
        content = json.loads(text)
        found = content.pop("format", None) if isinstance(content, dict) else None
        if found not in _READ:
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
        content["scaling"] = tuple(Scaling(**item) for item in content.get("scaling", ()))
        content["startup"] = tuple(Startup(**item) for item in content.get("startup", ()))
        content["filled"] = tuple(Filled(**item) for item in content.get("filled", ()))
        return cls(**content)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Results:
        """Read a results file."""
        return cls.from_json(Path(path).read_text(encoding="utf-8"))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a results file."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(self.to_json(), encoding="utf-8")
