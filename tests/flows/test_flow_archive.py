"""The whole flow on a real Dask cluster: archive, failure of one object, run again, privacy."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pydicom
import pytest
from medzip_flows.archive import archive_cohort
from medzip_flows.cluster import Where
from medzip_flows.running import IncompleteError
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.sorting import FlowRunSort

import medzip.cli
from medzip import archive as steps
from medzip.archive import Summary, Verdict, archive_lock, inspect, restore, scan, verify
from medzip.archive.line import Archiving
from medzip.bench.trees import differences
from medzip.report import read_report_rows

from .flow_command import flow_command

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

    from medzip.archive.line import Call


def run(cohort: Path, archive: Path, scheduler: str, **options: object) -> Summary:
    where = Where(scheduler=scheduler)
    return archive_cohort(str(cohort), str(archive), profile="fast", where=where, **options)


def objects(archive: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((archive / "objects").iterdir())}


def newest_run() -> FlowRun:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(limit=1, sort=FlowRunSort.EXPECTED_START_TIME_DESC)[0]


def task_states(run: FlowRun) -> dict[str, str]:
    """States of the task runs of a flow run, by name."""
    chosen = FlowRunFilter(id=FlowRunFilterId(any_=[run.id]))
    with get_client(sync_client=True) as client:
        runs = client.read_task_runs(flow_run_filter=chosen, limit=200)
    return {task_run.name: task_run.state_name for task_run in runs}


@dataclass(frozen=True)
class Archived:
    """A cohort archived once, for the tests that only look."""

    archive: Path
    report: Path
    run: FlowRun


@pytest.fixture(scope="module")
def archived(
    prefect_api: None, scheduler: str, cohort: Path, tmp_path_factory: pytest.TempPathFactory
) -> Archived:
    archive = tmp_path_factory.mktemp("archived") / "archive"
    run(cohort, archive, scheduler)
    return Archived(archive, archive.with_name("archive-report"), newest_run())


def test_every_byte_comes_back(archived: Archived, cohort: Path, tmp_path: Path) -> None:
    assert verify(archived.archive).ok
    restore(archived.archive, tmp_path / "restored")
    assert differences(cohort, tmp_path / "restored") == []
    assert not (archived.archive / "work").exists()


def test_runs_are_named_by_object_and_slab(archived: Archived) -> None:
    names = {record.name for record in inspect(archived.archive)}
    states = task_states(archived.run)
    runs = {name.split("-and-")[0].split("-slab-")[0] for name in states}
    assert {"scan", "publish", "report"} <= runs
    assert runs - {"scan", "publish", "report"} <= {
        f"{step}-{name}"
        for step in ("lot", "check", "stage", "fit", "encode", "seal", "prove", "compare")
        for name in names
    }
    assert set(states.values()) == {"Completed"}


def test_report_has_rows_and_a_page(archived: Archived) -> None:
    rows = read_report_rows(archived.report / "rows")
    assert len(rows.series) == len(inspect(archived.archive))
    assert {row["verdict"] for row in rows.series} == {"proven"}
    assert {row["codec"] for row in rows.peers} >= {"jpeg-xl-7", "jpeg-ls", "jpeg-2000"}
    assert "<html" in (archived.report / "report.html").read_text()


def test_neither_report_nor_prefect_holds_an_image(archived: Archived) -> None:
    assert read_report_rows(archived.report / "rows").pictures == ()
    said = b"".join(file.read_bytes() for file in archived.report.rglob("*") if file.is_file())
    with get_client(sync_client=True) as client:
        said += "".join(record.model_dump_json() for record in client.read_artifacts()).encode()
    for mark in (b"\x89PNG", b"\xff\xd8\xff", b"data:image", b"<img"):
        assert mark not in said


def test_artifacts_show_progress_and_a_table(archived: Archived) -> None:
    with get_client(sync_client=True) as client:
        artifacts = {artifact.key: artifact for artifact in client.read_artifacts()}
    assert artifacts["medzip-progress"].data == 100.0
    table = json.loads(artifacts["medzip-objects"].data)
    assert {row["object"] for row in table} == {r.name for r in inspect(archived.archive)}
    assert {row["verdict"] for row in table} == {"proven"}


def test_library_logs_reach_prefect(archived: Archived) -> None:
    with get_client(sync_client=True) as client:
        logs = client.read_logs()
    assert any(log.name.startswith("medzip") for log in logs)
    assert all(log.level < logging.WARNING for log in logs)


def test_nothing_in_prefect_or_in_the_report_names_a_patient(
    archived: Archived, cohort: Path
) -> None:
    # long enough not to turn up by chance in a picture's bytes
    secrets = {"DOE^JANE", "1970-01-01", "CT_small", "notes.txt", "/samples"}
    for path in cohort.rglob("*.dcm"):
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        for keyword in ("PatientName", "PatientID", "SeriesInstanceUID", "SOPInstanceUID"):
            secrets.add(str(dataset.get(keyword)))
    secrets = {secret for secret in secrets if len(secret) > 4}
    assert len(secrets) > 20
    with get_client(sync_client=True) as client:
        records = [
            *client.read_artifacts(),
            *client.read_logs(),
            *client.read_task_runs(limit=200),
            *client.read_flow_runs(),
        ]
    said = "".join(record.model_dump_json() for record in records)
    said += (archived.report / "report.html").read_text()
    for path in (archived.report / "rows").rglob("*.parquet"):
        said += path.read_bytes().decode("latin-1")
    assert [secret for secret in secrets if secret in said] == []


def test_pictures_come_when_they_are_asked_for(
    archived: Archived, cohort: Path, scheduler: str, home: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report"
    run(cohort, archived.archive, scheduler, report=str(report), compare=0, pictures=True)
    rows = read_report_rows(report / "rows")
    assert (len(rows.pictures), len(rows.peers)) == (2, 0), "of both phantoms, not of single slices"
    html = (report / "report.html").read_text()
    assert html.count("<img ") == 4
    assert "guard it as the images" in html


def test_a_second_run_finds_everything_proven(
    archived: Archived, cohort: Path, scheduler: str
) -> None:
    before = objects(archived.archive)
    summary = run(cohort, archived.archive, scheduler, compare=0)
    assert {record.verdict for record in summary.objects} == {Verdict.ALREADY_PROVEN}
    assert objects(archived.archive) == before


def test_one_failing_object_does_not_stop_the_others(
    home: Path, scheduler: str, cohort: Path, archived: Archived, tmp_path: Path
) -> None:
    archive = tmp_path / "archive"
    plans = sorted(scan([str(cohort)]).plans, key=lambda plan: plan.raw_bytes)
    victim = plans[-1]
    work = archive / "work"
    run(
        empty_folder(tmp_path), archive, scheduler, compare=0, allow_empty=True
    )  # so that it is an archive
    work.mkdir(exist_ok=True)
    (work / victim.key).write_text("a file where the step wants a folder")

    with pytest.raises(IncompleteError) as caught:
        run(cohort, archive, scheduler, compare=0)
    summary = caught.value.summary
    verdicts = {record.key: record.verdict for record in summary.objects}
    assert verdicts.pop(victim.key) is Verdict.FAILED
    assert set(verdicts.values()) == {Verdict.PROVEN}
    (failure,) = summary.failures
    assert (failure.name, failure.stage, failure.kind) == (victim.name, "stage", "OSError:EEXIST")
    assert str(cohort) not in str(caught.value)
    rows = read_report_rows(tmp_path / "archive-report" / "rows")
    assert [(row["series"], row["stage"]) for row in rows.failures] == [(victim.name, "stage")]
    states = task_states(newest_run())
    assert states[f"stage-{victim.name}"] == "Failed"
    assert newest_run().state_name == "Failed"

    (work / victim.key).unlink()
    assert run(cohort, archive, scheduler, compare=0).ok
    assert objects(archive) == objects(archived.archive)


def test_an_object_that_gets_lost_is_a_failure_of_the_run(
    home: Path,
    scheduler: str,
    cohort: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    real = Archiving.done
    dropped: list[str] = []

    def done(line: Archiving, call: Call, outcome: Any) -> list[Call]:
        following = real(line, call, outcome)
        if following and dropped in ([], [call.name]):
            dropped[:] = [call.name]
            return []
        return following

    monkeypatch.setattr(Archiving, "done", done)
    options = ["--profile", "fast", "--scheduler", scheduler, "--compare", "0", "--json"]
    assert flow_command("archive", cohort / "samples", tmp_path / "archive", *options) == 1
    assert newest_run().state_name == "Failed"
    said = capsys.readouterr()
    summary = json.loads(said.out)
    assert [(f["name"], f["kind"]) for f in summary["failures"]] == [(dropped[0], "lost")]
    (record,) = (r for r in summary["objects"] if r["verdict"] == "failed")
    assert record["key"].startswith(dropped[0])
    assert f"{dropped[0]}: expected a record or a failure of every object, got neither" in said.err


@pytest.fixture
def one_series(cohort: Path, tmp_path: Path) -> Path:
    """A single object."""
    return Path(shutil.copytree(cohort / "DOE^JANE" / "ct", tmp_path / "source"))


def test_what_an_earlier_run_coded_is_kept(
    home: Path, scheduler: str, tmp_path: Path, one_series: Path
) -> None:
    archive = tmp_path / "archive"
    (plan,) = scan([str(one_series)]).plans
    obstacle = archive / "objects" / f"{plan.key}.zip"
    run(empty_folder(tmp_path), archive, scheduler, compare=0, allow_empty=True)
    obstacle.mkdir(parents=True)
    with pytest.raises(IncompleteError) as caught:
        run(one_series, archive, scheduler, compare=0)
    assert caught.value.summary.failures[0].stage == "commit"
    obstacle.rmdir()
    shutil.rmtree(archive / "work" / plan.key / "raw")  # whoever codes again misses its voxels
    assert run(one_series, archive, scheduler, compare=0).ok
    assert verify(archive).ok


def test_a_broken_object_is_coded_again(
    home: Path, scheduler: str, tmp_path: Path, one_series: Path
) -> None:
    archive = tmp_path / "archive"
    (plan,) = scan([str(one_series)]).plans
    run(one_series, archive, scheduler, compare=0)
    before = objects(archive)
    path = archive / "objects" / f"{plan.key}.zip"
    path.write_bytes(b"x" + path.read_bytes()[1:])
    summary = run(one_series, archive, scheduler, compare=0)
    assert summary.objects[0].verdict is Verdict.PROVEN
    assert objects(archive) == before


def full_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "full"
    folder.mkdir()
    (folder / "file").touch()
    return folder


def empty_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder


def test_exit_codes_and_json(
    home: Path, scheduler: str, cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "archive"
    options = ["--profile", "fast", "--scheduler", scheduler, "--compare", "0", "--json"]
    assert flow_command("archive", str(cohort), str(archive), *options) == 0
    summary = json.loads(capsys.readouterr().out)
    assert {record["verdict"] for record in summary["objects"]} == {"proven"}
    assert summary["ok"] is True


@pytest.mark.parametrize(
    "arguments",
    [
        [".", "archive", "--workers", "0"],
        [".", "archive", "--cluster", "none.yaml"],
        [".", "archive", "--cluster", "a.yaml", "--scheduler", "tcp://a:1"],
        [".", "archive", "--scheduler", "tcp://a:1", "--workers", "2"],
        [".", "archive", "--profile", "best"],
    ],
)
def test_wrong_usage_is_exit_code_two(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert flow_command("archive", *arguments) == 2
    assert not (tmp_path / "archive").exists()


def test_a_missing_source_ends_as_in_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert flow_command("archive", "none", "archive") == 1
    assert "none: expected a file or folder, got nothing; check the path" in capsys.readouterr().err
    monkeypatch.setattr("sys.argv", ["medzip", "compress", "none", "archive"])
    with pytest.raises(SystemExit) as caught:
        medzip.cli.main()
    assert caught.value.code == 1
    assert "none: expected a file or folder, got nothing; check the path" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def said_to_prefect(run: FlowRun) -> str:
    with get_client(sync_client=True) as client:
        logs = client.read_logs()
    return run.state.model_dump_json() + "".join(log.model_dump_json() for log in logs)


def test_an_archive_inside_its_source_is_told_to_the_operator_alone(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "ROE^RICHARD"
    source.mkdir()
    assert flow_command("archive", str(source), str(source / "archive")) == 1
    assert f"({source}); name a folder outside" in capsys.readouterr().err
    run = newest_run()
    assert run.state_name == "Failed"
    assert "start of archive: ArchiveError" in run.state.message
    assert "ROE^RICHARD" not in said_to_prefect(run)


def test_a_source_without_a_file_is_told_to_the_operator_alone(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = tmp_path / "ROE^RICHARD"
    source.mkdir()
    assert flow_command("archive", str(source), str(tmp_path / "archive")) == 1
    assert f"{source}: expected files to compress, got none" in capsys.readouterr().err
    assert "ROE^RICHARD" not in said_to_prefect(newest_run())
    assert not (tmp_path / "archive").exists()


def test_an_archive_that_is_held_is_told_to_the_operator_alone(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    archive = tmp_path / "archive of POE^PAULA"
    with archive_lock(archive):
        assert flow_command("archive", str(full_folder(tmp_path)), str(archive)) == 1
    assert f"{archive}: expected to be the only run that writes" in capsys.readouterr().err
    assert "POE^PAULA" not in said_to_prefect(newest_run())


def test_a_disk_that_is_read_only_is_one_line(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read_only(archive: str) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), archive)

    source, archive = full_folder(tmp_path), tmp_path / "archive of POE^PAULA"
    monkeypatch.setattr(steps, "archive_lock", read_only)
    assert flow_command("archive", str(source), str(archive)) == 1
    line = f"error: {archive}: expected to start, got: Read-only file system; "
    assert line in capsys.readouterr().err
    run = newest_run()
    assert "start of archive: OSError:EROFS" in run.state.message
    assert "POE^PAULA" not in said_to_prefect(run)


def test_what_the_system_refuses_before_the_flow_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def flow(*arguments: object, **options: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "home")

    monkeypatch.setattr("medzip_flows.archive.archive_cohort", flow)
    assert flow_command("archive", str(full_folder(tmp_path)), str(tmp_path / "archive")) == 1
    assert capsys.readouterr().err.startswith("error: home: expected to start, got: Read-only")
