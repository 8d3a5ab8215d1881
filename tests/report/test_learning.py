"""Pages of a sample store and of a trained model, and where the lines of a curve lie."""

from __future__ import annotations

import html.parser
import json
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

from medzip.bench.phantom import ct_volume
from medzip.codec.plain.network import Architecture
from medzip.errors import ModelError
from medzip.report import render_sampling, render_training
from medzip.report.lines import line_chart
from medzip.training.inputs import InputsForm
from medzip.training.network import NetworkRun
from medzip.training.run import train
from medzip.training.store import SampleStore
from medzip.training.writing import write_series
from medzip.volumes.about import SeriesAbout

if TYPE_CHECKING:
    from pathlib import Path

FORM = InputsForm("tiny", Architecture((10, 2), 16, 12, 8, (16, 16), (4, 5)))
NAME = "a <b> & c"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> SampleStore:
    voxels = ct_volume((6, 48, 48), seed=0)
    about = SeriesAbout(NAME, "ab" * 32, voxels.size, "CT", "Maker & Sons", "<soft>", "0.7")
    store = SampleStore.plan(tmp_path_factory.mktemp("s") / "store", FORM, [about], 3000)
    write_series(store, about.key, voxels)
    return SampleStore.open(store.folder)


class Checker(html.parser.HTMLParser):
    """Every tag that is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "line", "br", "p", "li"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("p", "li"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def read(path: Path) -> Checker:
    text = path.read_text()
    assert "http" not in text, "nothing is loaded from elsewhere"
    assert "<img" not in text
    assert "data:image" not in text, "no picture, and so nobody's"
    assert text.count("<table") == text.count("<caption>") == text.count('role="region"') >= 1
    assert text.count("<svg") == text.count("<desc>")
    checker = Checker()
    checker.feed(text)
    assert checker.open == []
    return checker


def test_page_of_samples_has_strata_and_series(store: SampleStore, tmp_path: Path) -> None:
    page = read(render_sampling(store.folder, tmp_path / "new" / "sampling.html"))
    assert {NAME, "Maker & Sons", "<soft>", "3,000", store.digest} <= set(page.texts)
    assert "The store beside it holds voxels: guard it as the images." in " ".join(page.texts)


def test_page_of_a_model_has_curves_and_bits(store: SampleStore, tmp_path: Path) -> None:
    run = NetworkRun(60, 128, device="cpu", evaluate_every=20)
    first = train(store.folder, tmp_path / "m", tmp_path / "w", run)
    run = NetworkRun(60, 128, device="cpu", evaluate_every=20, start=str(first.folder))
    trained = train(store.folder, tmp_path / "m", tmp_path / "v", run)
    page = read(render_training(trained.folder, tmp_path / "training.html"))
    assert {NAME, trained.digest, f"{trained.bits[NAME]:.4f}"} <= set(page.texts)
    assert f"{trained.start_bits[NAME]:.4f}" in page.texts
    html = (tmp_path / "training.html").read_text()
    assert html.count("<polyline") == 2
    assert re.search(r"<desc>Lines over steps.* held-out voxels from \d\.\d{3} to \d", html)
    fewer = int(trained.bits[NAME] < trained.start_bits[NAME])
    assert f"fewer bits than before in {fewer} of 1." in html
    alone = read(render_training(first.folder, tmp_path / "first.html"))
    assert "before" in alone.texts
    assert "–" in alone.texts


def test_a_folder_without_training_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="model directory"):
        render_training(tmp_path, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()
    (tmp_path / "training.json").write_text(json.dumps({}))
    with pytest.raises(ModelError, match="model directory"):
        render_training(tmp_path, tmp_path / "page.html")


def test_lines_lie_within_the_axes_and_fall_where_values_fall() -> None:
    points = [(float(x), 5.0 - 0.01 * x) for x in range(0, 400, 50)]
    chart = line_chart([("loss", "loss", points), ("none", "held", [])])
    (line,) = chart.lines
    places = np.array([[float(n) for n in pair.split(",")] for pair in line.points.split()])
    assert (np.diff(places[:, 0]) > 0).all()
    assert (np.diff(places[:, 1]) > 0).all()  # SVG counts downwards
    assert chart.left <= places[:, 0].min()
    assert places[:, 0].max() <= chart.right
    assert chart.top <= places[:, 1].min()
    assert places[:, 1].max() <= chart.base
    assert line_chart([("one", "loss", [(50.0, 3.0)])]).lines[0].points.count(",") == 1
    assert line_chart([]).lines == ()
