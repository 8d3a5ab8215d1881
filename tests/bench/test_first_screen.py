"""The first table of README.md, means and their intervals, and results that fill each other in."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from medzip.bench.filling import filled
from medzip.bench.first import core_hours, first_screen
from medzip.bench.intervals import mean_interval
from medzip.bench.parts import PARTS
from medzip.bench.records import CodecInfo, Measurement, SlabInfo
from medzip.bench.results import Results
from medzip.bench.tables import is_current, update

if TYPE_CHECKING:
    from pathlib import Path

MARKED = "head-phantom-ct-1mm"


def measurement(slab: str, codec: str, size: int, **more: object) -> Measurement:
    values = {
        "voxels": 500,
        "raw_bytes": 1000,
        "parts": (),
        "fit_ns": 0,
        "encode_ns": 1_000_000,
        "decode_ns": 500_000,
        "lossless": True,
        "error": "",
    }
    return Measurement(slab=slab, codec=codec, encoded_bytes=size, **(values | more))


@pytest.fixture
def results() -> Results:
    codecs = ("jpeg-xl-7", "medzip-default")
    sizes = {"a": (500, 450), "b": (500, 400), MARKED: (500, 300)}
    fit = {"fit_ns": 9_000_000}
    return Results(
        date="2026-01-02T03:04:05Z",
        commit="abc",
        machine={"cpu": "a CPU"},
        versions={},
        settings={"slices": None, "fit_cores": 1},
        codecs=tuple(CodecInfo(name, name, "1", True, "") for name in codecs),
        slabs=tuple(SlabInfo(name, (5, 10, 10), "int16", ()) for name in sizes),
        measurements=tuple(
            measurement(slab, codec, size, **(fit if codec == "medzip-default" else {}))
            for slab, both in sizes.items()
            for codec, size in zip(codecs, both, strict=True)
        ),
    )


def test_first_screen_has_sizes_speeds_with_fit_and_hours(results: Results) -> None:
    text = first_screen(results)
    low, high = mean_interval([0.1, 0.2, 0.4])
    saving = f"23.3 % ({100 * low:.1f} to {100 * high:.1f}); 15.0 % †"
    # 3000 bytes in 30 ms with the fit; 31.5 ms for all, so 10^12 bytes take 2917 hours
    assert f"| medzip-default | 38.3 % | {saving} | 0.1 | 2 | 2,917 |" in text
    assert "| jpeg-xl-7 | 50.0 % | 0 | 1 | 2 | 417 |" in text
    # 60 times the slices, one fit: (9 + 60 * 1.5) ms for 60,000 bytes
    assert "in series of 300 slices takes 458 core-hours with medzip-default." in text
    assert f"† without {MARKED}" in text
    assert "commit abc" in text


def test_a_fit_counts_on_all_its_cores(results: Results) -> None:
    measured = [m for m in results.measurements if m.codec == "medzip-default"]
    assert core_hours(measured, 2) > core_hours(measured, 1) > core_hours(measured, 1, 60)


def test_a_codec_that_lacks_a_slab_is_no_row(results: Results) -> None:
    fewer = dataclasses.replace(results, measurements=results.measurements[:-1])
    assert "| medzip-default" not in first_screen(fewer)


@pytest.mark.parametrize("part", ["bits", "savings", "how"])
def test_means_are_given_with_and_without_what_was_learned(part: str, results: Results) -> None:
    text = PARTS[part](results)
    assert "†" in text
    if part == "how":
        assert f"same study and scanner as {MARKED}" in text
    else:
        assert f"{MARKED} †" in text
        assert "23.3 %" in text
        assert "15.0 %" in text


def test_interval_of_a_mean() -> None:
    values = [0.085, 0.121, 0.125, 0.121, 0.257, 0.116, 0.241]
    low, high = mean_interval(values)
    assert (low, high) == mean_interval(values)
    assert min(values) < low < sum(values) / 7 < high < max(values)
    # near the normal approximation, 1.96 standard errors each way
    assert high - low == pytest.approx(2 * 1.96 * 0.0625 / 7**0.5, rel=0.1)


def test_a_later_run_fills_in_what_failed(results: Results) -> None:
    broken = measurement("b", "medzip-default", 1, lossless=False, error="cut short")
    kept = [m for m in results.measurements if (m.slab, m.codec) != ("b", "medzip-default")]
    first = dataclasses.replace(results, measurements=(*kept, broken))
    again = dataclasses.replace(
        results,
        date="2026-02-03T00:00:00Z",
        commit="def",
        measurements=tuple(dataclasses.replace(m, encoded_bytes=7) for m in results.measurements),
    )
    both = filled(first, again)
    assert both.get("b", "medzip-default").encoded_bytes == 7
    assert both.get("a", "medzip-default").encoded_bytes == 450
    assert [(one.slab, one.codec) for one in both.filled] == [("b", "medzip-default")]
    assert "medzip-default on b is of a later run, 2026-02-03, commit def." in PARTS["how"](both)
    assert Results.from_json(both.to_json()) == both
    assert filled(results) == results


def test_other_voxels_do_not_fill_in(results: Results) -> None:
    other = dataclasses.replace(results, slabs=(SlabInfo("a", (9, 9, 9), "int16", ()),))
    with pytest.raises(ValueError, match="on the same data"):
        filled(results, other)


def test_sources_with_a_plus_are_one(results: Results, tmp_path: Path) -> None:
    results.write(tmp_path / "x.json")
    dataclasses.replace(results, measurements=()).write(tmp_path / "y.json")
    page = tmp_path / "page.md"
    page.write_text("<!-- bench: y.json+x.json first -->\n<!-- bench: end -->\n")
    update(page)
    assert "| medzip-default | 38.3 % |" in page.read_text()
    assert is_current(page)
