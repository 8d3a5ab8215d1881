"""Documents say what is so."""

from __future__ import annotations

import doctest
import importlib
import json
import re
from pathlib import Path

import pytest

from medzip.bench.tables import main as tables_main
from medzip.codec import FORMAT_VERSION, tables
from medzip.codec.model import network_digest, read_network, shipped_models

ROOT = Path(__file__).parents[1]


def test_figures_of_the_readme_are_those_of_the_results() -> None:
    for document in (ROOT / "README.md", ROOT / "docs" / "results.md"):
        assert tables_main(["--check", str(document)]) == 0


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


def test_architecture_names_every_module() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    for folder in ("medzip/codec", "medzip/dicom", "medzip/training", "flows", "tasks"):
        for module in sorted((ROOT / folder).glob("*.py")):
            if module.stem not in ("__init__", "records"):
                assert re.search(rf"\b{module.stem}\b", text), f"{folder}/{module.name}"


def test_links_between_documents_hold() -> None:
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"


@pytest.mark.parametrize(
    "module", ["medzip", "medzip.canonical", "medzip.codec.neighbourhood", "medzip.codec.profile"]
)
def test_examples_in_docstrings(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module))
    assert tried
    assert not failed
