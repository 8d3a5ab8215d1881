"""The page: offline, without patients, plain about what failed."""

from __future__ import annotations

import dataclasses
import json
import re
from html.parser import HTMLParser
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from medzip.dicom.reasons import REASONS
from medzip.report import ReportRows, render_report, rows_from, write_report_rows
from medzip.report.figures import derive
from medzip.report.html import page

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.archive.summary import Summary
    from medzip.report.machine import Machine

_VOID = {"meta", "link", "img", "br", "line", "rect", "input"}


class _Nesting(HTMLParser):
    """Fail where a tag is closed that is not open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self.open):
            self.text.append(data)


def text_of(html: str) -> str:
    parser = _Nesting()
    parser.feed(html)
    assert parser.open == []
    return re.sub(r"\s+", " ", " ".join(parser.text))


def test_page_says_what_happened(rows: ReportRows) -> None:
    text = text_of(page(rows))
    assert "1 failure: 1 series with 3 files are not archived" in text
    assert "SourceError" in text
    assert "55 of 58" in text
    assert f"not-dicom {REASONS['not-dicom']} 5 50.0 kB" in text
    assert f"lossy {REASONS['lossy']} 4 38.0 kB" in text
    assert "9 files kept whole, 88.0 kB" in text
    assert "17.9 % of the source's 502 kB" in text
    assert "0.0353 MB/s of source files" in text, "those that this run proved"
    assert "mean of 1 series of at least 100,000 voxels 11.1 %" in text
    assert "JPEG 2000 did not run: not installed" in text
    assert "already proven" in text


def test_page_names_no_patient_and_no_file(rows: ReportRows, secrets: tuple[str, ...]) -> None:
    html = page(rows)
    for secret in secrets:
        assert secret not in html
    assert "unreadable" not in html
    assert not re.search(r"\b1\.2\.\d+\.\d+", html)


def test_page_loads_nothing(rows: ReportRows) -> None:
    html = page(rows)
    assert not re.search(r"<script|<link|@import|https?://(?!www\.w3\.org)", html)
    assert set(re.findall(r'(?:src|href)="([^"]{1,5})', html)) <= {
        "data:",
        "#fail",
        "#whol",
        "#main",
    }


def test_values_are_escaped(rows: ReportRows) -> None:
    assert "Test <CPU>" not in page(rows)
    assert "Test &lt;CPU&gt; &amp; co" in page(rows)


def test_every_picture_and_chart_has_a_text(rows: ReportRows) -> None:
    html = page(rows)
    assert html.count("<img ") == html.count('<img alt="') == 2
    assert html.count("<svg ") == html.count("<desc>") == 2
    assert "MedZip&#39;s bar is the shortest in 1 of 1." in html
    assert "goes 2.50 times as fast as encoding alone." in html, "196,608 voxels in 1 s and 0.4 s"
    assert html.startswith("<!doctype html>")
    assert 'lang="en"' in html
    assert "prefers-color-scheme: dark" in html


def test_ratios_are_sums_over_sums(rows: ReportRows, name: str) -> None:
    figures = derive(rows)
    assert figures.bpv == pytest.approx(8 * 66_000 / (48 * 4096))
    series = next(s for s in figures.series if s.name == name)
    # The peers were given slab 1 alone: MedZip's figure is that slab's and half of the model.
    own = 8 * (29_000 + 3_000) / (24 * 4096)
    assert series.compared_bpv == pytest.approx(own)
    assert series.saving == pytest.approx(1 - 32_000 / 36_000)
    assert figures.saving == figures.mean_saving == pytest.approx(1 - 32_000 / 36_000)


def test_tiny_series_do_not_move_the_mean(rows: ReportRows, name: str) -> None:
    tiny = {**rows.series[0], "series": "tiny", "voxels": 256}
    slab = {**rows.slabs[1], "series": "tiny", "voxels": 256, "encoded_bytes": 900}
    peer = {**rows.peers[0], "series": "tiny", "voxels": 256, "encoded_bytes": 200}
    more = dataclasses.replace(
        rows,
        series=(*rows.series, tiny),
        slabs=(*rows.slabs, slab),
        peers=(*rows.peers, peer),
    )
    figures = derive(more)
    assert figures.compared == 1
    assert figures.mean_saving == derive(rows).mean_saving
    assert figures.saving is not None
    assert figures.saving < figures.mean_saving
    assert f"{name}  48×64×64 int16" in page(more)
    assert "tiny  " not in page(more), "not in the charts"
    assert "<code>tiny</code>" in page(more), "but in the table"
    text = text_of(page(more))
    assert "1 series below 100,000 voxels is larger than by JPEG XL e7, by 6.70 kB in all." in text
    assert "0 of 1 series of at least 100,000 voxels are larger than by JPEG XL e7." in text


def test_lossy_peer_does_not_count(rows: ReportRows, name: str) -> None:
    lossy = {**rows.peers[0], "lossless": False}
    figures = derive(dataclasses.replace(rows, peers=(lossy, *rows.peers[1:])))
    assert figures.saving is None
    assert figures.lossy == (("JPEG XL e7", name),)
    changed = page(dataclasses.replace(rows, peers=(lossy, *rows.peers[1:])))
    assert "JPEG XL e7 did not give back the voxels" in text_of(changed)


def test_larger_than_baseline_is_said(rows: ReportRows) -> None:
    small = {**rows.peers[0], "encoded_bytes": 16_000}
    text = text_of(page(dataclasses.replace(rows, peers=(small,))))
    assert "100.0 % larger than JPEG XL e7" in text


def test_page_of_a_run_with_nothing(tmp_path: Path, summary: Summary, machine: Machine) -> None:
    empty = dataclasses.replace(summary, objects=(), failures=())
    write_report_rows(tmp_path / "rows", rows_from(empty, run_id="empty", machine=machine))
    out = render_report(tmp_path / "rows", tmp_path / "page" / "report.html")
    text = text_of(out.read_text(encoding="utf-8"))
    assert "None: every file went through the voxel codec" in text
    assert list(out.parent.iterdir()) == [out]


class _Scrolling(HTMLParser):
    """What scrolls, and every table with the text of its caption."""

    def __init__(self) -> None:
        super().__init__()
        self.regions: list[dict[str, str | None]] = []
        self.tables, self.captions, self.headings = 0, 0, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if "scroll" in (found.get("class") or "").split() or tag == "pre":
            self.regions.append(found)
        self.tables += tag == "table"
        self.captions += tag == "caption"
        self.headings += tag == "th" and "scope" in found


def test_what_scrolls_is_reached_by_keyboard_and_named(rows: ReportRows) -> None:
    html = page(rows)
    parser = _Scrolling()
    parser.feed(html)
    assert len(parser.regions) == parser.tables + 1 >= 7, "every table, and the commands"
    for region in parser.regions:
        assert (region["tabindex"], region["role"]) == ("0", "region")
        assert region["aria-label"]
    assert parser.captions == parser.tables
    assert parser.headings == html.count("<th ")


def test_next_commands_name_the_archive(rows: ReportRows) -> None:
    runs = ({**rows.runs[0], "archive": "/srv/old archive"},)
    html = page(dataclasses.replace(rows, runs=runs))
    for command in ("verify", "inspect"):
        assert f"medzip {command} &#39;/srv/old archive&#39;" in html
    assert "medzip restore &#39;/srv/old archive&#39; DEST" in html


def test_bases_are_named_by_the_digests_of_their_cards(rows: ReportRows) -> None:
    config = json.loads(
        resources.files("medzip").joinpath("models/default/config.json").read_text()
    )
    assert f"<code>{config['digest']}</code>" in page(rows)
    assert derive(rows).bases[0].voxels == 48 * 4096


def test_losses_come_first_and_small_objects_are_folded(rows: ReportRows, name: str) -> None:
    large = {**rows.peers[0], "encoded_bytes": 16_000}
    grown = {**rows.series[1], "series": "grown", "raw_bytes": 100, "encoded_bytes": 900}
    more = dataclasses.replace(rows, peers=(large,), series=(*rows.series, grown))
    html = page(more)
    text = text_of(html)
    said = f"1 of 1 series of at least 100,000 voxels is larger than by JPEG XL e7: {name} +100.0 %"
    assert said in text
    assert "1 object takes more than its files, 800 B in all, grown (100 B → 900 B)." in text
    assert html.index(said[:20]) < html.index('id="h-bits"') < html.index('id="h-series"')
    folded = html[html.index('id="h-series"') :]
    assert folded.index("cccccccccccc") < folded.index(name) < folded.index("<details>")
    assert folded.index("<details>") < folded.index("grown")
    assert "pill" not in html


def test_what_nothing_was_decoded_for_is_not_called_proven(rows: ReportRows) -> None:
    recorded = tuple({**row, "verdict": "recorded"} for row in rows.series[:2])
    text = text_of(page(dataclasses.replace(rows, series=recorded, failures=())))
    assert "nothing of them was checked" in text
    assert "55 files recorded" in text
    assert "proven" not in text.replace("found, coded and proven", "")
