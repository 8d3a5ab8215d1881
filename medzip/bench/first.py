"""What a first screen shows of results: a few codecs, how small, how fast, and what that costs.

A megabyte is 10^6 bytes of stored voxels. Core-hours are those of archiving: fitting, encoding, and
decoding once as the proof.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from medzip.bench.cells import MARK, cell, interval, markdown_table, percent
from medzip.bench.intervals import mean_interval
from medzip.bench.peers import BASELINE
from medzip.training.reserved import learned

if TYPE_CHECKING:
    from medzip.bench.records import Measurement
    from medzip.bench.results import Results

__all__ = ["core_hours", "first_screen"]

SHOWN = ("jpeg-ls", "jpeg-xl-7", "medzip-fast", "medzip-default", "medzip-max")
TERABYTE = 10**12
LONG = 300
"""Slices of a series whose fit, which takes the same time for any length, is spread over more."""
_NS_AN_HOUR = 3600 * 10**9


def core_hours(measured: list[Measurement], cores: int, times: float = 1.0) -> float:
    """Core-hours to archive a terabyte: fit, encode, decode.

    Parameters
    ----------
    measured
        One codec on several volumes.
    cores
        How many cores fitting had.
    times
        How much longer all volumes are thought to be; a fit takes no longer for it.
    """
    fit = cores * sum(m.fit_ns for m in measured)
    code = times * sum(m.encode_ns + m.decode_ns for m in measured)
    raw = times * sum(m.raw_bytes for m in measured)
    return (fit + code) / raw * TERABYTE / _NS_AN_HOUR


def first_screen(results: Results) -> str:
    """A row for each of a few codecs; below it what the table cannot say."""
    cores = int(results.settings["fit_cores"])
    rows, long = [], []
    for codec in (one for one in results.ran if one.name in SHOWN):
        found = [results.get(slab.name, codec.name) for slab in results.slabs]
        measured = [one for one in found if one is not None]
        if len(measured) < len(results.slabs):
            continue
        raw = sum(m.raw_bytes for m in measured)
        fit = cores * sum(m.fit_ns for m in measured)
        share = sum(m.encoded_bytes / m.raw_bytes for m in measured) / len(measured)
        rows.append(
            [
                codec.label,
                percent(share),
                _smaller(results, codec.name),
                cell(1e3 * raw / (fit + sum(m.encode_ns for m in measured)), "{:.3g}"),
                cell(1e3 * raw / sum(m.decode_ns for m in measured), "{:.3g}"),
                f"{core_hours(measured, cores):,.0f}",
            ]
        )
        deep = [m for m, slab in zip(measured, results.slabs, strict=True) if slab.shape[0] < LONG]
        if fit and len(deep) == len(results.slabs):
            hours = sum(
                core_hours([m], cores, LONG / slab.shape[0]) * m.raw_bytes
                for m, slab in zip(measured, results.slabs, strict=True)
            )
            long.append(f"{hours / raw:,.0f} core-hours with {codec.label}")
    table = markdown_table(
        [
            "one core, mean of all slabs",
            "of the stored bytes",
            f"smaller than {results.label(BASELINE)} (95 % interval)",
            "encode with fit, MB/s",
            "decode, MB/s",
            "1 TB takes, core-hours",
        ],
        rows,
    )
    return "\n\n".join(part for part in (table, *_notes(results, long)) if part)


def _smaller(results: Results, codec: str) -> str:
    """Mean saving, its interval, and the mean without marked slabs."""
    if codec == BASELINE:
        return "0"
    savings = results.savings(codec)
    text = f"{percent(results.mean_saving(codec))} ({interval(*mean_interval(savings))})"
    rest = results.without_learned()
    if len(rest.slabs) == len(results.slabs):
        return text
    return f"{text}; {percent(rest.mean_saving(codec))} {MARK}"


def _notes(results: Results, long: list[str]) -> list[str]:
    """What is behind the figures, a paragraph each."""
    slices = {slab.shape[0] for slab in results.slabs}
    marked = [slab.name for slab in results.slabs if learned(slab.name)]
    about = (
        f"{len(results.slabs)} volumes of {'/'.join(map(str, sorted(slices)))} slices; core-hours "
        "are those of fitting, encoding, and decoding once as proof. "
        f"{results.date[:10]}, commit {results.commit[:12] or 'unknown'}, {results.machine['cpu']}."
    )
    if long:
        about += (
            " A fit takes the same time however long a series is: computed from the same figures, "
            f"1 TB in series of {LONG} slices takes {', '.join(long)}."
        )
    notes = [about]
    if marked:
        notes.append(
            f"{MARK} without {', '.join(marked)}: the shipped models have learned from another "
            "series of its study."
        )
    return notes
