"""What looks documents through sees what is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import doc_text
from .doc_text import ROOT, Said, commands, documents, lines_of_code, modules, prose, spans

if TYPE_CHECKING:
    import pytest

TEXT = """Prose with `code` and ``more of
it``.

```console
$ medzip verify ARCHIVE   # why
```

    medzip models list|show FOLDER [--json]
"""


def test_code_is_found() -> None:
    assert list(spans(TEXT)) == ["code", "more of it"]
    lines = [line.strip() for line in lines_of_code(TEXT)]
    assert "$ medzip verify ARCHIVE   # why" in lines
    assert "medzip models list|show FOLDER [--json]" in lines


def test_commands_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doc_text, "prose", lambda: (Said("page.md", TEXT),))
    assert list(commands("medzip")) == [
        ("page.md", ["verify", "ARCHIVE"]),
        ("page.md", ["models", "list", "FOLDER", "--json"]),
        ("page.md", ["models", "show", "FOLDER", "--json"]),
    ]


def test_all_places_are_looked_at() -> None:
    names = {str(path.relative_to(ROOT)) for path in documents()}
    assert {"README.md", "docs/format.md", "benchmarks/README.md", "infra/README.md"} <= names
    assert "medzip/models/default/MODEL_CARD.md" in names
    places = " ".join(said.where for said in prose())
    for place in ("README.md", "Makefile", "prefect.yaml", "medzip/codec/slab.py: encode_slab"):
        assert place in places
    assert len(modules()) > 200
    assert len(list(commands("medzip"))) > 20
    assert len(list(commands("make"))) > 3
