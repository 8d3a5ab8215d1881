"""What a whole command costs beside its codec: what is counted, and what comes of the figures."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pydicom
import pytest
from typer.testing import CliRunner

from medzip.archive import scan
from medzip.bench import tables
from medzip.bench.peers.programs import ProgramError
from medzip.bench.pipeline.cohorts import FOLDER, TINY, write_tiny
from medzip.bench.pipeline.measuring import measure
from medzip.bench.pipeline.records import Alone, Finding, Overhead, Pipeline, Tiny, Usage
from medzip.bench.pipeline.running import Plan, run_pipeline
from medzip.bench.pipeline.showing import PARTS, markdown
from medzip.cli import app

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000
USAGE = Usage(wall_ns=9 * SECOND, cpu_ns=16 * SECOND, peak_bytes=300_000_000, first_ns=SECOND)
ALONE = Alone(
    series=8,
    voxels=8 * 5_000_000,
    fit_ns=2 * SECOND,
    encode_ns=4 * SECOND,
    decode_ns=6 * SECOND,
)
OVERHEAD = Overhead("fast", 2, USAGE, ALONE)
RESULTS = Pipeline(
    date="2026-01-02T03:04:05Z",
    commit="abc",
    machine={"cpu": "a processor", "cores": 2},
    versions={"numpy": "2"},
    settings={"rounds": 3, "omp_num_threads": "", "load_percent": 12},
    overheads=(OVERHEAD,),
    findings=(Finding("series", 160, 8, 2, 2 * SECOND, SECOND // 2, USAGE),),
    tiny=(Tiny(1000, "fast", 2, USAGE),),
)

BURN = 0.4  # s
BURNING = f"""
import time

held = bytearray(150_000_000)
while time.process_time() < {BURN}:
    pass
"""


def test_what_is_beside_the_codec() -> None:
    assert ALONE.cpu_ns == 12 * SECOND
    assert OVERHEAD.ratio == pytest.approx(16 / 12)
    assert OVERHEAD.beside_ns == SECOND / 2
    assert OVERHEAD.allowed_ns == SECOND / 2  # 0.3 s, and 5 million times 40 ns
    assert OVERHEAD.series_ns == pytest.approx(0.3 * SECOND)
    assert OVERHEAD.holds
    whole = dataclasses.replace(USAGE, cpu_ns=USAGE.cpu_ns + 8)
    assert not dataclasses.replace(OVERHEAD, whole=whole).holds


def test_what_a_file_and_a_series_take() -> None:
    assert RESULTS.findings[0].rate == 320
    assert RESULTS.tiny[0].series_ns == 16_000_000


def test_processes_of_processes_are_counted() -> None:
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURNING!r}])"
    usage, said = measure([sys.executable, "-c", f"print('said'); {child}"])
    assert said == b"said\n"
    assert usage.cpu_ns >= BURN * SECOND
    assert usage.peak_bytes >= 150_000_000


@pytest.mark.skipif(sys.platform != "linux", reason="orphans come back on Linux alone")
def test_processes_that_nobody_waits_for_are_counted() -> None:
    child = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {BURNING!r}])"
    usage, _ = measure([sys.executable, "-c", child])
    assert usage.cpu_ns >= BURN * SECOND


def test_the_first_object_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "objects"
    script = f"""
import pathlib, time
folder = pathlib.Path({str(folder)!r})
time.sleep(0.1)
folder.mkdir()
(folder / "a.zip.sha256").touch()
time.sleep(0.1)
(folder / "a.zip").touch()
time.sleep(0.3)
"""
    usage, _ = measure([sys.executable, "-c", script], watched=folder)
    assert 0.2 * SECOND < usage.first_ns < usage.wall_ns
    assert measure([sys.executable, "-c", ""], watched=tmp_path / "none")[0].first_ns == 0


def test_a_program_that_fails_says_so() -> None:
    with pytest.raises(ProgramError, match=r"got 3 .*so it goes"):
        measure([sys.executable, "-c", "import sys; print('so it goes', file=sys.stderr); exit(3)"])


def test_the_counter_adds_no_memory_of_its_own() -> None:
    # On Linux what a process held counts for those that it starts.
    script = "import sys, medzip.bench.pipeline.counter; print('numpy' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", script]) == b"False\n"


def test_tiny_series(tmp_path: Path) -> None:
    count = FOLDER + 3
    write_tiny(tmp_path, count)
    folders = sorted(tmp_path.iterdir())
    assert [len(list(folder.iterdir())) for folder in folders] == [FOLDER, 3]
    plans = scan([tmp_path]).plans
    assert len(plans) == count
    assert {plan.stacks[0].shape for plan in plans} == {(1, *TINY)}
    headers = [pydicom.dcmread(plan.files[0].source) for plan in plans]
    for of in ("SeriesInstanceUID", "SOPInstanceUID", "PixelData"):
        assert len({header[of].value for header in headers}) == count
    for header in headers:
        assert header.file_meta.MediaStorageSOPInstanceUID == header.SOPInstanceUID


def test_a_cohort_goes_through_all_of_it() -> None:
    told: list[tuple[str, str]] = []
    plan = Plan(("fast",), workers=1, series=2, shape=(3, 16, 16), rounds=1, warm=False)
    found = run_pipeline(plan, lambda what, which: told.append((what, which)))
    (overhead,) = found.overheads
    assert (overhead.profile, overhead.workers) == ("fast", 1)
    assert (overhead.alone.series, overhead.alone.voxels) == (2, 2 * 3 * 16 * 16)
    assert overhead.alone.cpu_ns > 0
    assert overhead.whole.cpu_ns > 0
    assert [(one.cohort, one.files, one.objects) for one in found.findings] == [("series", 6, 2)]
    assert 0 < found.findings[0].found_ns < found.findings[0].whole.wall_ns
    assert found.tiny == ()
    assert told == [
        ("cohort", "2 series"),
        ("fast", "compress 1 of 1"),
        ("fast", "codec alone 1 of 1"),
        ("cohort", "finding"),
    ]
    assert Pipeline.from_json(found.to_json()) == found


def test_tiny_series_go_through_the_command() -> None:
    found = run_pipeline(Plan((), workers=1, tiny=2, warm=False))
    (tiny,) = found.tiny
    assert (tiny.series, tiny.profile) == (2, "fast")
    assert 0 < tiny.whole.first_ns < tiny.whole.wall_ns
    assert [(one.files, one.objects) for one in found.findings] == [(2, 2)]
    assert found.overheads == ()


def test_results_are_read_again(tmp_path: Path) -> None:
    path = tmp_path / "pipeline.json"
    RESULTS.write(path)
    assert Pipeline.read(path) == RESULTS
    assert tables.read(path) == RESULTS
    assert json.loads(path.read_text())["format"] == "medzip-pipeline/1"
    with pytest.raises(ValueError, match="expected results of format medzip-pipeline/1"):
        Pipeline.from_json('{"format": "medzip-bench/2"}')


def test_a_document_gets_its_tables(tmp_path: Path) -> None:
    RESULTS.write(tmp_path / "pipeline.json")
    document = tmp_path / "page.md"
    document.write_text("<!-- bench: pipeline.json overhead -->\n<!-- bench: end -->\n")
    tables.update(document)
    assert tables.is_current(document)
    assert "| command over codec | 1.33 |" in document.read_text()


def test_parts_are_what_was_measured() -> None:
    whole = markdown(RESULTS)
    for part in PARTS:
        assert markdown(RESULTS, part).strip() in whole
    alone = dataclasses.replace(RESULTS, overheads=(), findings=())
    assert "finding alone" not in markdown(alone)
    assert "Allowed" not in markdown(alone)
    with pytest.raises(ValueError, match="expected one of overhead, finding, tiny, how"):
        markdown(RESULTS, "savings")


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["--pipeline", "--scaling", "zstd"], "--scaling"),
        (["--pipeline", "--startup"], "--startup"),
        (["--pipeline", "--profiles", "fast,other"], "other"),
        (["--tiny", "3", "--data", "."], "--data"),
        (["--profiles", "fast"], "--profiles"),
    ],
)
def test_options_that_would_change_nothing_are_refused(arguments: list[str], wrong: str) -> None:
    done = CliRunner().invoke(app, ["bench", *arguments])
    assert done.exit_code == 2
    assert wrong in done.output


def test_help_names_it() -> None:
    done = CliRunner().invoke(app, ["bench", "--help"], env={"COLUMNS": "200"})
    for name in ("--pipeline", "--profiles", "--tiny"):
        assert name in done.output
