"""A training run: killed, it goes on and ends in the same model; what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from medzip.errors import ModelError, SourceError
from medzip.models import Registry, check_directory
from medzip.models.weights import read_network
from medzip.testing.cohorts import make_store
from medzip.training.checkpoint import read_checkpoint
from medzip.training.curves import Curves, Point, read_curves
from medzip.training.learning import CHECKPOINT, CURVES
from medzip.training.network import NetworkRun
from medzip.training.run import train

if TYPE_CHECKING:
    from medzip.training.store import SampleStore

RUN = NetworkRun(300, 256, device="cpu", checkpoint_every=70, evaluate_every=100)
ROOT = Path(__file__).parents[2]


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    return make_store(tmp_path_factory.mktemp("store") / "store", 6000)


@pytest.fixture(scope="module")
def undisturbed(store: SampleStore, tmp_path_factory: pytest.TempPathFactory):
    work = tmp_path_factory.mktemp("undisturbed")
    return work, train(store.folder, work / "models", work / "work", RUN)


def curve(path: Path) -> list[Point]:
    return [replace(point, seconds=0.0) for point in read_curves(path)]


def stop_at(step: int):
    def progress(point: Point) -> None:
        if point.step == step:
            raise StoppedError

    return progress


def test_training_learns_and_ends_in_a_sound_directory(undisturbed, tmp_path: Path) -> None:
    _, trained = undisturbed
    points = read_curves(trained.folder / "curves.jsonl")
    assert [point.step for point in points] == [50, 100, 150, 200, 250, 300]
    assert points[-1].loss < points[0].loss - 0.1
    assert [bool(point.bits) for point in points] == [False, True] * 3
    assert trained.folder.name == trained.digest == check_directory(trained.folder).digest
    about = json.loads((trained.folder / "training.json").read_text())
    assert about["held_out_bits"].keys() == {"s0", "s1", "s2"}
    # what is coded is what was learned: integers cost next to nothing
    for name, bits in points[-1].bits.items():
        assert trained.bits[name] == pytest.approx(bits, abs=0.02)
    assert Registry(tmp_path / "registry").publish(trained.folder).digest == trained.digest
    assert trained.digest in (trained.folder / "MODEL_CARD.md").read_text()


@pytest.mark.parametrize("step", [50, 150, 300])
def test_stopped_run_goes_on_to_the_same_model(
    store: SampleStore, undisturbed, tmp_path: Path, step: int
) -> None:
    before, expected = undisturbed
    with pytest.raises(StoppedError):
        train(store.folder, tmp_path / "models", tmp_path / "work", RUN, progress=stop_at(step))
    trained = train(store.folder, tmp_path / "models", tmp_path / "work", RUN)
    assert trained.resumed == step // 70 * 70
    assert trained.digest == expected.digest
    assert curve(tmp_path / "work" / CURVES) == curve(before / "work" / CURVES)


def test_killed_process_goes_on_to_the_same_model(
    store: SampleStore, undisturbed, tmp_path: Path
) -> None:
    _, expected = undisturbed
    program = (
        "import sys, time\n"
        "from medzip.training.network import NetworkRun\n"
        "from medzip.training.run import train\n"
        "run = NetworkRun(300, 256, device='cpu', checkpoint_every=70, evaluate_every=100)\n"
        "wait = lambda point: time.sleep(0.2)\n"
        "train(sys.argv[1], sys.argv[2], sys.argv[3], run, progress=wait)\n"
    )
    work = tmp_path / "work"
    command = [sys.executable, "-c", program, str(store.folder), str(tmp_path / "m"), str(work)]
    log = (tmp_path / "log").open("wb")
    with log, subprocess.Popen(command, cwd=ROOT, stderr=log) as process:
        while len(read_curves(work / CURVES)) < 3:
            assert process.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "m").exists()
    trained = train(store.folder, tmp_path / "m", work, RUN)
    assert 0 < trained.resumed < 300
    assert trained.digest == expected.digest


def test_portions_are_read_in_turn_and_taken_up_again(store: SampleStore, tmp_path: Path) -> None:
    small = replace(RUN, memory=200_000)
    straight = train(store.folder, tmp_path / "m", tmp_path / "a", small)
    with pytest.raises(StoppedError):
        train(store.folder, tmp_path / "n", tmp_path / "b", small, progress=stop_at(200))
    identity = small.learner(store, "cpu").identity
    saved = read_checkpoint(tmp_path / "b" / CHECKPOINT, identity)
    assert saved is not None
    assert saved.notes["place"]["epoch"] > 0
    again = train(store.folder, tmp_path / "n", tmp_path / "b", small)
    assert again.digest == straight.digest


def test_series_that_are_left_out_judge_and_teach_nothing(
    store: SampleStore, undisturbed, tmp_path: Path
) -> None:
    run = replace(RUN, leave_out=("s2",), steps=20)
    trained = train(store.folder, tmp_path / "m", tmp_path / "w", run)
    assert trained.bits.keys() == {"s0", "s1", "s2"}
    assert trained.voxels == sum(
        one.rows - one.held for one in store.sampled if one.about.name != "s2"
    )
    with pytest.raises(SourceError, match="leave out some series"):
        train(store.folder, tmp_path / "m", tmp_path / "w2", replace(run, leave_out=("nobody",)))


def test_going_on_from_a_model_shows_what_it_gave(
    store: SampleStore, undisturbed, tmp_path: Path
) -> None:
    _, first = undisturbed
    run = replace(RUN, start=str(first.folder), steps=40, rate=1e-4)
    trained = train(store.folder, tmp_path / "m", tmp_path / "w", run)
    assert trained.start_bits == pytest.approx(first.bits, abs=1e-5)
    assert read_network(trained.folder).architecture == read_network(first.folder).architecture
    with pytest.raises(SourceError, match="model of the store's form"):
        train(store.folder, tmp_path / "m", tmp_path / "v", replace(run, start="fast"))


def test_a_checkpoint_of_another_run_is_refused(store: SampleStore, tmp_path: Path) -> None:
    short = replace(RUN, steps=10)
    train(store.folder, tmp_path / "m", tmp_path / "w", short)
    with pytest.raises(ModelError, match="other settings"):
        train(
            store.folder,
            tmp_path / "m",
            tmp_path / "w",
            replace(short, rate=1e-3),
        )
    data = (tmp_path / "w" / CHECKPOINT).read_bytes()
    (tmp_path / "w" / CHECKPOINT).write_bytes(data[: len(data) // 2])
    with pytest.raises(ModelError, match="expected a checkpoint"):
        train(store.folder, tmp_path / "m", tmp_path / "w", short)


def test_two_runs_do_not_share_a_folder(store: SampleStore, tmp_path: Path) -> None:
    def other(point: Point) -> None:
        with pytest.raises(ModelError, match="only run"):
            train(store.folder, tmp_path / "m", tmp_path / "w", RUN)
        raise StoppedError

    with pytest.raises(StoppedError):
        train(store.folder, tmp_path / "m", tmp_path / "w", RUN, progress=other)


def test_curves_drop_what_a_kill_undid(tmp_path: Path) -> None:
    path = tmp_path / "curves.jsonl"
    points = [Point(step, 300, 1.0, 0.1, 1.0, {"a": 2.0}) for step in (50, 100, 150)]
    curves = Curves(path, 0)
    for point in points:
        curves.add(point)
    with path.open("ab") as file:
        file.write(b'{"step":200,"st')  # cut by a kill
    assert read_curves(path) == points
    assert Curves(path, 120).points == points[:2]
    assert read_curves(path) == points[:2]
    assert os.listdir(tmp_path) == ["curves.jsonl"]
