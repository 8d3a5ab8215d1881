"""Documents say what is so."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import re
from dataclasses import fields, replace
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from medzip.archive import layout
from medzip.archive.handles import StagedVolume
from medzip.archive.recompressing.records import Outcome, Recompressed, RecompressSummary
from medzip.archive.records import (
    Failure,
    ModelTrial,
    PartBytes,
    SeriesRecord,
    SlabRecord,
    StageSeconds,
    VolumeRecord,
)
from medzip.bench.parquet import SCHEMA as BENCH_SCHEMA
from medzip.bench.peers import PEERS
from medzip.bench.results import Results
from medzip.bench.tables import is_current
from medzip.cli import app
from medzip.cli.recompress import public_gains
from medzip.codec import FORMAT_VERSION, tables
from medzip.codec.schedule import wavefront
from medzip.dicom import discover
from medzip.dicom.records import Stack
from medzip.dicom.volume import CODINGS
from medzip.fitting.fit import CONTEXT_SLICES
from medzip.models.registry import Entry
from medzip.models.shelf import shipped_digests, shipped_models
from medzip.models.weights import network_digest, read_network
from medzip.report.schema import SCHEMA_VERSION, SCHEMAS
from medzip.training.inputs import ARCHITECTURES
from medzip.training.reserved import RESERVED

from .doc_text import PACKAGES, ROOT, documents, module_name, modules

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.codec.neighbourhood import Neighbourhood


def test_figures_of_the_readme_are_those_of_the_results() -> None:
    for document in (ROOT / "README.md", ROOT / "docs" / "results.md"):
        assert is_current(document)


def test_results_name_bases_by_the_digests_of_their_cards() -> None:
    named = set()
    for file in (ROOT / "benchmarks" / "results").glob("*.json"):
        for version in re.findall(r'"version": "(medzip [^"]+)"', file.read_text()):
            named |= set(re.findall(r"(\w+) ([0-9a-f]{12})\b", version))
    assert named <= {(name, digest[:12]) for digest, name in shipped_digests().items()}
    assert {name for name, _ in named} == set(shipped_models())


def test_the_readme_shows_its_figures_and_how_to_get_them() -> None:
    """Its tables are made from results; each figure elsewhere stands beside a command."""
    text = (ROOT / "README.md").read_text()
    assert "eval.json first -->" in text.partition("## Install")[0]
    assert "medzip bench tables benchmarks/results/eval.json --part first" in text
    assert "du -sh .venv" in text
    assert "never run on a GPU" in text.partition("## Install")[0]
    shown = text.partition('`device="cuda"`')[2].partition("\n\n")[0]
    assert "never run on a GPU" in shown


@pytest.mark.parametrize("name", ["README.md", "docs/results.md", "docs/data.md"])
def test_what_was_learned_from_is_marked_in_every_table(name: str) -> None:
    """Digests of docs/data.md are no figures."""
    text = (ROOT / name).read_text()
    for one in (one for one in RESERVED if one.learned):
        cells = [line for line in text.splitlines() if re.search(rf"\| {one.slab} (?!†)", line)]
        assert all(re.fullmatch(r"\| [\w-]+ \| `[0-9a-f]+` \|", line) for line in cells), cells


def test_data_page_has_every_slab_and_its_licence() -> None:
    text = (ROOT / "docs" / "data.md").read_text()
    for slab in Results.read(ROOT / "benchmarks" / "results" / "eval.json").slabs:
        (row,) = re.findall(
            rf"^\| {re.escape(slab.name)}(?: †)? \| [CM][TR][^\n]*", text, re.MULTILINE
        )
        assert dict(slab.about)["licence"].partition(" (")[0] in row
        assert re.search(rf"^\| {re.escape(slab.name)} \| `[0-9a-f]{{16}}` \|", text, re.MULTILINE)


def test_studies_that_training_leaves_out_are_told() -> None:
    text = (ROOT / "docs" / "training.md").read_text()
    for one in RESERVED:
        (row,) = (line for line in text.splitlines() if line.startswith(f"| {one.study} |"))
        assert one.slab in row
        assert one.learned in row


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_neighbourhoods_of_the_forms_are_told(name: str) -> None:
    form = ARCHITECTURES[name]
    offsets = form.neighbourhood.offsets
    planes = [sum(1 for dz, _, _ in offsets if dz == -back) for back in range(3)]
    schedule = wavefront(form.neighbourhood)
    row = (
        f"| `{name}` | {' + '.join(map(str, planes))} = {len(offsets)} | {form.near} | "
        f"{form.errors} | {form.taps} | {form.inputs} | "
        f"({schedule.wz}, {schedule.wy}, {schedule.wx}) |"
    )
    assert row in (ROOT / "docs" / "neighbourhoods.md").read_text()


def test_one_more_slice_means_what_is_told() -> None:
    text = (ROOT / "docs" / "neighbourhoods.md").read_text()
    form = ARCHITECTURES["default"]
    deeper = replace(form, squared_radii=(*form.squared_radii, 4))
    assert f"({', '.join(map(str, deeper.squared_radii))}) for `default`" in text
    assert f"which makes {len(deeper.neighbourhood)}" in text
    assert f"*Inputs* stay {form.inputs}" in text
    assert deeper.inputs == form.inputs
    assert wavefront(deeper.neighbourhood) == wavefront(form.neighbourhood)
    chosen = {*deeper.near_list, *deeper.error_list, *deeper.tap_list}
    assert all(deeper.neighbourhood.offsets[index][0] > -3 for index in chosen)
    assert CONTEXT_SLICES == form.neighbourhood.depth == 2
    for plane in range(3):
        for row in picture_of(form.neighbourhood, plane):
            assert row in text


def picture_of(neighbourhood: Neighbourhood, back: int) -> list[str]:
    """Rows of one slice as the page draws them, those without a voxel left out."""
    reach = neighbourhood.reach
    plane = {(dy, dx) for dz, dy, dx in neighbourhood.offsets if dz == -back}
    rows = (
        "".join("o" if (dy, dx) in plane else "." for dx in range(-reach, reach + 1))
        for dy in range(-reach, reach + 1 if back else 0)
    )
    return [row for row in rows if "o" in row]


def section(page: str, title: str) -> str:
    """What stands below a heading of an own line, to the next one."""
    text = (ROOT / page).read_text()
    found = re.search(rf"^#+ {re.escape(title)}.*?\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    assert found, f"{page}: {title}"
    return found[1]


@pytest.mark.parametrize("name", [*SCHEMAS, "bench"])
def test_columns_of_reports_are_told(name: str) -> None:
    told = re.findall(r"^\| `.*", section("docs/outputs.md", f"`{name}`:"), re.MULTILINE)
    schema = BENCH_SCHEMA if name == "bench" else SCHEMAS[name]
    assert told == [
        f"| `{one.name}` | {one.type} | {one.metadata[b'unit'].decode()} | "
        f"{one.metadata[b'description'].decode()} |"
        for one in schema
    ]
    assert f"The schema is version {SCHEMA_VERSION}" in (ROOT / "docs/outputs.md").read_text()


def keys_told(title: str) -> set[str]:
    """Keys in the first column of a table of docs/outputs.md."""
    cells = re.findall(r"^\| (`[^|]*) \|", section("docs/outputs.md", title), re.MULTILINE)
    return {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}


@pytest.mark.parametrize(("title", "record"), [("An object", SeriesRecord), ("A failure", Failure)])
def test_keys_of_records_are_told(title: str, record: type) -> None:
    assert keys_told(title) == {one.name for one in fields(record)} - {"message"}


@pytest.mark.parametrize(
    ("key", "record"),
    [
        ("parts", PartBytes),
        ("volumes", VolumeRecord),
        ("slabs", SlabRecord),
        ("seconds", StageSeconds),
        ("trials", ModelTrial),
    ],
)
def test_keys_below_an_object_are_told(key: str, record: type) -> None:
    (row,) = re.findall(
        rf"^\| `{key}` \| (.*) \|", section("docs/outputs.md", "An object"), re.MULTILINE
    )
    assert re.findall(r"`(\w+)`", row) == [one.name for one in fields(record)]


def test_keys_that_commands_print_are_told(tmp_path: Path) -> None:
    source, archive = tmp_path / "source", tmp_path / "archive"
    source.mkdir()
    (source / "a").write_text("a")

    def printed(*words: str) -> set[str]:
        done = CliRunner().invoke(app, [*words, "--json"])
        assert done.exit_code == 0, done.output
        return set(json.loads(done.stdout))

    first = printed("compress", str(source), str(archive), "--profile", "fast", "--workers", "1")
    assert first == keys_told("`medzip compress`")
    assert printed("inspect", str(archive)) == keys_told("`medzip inspect`")
    files_told = keys_told("`medzip inspect --files`")
    assert printed("inspect", str(archive), "--files") == files_told
    assert printed("verify", str(archive)) == keys_told("`medzip verify`")
    restored = printed("restore", str(archive), str(tmp_path / "restored"))
    assert restored == keys_told("`medzip restore`")


def test_keys_of_what_is_gained_are_told() -> None:
    one = Recompressed("0" * 64, Outcome.KEPT, 2, 2, "no smaller")
    printed = public_gains(RecompressSummary("archive", (one,), 0, 0.5))
    assert set(printed) == keys_told("`medzip recompress`")
    page = section("docs/outputs.md", "`medzip recompress`")
    (row,) = re.findall(r"^\| `objects` \| (.*) \|", page, re.MULTILINE)
    assert re.findall(r"`(\w+)`", row) == list(printed["objects"][0])


def test_keys_of_a_model_are_told() -> None:
    printed = {one.name for one in fields(Entry)} | {"state"}
    assert keys_told("`medzip models list`") == printed


def test_format_names_its_tables_and_version() -> None:
    text = (ROOT / "docs" / "format.md").read_text()
    assert tables.digest() in text
    assert re.search(rf"^\| {FORMAT_VERSION} \|", text, re.MULTILINE)


@pytest.mark.parametrize("name", shipped_models())
def test_every_model_has_a_card(name: str) -> None:
    folder = ROOT / "medzip" / "models" / name
    card = (folder / "MODEL_CARD.md").read_text()
    about = json.loads((folder / "training.json").read_text())
    assert network_digest(read_network(folder)) in card
    for volume in about["volumes"]:
        assert volume["licence"]
        if volume["name"] in about["held_out_bits"]:
            assert volume["origin"] in card


def test_archive_page_and_layout_show_the_same_tree() -> None:
    """What lies in an archive is shown twice; docs/archive.md once left models/ out."""
    page = (ROOT / "docs" / "archive.md").read_text()
    assert shown(page) == shown(layout.__doc__ or "")


def shown(text: str) -> set[str]:
    """Names in a tree below ARCHIVE/."""
    tree = text.partition("ARCHIVE/\n")[2].partition("\n\n")[0]
    return {name.partition("<")[0] for name in re.findall(r"^ {6}(\S+)", tree, re.MULTILINE)}


@pytest.mark.parametrize(
    "where", [discover._arrange.__doc__, Stack.__doc__, StagedVolume.__doc__, "docs/archive.md"]
)
def test_words_for_geometries_are_told_everywhere(where: str) -> None:
    text = (ROOT / where).read_text() if where.endswith(".md") else where
    judge = inspect.getsource(discover._arrange).partition('"""')[2].partition('"""')[2]
    judge += inspect.getsource(discover._geometry)
    words = set(re.findall(r'(?<!kind=)"(\w+)"', judge))
    assert "gaps" in words
    for word in words:
        assert f'"{word}"' in text, word


def lines_of_tables(page: str) -> str:
    """First cells of all tables."""
    return "\n".join(re.findall(r"^\| ([^|]*) \|", (ROOT / page).read_text(), re.MULTILINE))


@pytest.mark.parametrize("name", PEERS)
def test_every_codec_has_its_line(name: str) -> None:
    assert f"`{name}`" in lines_of_tables("benchmarks/README.md")


@pytest.mark.parametrize("name", CODINGS)
def test_every_coding_has_its_line(name: str) -> None:
    assert f"`{name}`" in lines_of_tables("docs/archive.md")


WORDS = """
    series volume slab envelope seal prove taps straight correction ring flat lane bundle object key
    base fitted whole margin segment step window sample stratum place gate plan span coding granule
    skewed neighbourhood
"""


def test_glossary_has_the_words_of_the_code() -> None:
    text = (ROOT / "docs" / "glossary.md").read_text()
    entries = re.findall(r"^- \*\*(.+?)\*\*", text, re.MULTILINE)
    assert len(entries) == len(set(entries))
    for word in WORDS.split():
        assert any(word in entry.replace(",", "").split() for entry in entries), word


def test_links_between_documents_hold() -> None:
    for document in documents():
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


def with_examples() -> list[str]:
    """All modules that show an example."""
    return [
        module_name(path)
        for path in modules()
        if module_name(path).split(".")[0] in PACKAGES and ">>> " in path.read_text()
    ]


@pytest.mark.parametrize("module", with_examples())
def test_examples_in_docstrings(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried
    assert not failed
