"""The picture of imports: no circle between modules of the library, wherever the import stands."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import medzip

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(medzip.__file__).parent


def imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports of a module, those inside of functions and for types alone, too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node


def graph(sources: dict[str, str]) -> dict[str, set[str]]:
    """Which modules of some sources, by name, a module imports.

    A package whose face is asked for a name is imported itself; a module of it alone counts as that
    module, although Python runs the face first: a face is made of its modules.
    """
    out: dict[str, set[str]] = {}
    for module, source in sources.items():
        found = set()
        for node in imports(ast.parse(source)):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
                continue
            assert node.level == 0, f"{module}: expected an absolute import, got a relative one"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in sources else str(node.module))
        out[module] = found & sources.keys()
    return out


def circle(sources: dict[str, str]) -> list[str]:
    """Modules that import each other in a ring, or none."""
    try:
        TopologicalSorter(graph(sources)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def library() -> dict[str, str]:
    """Sources of all modules by name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        found[".".join(part for part in parts if part != "__init__")] = path.read_text()
    return found


def test_no_circle() -> None:
    found = circle(library())
    assert not found, f"expected imports without circles, got {' <- '.join(found)}"


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"a": "import b", "b": "import c", "c": ""}, False),
        ({"a": "import b", "b": "from a import x"}, True),
        ({"a": "import b", "b": "def f():\n    import a"}, True),
        ({"a": "import b", "b": "try:\n    import a\nexcept ImportError:\n    pass"}, True),
        ({"a": "import b", "b": "if TYPE_CHECKING:\n    import a"}, True),
        ({"a": "import b", "b": "if TYPE_CHECKING:\n    pass\nelse:\n    import a"}, True),
        ({"p": "from p.a import x", "p.a": "from p import b", "p.b": ""}, False),
        ({"p": "from p.a import x", "p.a": "from p import y"}, True),
    ],
)
def test_what_counts(sources: dict[str, str], expected: bool) -> None:
    assert bool(circle(sources)) == expected
