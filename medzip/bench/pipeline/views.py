"""The figures as tables of text, for documents and terminals alike: a column a record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from medzip.bench.pipeline.records import ALLOWED_SERIES_NS, ALLOWED_VOXEL_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medzip.bench.pipeline.records import Finding, Overhead, Pipeline, Tiny

__all__ = ["VIEWS", "View"]


@dataclass(frozen=True)
class View:
    """A table: the first cell of a row names what the others are, the head whose they are."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]


def _view(title: str, records: dict[str, Any], rows: dict[str, Callable[[Any], str]]) -> View:
    """A column a record; without rows if there is no record."""
    lines = [[name, *map(show, records.values())] for name, show in rows.items()]
    return View([title, *records], lines if records else [])


def _seconds(nanoseconds: float) -> str:
    return f"{nanoseconds / 1e9:.2f}"


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.0f}"


_OVERHEAD: dict[str, Callable[[Overhead], str]] = {
    "series": lambda one: f"{one.alone.series}",
    "M voxels": lambda one: f"{one.alone.voxels / 1e6:.2f}",
    "workers": lambda one: f"{one.workers}",
    "whole command, CPU s": lambda one: _seconds(one.whole.cpu_ns),
    "codec alone, CPU s": lambda one: _seconds(one.alone.cpu_ns),
    "of it fit, encode, decode": lambda one: ", ".join(
        map(_seconds, (one.alone.fit_ns, one.alone.encode_ns, one.alone.decode_ns))
    ),
    "command over codec": lambda one: f"{one.ratio:.2f}",
    "beside the codec, CPU s a series": lambda one: _seconds(one.beside_ns),
    f"less {ALLOWED_VOXEL_NS} ns a voxel": lambda one: _seconds(one.series_ns),
    f"of that {_seconds(ALLOWED_SERIES_NS)} allowed": lambda one: (
        "holds" if one.holds else "does not hold"
    ),
    "whole command, wall s": lambda one: _seconds(one.whole.wall_ns),
    "largest process, MB": lambda one: _megabytes(one.whole.peak_bytes),
}
_FINDING: dict[str, Callable[[Finding], str]] = {
    "files": lambda one: f"{one.files}",
    "objects": lambda one: f"{one.objects}",
    "workers": lambda one: f"{one.workers}",
    "headers/s": lambda one: f"{one.rate:.0f}",
    "until the first object, s": lambda one: _seconds(one.first_ns),
    "largest process, MB": lambda one: _megabytes(one.whole.peak_bytes),
}
_TINY: dict[str, Callable[[Tiny], str]] = {
    "profile": lambda one: one.profile,
    "workers": lambda one: f"{one.workers}",
    "wall s": lambda one: _seconds(one.whole.wall_ns),
    "until the first object, s": lambda one: _seconds(one.whole.first_ns),
    "CPU ms a series": lambda one: f"{one.series_ns / 1e6:.1f}",
    "largest process, MB": lambda one: _megabytes(one.whole.peak_bytes),
}


def _overhead(results: Pipeline) -> View:
    records = {one.profile: one for one in results.overheads}
    return _view("medzip compress", records, _OVERHEAD)


def _finding(results: Pipeline) -> View:
    records = {one.cohort: one for one in results.findings}
    return _view("finding alone, warm cache", records, _FINDING)


def _tiny(results: Pipeline) -> View:
    records = {f"{one.series} series": one for one in results.tiny}
    return _view("medzip compress, one 64 x 64 slice a series", records, _TINY)


VIEWS: dict[str, Callable[[Pipeline], View]] = {
    "overhead": _overhead,
    "finding": _finding,
    "tiny": _tiny,
}
"""What a region may ask for by name; without rows where it was not measured."""
