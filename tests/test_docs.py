"""Documents say what is so."""

from __future__ import annotations

import doctest
import importlib
import inspect
import json
import re

import pytest

from medzip.archive import layout
from medzip.archive.handles import StagedVolume
from medzip.bench.peers import PEERS
from medzip.bench.tables import is_current
from medzip.codec import FORMAT_VERSION, tables
from medzip.dicom import discover
from medzip.dicom.records import Stack
from medzip.dicom.volume import CODINGS
from medzip.models.shelf import shipped_digests, shipped_models
from medzip.models.weights import network_digest, read_network

from .doc_text import PACKAGES, ROOT, documents, module_name, modules


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
