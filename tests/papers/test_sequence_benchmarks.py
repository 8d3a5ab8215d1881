"""The papers' benchmarks on phantoms: what is trained on what, figures, files, pages."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from typer.testing import CliRunner

from medzip.bench.phantom import ct_volume, mr_volume
from medzip.cli.papers import papers
from medzip.codec.slab import decode_slab, encode_slab
from medzip.errors import SourceError
from medzip.papers.benchmarks.coding import encode_all
from medzip.papers.benchmarks.cohort import choose_cohort, fold_of
from medzip.papers.benchmarks.collect import collect, write_rows
from medzip.papers.benchmarks.heat import heat_rows, write_pictures
from medzip.papers.benchmarks.measure import identity_of, run_job
from medzip.papers.benchmarks.others import run_others
from medzip.papers.benchmarks.plan import plan_jobs
from medzip.papers.benchmarks.published import PUBLISHED
from medzip.papers.benchmarks.records import JobResult, Row, VolumeInfo, read_job
from medzip.papers.benchmarks.reproduction import reproduction_page
from medzip.papers.benchmarks.results import Reproduction
from medzip.papers.benchmarks.sizes import SIZES
from medzip.papers.codec.model import read_sequence_model
from medzip.papers.codec.predicting import predict_slab
from medzip.papers.codec.shapes import SHAPES
from medzip.volumes import middle

ROOT = Path(__file__).parents[2]
SHAPE = "pyramid-5-3-1"
RESULTS = ROOT / "benchmarks" / "results" / "reproduction.json"


def tiny(shapes: tuple[str, ...] = (SHAPE,)):
    small = SIZES["small"]
    short = {"samples": 600, "epochs": 2, "hidden": (8,)}
    return small.with_(
        lstm=small.lstm.with_(**short),
        mlp=small.mlp.with_(**(short | {"hidden": (16,)})),
        extras=(),
        shapes=shapes,
        volumes=4,
        unseen=1,
        folds=2,
        crop=(3, 24, 24),
        timed=(2, 16, 16),
        sampled_shape=SHAPE,
        samplings=("random", "slice"),
        snapshots=(1, 2),
        peers=("jpeg-2000", "jpeg-ls", "lstm-compress"),
    )


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Products this small cost more in several threads, and much more on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    ct, mr = tmp_path_factory.mktemp("ct"), tmp_path_factory.mktemp("mr")
    for seed in range(4):
        np.save(ct / f"c{seed}.npy", ct_volume((5, 40, 40), seed=seed))
    np.save(mr / "m.npy", mr_volume((5, 40, 40), seed=9))
    return ct, mr


@pytest.fixture(scope="module")
def run(folders, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Reproduction]:
    """Both folds of one shape, and its timing, snapshots, peers."""
    size = tiny()
    cohort = choose_cohort(*folders, size)
    out = tmp_path_factory.mktemp("run")
    jobs = [job for job in plan_jobs(size) if job.key.startswith("lstm")]
    done = [run_job(job, cohort, size, out, "cpu", pictures=True) for job in jobs]
    others = [
        row
        for fold, part in (*enumerate(cohort.folds), (-1, cohort.unseen))
        for member in part
        for row in run_others(member, fold, size.peers)
    ]
    return out, collect(size, cohort, done, others)


def test_no_model_is_tested_on_what_it_learned(folders) -> None:
    size = tiny()
    cohort = choose_cohort(*folders, size)
    for fold, part in enumerate(cohort.folds):
        tested = {member.name for member in part}
        assert tested
        assert tested.isdisjoint(member.name for member in cohort.training(fold))
    assert sorted(member.name for member in cohort.members) == ["c0", "c1", "c2", "c3"]
    assert [member.name for member in cohort.unseen] == ["m"]


def test_folds_differ_by_one_at_most() -> None:
    for count in range(4, 20):
        sizes = np.bincount([fold_of(index, count, 4) for index in range(count)])
        assert sizes.max() - sizes.min() <= 1


def test_too_few_volumes_are_refused(folders) -> None:
    with pytest.raises(SourceError, match="5 CT volumes"):
        choose_cohort(*folders, tiny().with_(folds=5))


def test_crop_is_the_middle() -> None:
    voxels = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    assert np.array_equal(middle(voxels, 2, 9, 2), voxels[1:3, :, 2:4])


def test_plan_has_every_shape_scheme_and_fold_once() -> None:
    size = SIZES["full"]
    jobs = plan_jobs(size)
    assert len({job.key for job in jobs}) == len(jobs)
    assert len(jobs) == 2 * 29 * 4 + 2 * 4 + len(size.extras)
    assert sum(bool(job.snapshots) for job in jobs) == 5
    assert sum(4 in job.benchmarks for job in jobs) == 12
    assert {job.run.shape for job in jobs} == set(SHAPES)
    assert set(PUBLISHED) == set(SHAPES)


def test_small_size_leaves_out_long_cubes_only() -> None:
    left_out = set(SHAPES) - set(SIZES["small"].shapes)
    assert left_out == {f"cube-{n}{rows}" for n in (7, 9, 11) for rows in ("", "-rows")}


def test_both_back_ends_give_the_bytes_of_the_codec(folders, run) -> None:
    out, results = run
    model = read_sequence_model(out / "models" / results.jobs[0].key)
    voxels = np.load(folders[0] / "c0.npy")
    plain = type(model)(model.predictor, model.shape_name, "order0")
    data, residual = encode_all({"order0": plain, "conditional": model}, voxels)
    assert data == {"order0": encode_slab(voxels, plain), "conditional": encode_slab(voxels, model)}
    assert np.array_equal(decode_slab(data["conditional"], model), voxels)
    values = (voxels.astype(np.int64) - voxels.min()).astype(np.uint16)
    count = int(values.max()) + 1
    p = predict_slab(model.predictor, SHAPE, values, count)
    assert np.array_equal(residual, values - ((p + 8) >> 4))


def test_figures_of_a_run(run) -> None:
    _, results = run
    jobs = results.models("lstm")[SHAPE]
    assert [job.fold for job in jobs] == [0, 1]
    bits = results.bits(jobs, "order0")
    assert sorted(bits) == ["c0", "c1", "c2", "c3"]
    timed = [row for row in results.rows if row.benchmark == 3]
    assert len(timed) == 2
    assert all(row.lossless and row.encode_ns and row.decode_ns for row in timed)
    assert {row.epoch for row in results.rows if row.benchmark == 5} == {1, 2}
    assert set(results.bits(jobs, "conditional", unseen=True)) == {"m"}
    assert {job.sampling for job in results.jobs} == {"random", "slice"}
    assert all(abs(job.quantisation) < 0.01 for job in results.jobs)
    assert set(results.other_bits("jpeg-ls")) == set(bits)


def test_done_jobs_are_read_and_others_done_again(folders, run) -> None:
    out, results = run
    size = tiny()
    cohort = choose_cohort(*folders, size)
    job = next(job for job in plan_jobs(size) if job.key == results.jobs[0].key)
    path = out / "jobs" / f"{job.key}.json"
    before = path.stat().st_mtime_ns
    assert run_job(job, cohort, size, out, "cpu") == results.jobs[0]
    assert path.stat().st_mtime_ns == before
    other = dataclasses.replace(job, run=job.run.with_(rate=1e-3))
    assert read_job(path, identity_of(other, cohort, size)) is None
    assert list((out / "work").iterdir()) == []
    path.write_text("{")
    with pytest.raises(SourceError, match="remove the file"):
        read_job(path)
    path.unlink()
    again = run_job(job, cohort, size, out, "cpu")
    for mine, theirs in zip(again.rows, results.jobs[0].rows, strict=True):
        assert mine.encoded_bytes == theirs.encoded_bytes


def test_results_roundtrip(run, tmp_path: Path) -> None:
    _, results = run
    results.write(tmp_path / "r.json")
    back = Reproduction.read(tmp_path / "r.json")
    assert back.to_json() == results.to_json()
    assert back.jobs == results.jobs
    assert reproduction_page(back) == reproduction_page(results)
    with pytest.raises(SourceError, match="format"):
        Reproduction.from_json('{"format": "other"}')


def test_page_pictures_and_table(run, tmp_path: Path) -> None:
    out, results = run
    page = reproduction_page(results)
    for number in (1, 3, 4, 5, 6):
        assert f"## Benchmark {number}" in page
    assert "lstm-compress" in page.lower()
    written = {path.name for path in write_pictures(results, out)}
    assert {"benchmark-1-order0.svg", "benchmark-5.svg"} <= written
    assert not any(name.endswith(".png") for name in written), "slices are drawn when asked for"
    slices = {path.name for path in write_pictures(results, out, slices=True)} - written
    assert "residuals-lstm.png" in slices
    write_rows(results, tmp_path / "rows.parquet")
    table = pq.read_table(tmp_path / "rows.parquet")
    assert table.num_rows == len(results.rows)
    assert set(table["benchmark"].to_pylist()) == {1, 3, 4, 5, 6}


def figures(shape: str, *bits: int) -> JobResult:
    rows = tuple(
        Row("x", 1, f"v{i}", 0, "order0", 0, 800, 100 * each) for i, each in enumerate(bits)
    )
    name = f"lstm-{shape}-fold0"
    rows = tuple(dataclasses.replace(row, job=name) for row in rows)
    sizes = {"order0": 1, "conditional": 1}
    return JobResult(
        name, "", "lstm", shape, 5, (8,), "random", 0, 1, 1, 1.0, 1.0, sizes, 0.0, (), rows
    )


def test_heat_table_says_what_was_measured() -> None:
    about = tuple(VolumeInfo(f"v{i}", 0, (1, 20, 40), "int16", {}) for i in range(2))
    jobs = (figures("line-5", 4, 6), figures("cube-3", 3, 4), figures("cube-3-rows", 5, 5))
    results = Reproduction("", "", {}, {}, {}, about, jobs, ())
    assert heat_rows(results, 1) == [
        {"volume": "v0", "line-5": 4.0, "cube-3": 3.0},
        {"volume": "v1", "line-5": 6.0, "cube-3": 4.0},
        {"volume": "mean", "line-5": 5.0, "cube-3": 3.5},
    ]
    assert [row["cube-3-rows"] for row in heat_rows(results, 2)] == [5.0, 5.0, 5.0]
    assert heat_rows(results, 1, unseen=True) == []


def test_document_is_that_of_the_results(tmp_path: Path) -> None:
    document = ROOT / "docs" / "reproduction.md"
    assert document.read_text() == reproduction_page(Reproduction.read(RESULTS))
    page = ["page", str(RESULTS), str(tmp_path / "page.md")]
    assert CliRunner().invoke(papers, page).exit_code == 0
    assert (tmp_path / "page.md").read_text() == document.read_text()
    assert CliRunner().invoke(papers, [*page, "--check"]).exit_code == 0
    (tmp_path / "page.md").write_text("stale")
    assert CliRunner().invoke(papers, [*page, "--check"]).exit_code == 1
