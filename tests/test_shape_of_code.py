"""Functions that can be read at once: at most 80 lines and 8 parameters, or a reason."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

import pytest

from .doc_text import PACKAGES, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 80
"""From `def` to the last line, docstring included."""
MOST_PARAMETERS = 8
"""Without self and cls; compiled kernels are no exception."""
REASONS = {
    "parameters": re.compile(r"^\s*Many parameters: \S.+", re.MULTILINE),
    "lines": re.compile(r"^\s*(Many parameters|Long): \S.+", re.MULTILINE),
}
"""A line of the docstring that says why there are more; many parameters take many lines."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions(source: str) -> Iterator[Function]:
    """All functions of a module, methods and functions inside of others too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, Function):
            yield node


def parameters(function: Function) -> int:
    """How many parameters a function has, without self and cls."""
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return sum(one is not None and one.arg not in ("self", "cls") for one in named)


def faults(source: str) -> list[str]:
    """What is wrong with the functions of a module."""
    found = []
    for function in functions(source):
        docstring = ast.get_docstring(function) or ""
        lines = (function.end_lineno or 0) - function.lineno + 1
        for what, got, most in (
            ("parameters", parameters(function), MOST_PARAMETERS),
            ("lines", lines, MOST_LINES),
        ):
            if got > most and not REASONS[what].search(docstring):
                found.append(f"{function.name}: expected at most {most} {what}, got {got}")
    return found


MODULES = sorted(
    file.relative_to(ROOT).as_posix() for home in PACKAGES.values() for file in home.rglob("*.py")
)


@pytest.mark.parametrize("module", MODULES)
def test_functions_can_be_read_at_once(module: str) -> None:
    found = faults((ROOT / module).read_text())
    assert not found, (
        f"{module}: {'; '.join(found)}; make a NamedTuple or a dataclass of what belongs together "
        "and a function of each part, or say why with 'Many parameters: ...' in the docstring"
    )


def made(count: int, lines: int, docstring: str = "") -> str:
    """A module with one method of so many parameters and lines."""
    names = ", ".join(f"p{number}" for number in range(count))
    body = [f'"""{docstring}"""', *["pass"] * (lines - 2 - docstring.count("\n"))]
    return "\n".join(
        ["class A:", f"    def f(self, {names}):", *(f"        {line}" for line in body)]
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (made(8, 80), 0),
        (made(9, 10), 1),
        (made(8, 81), 1),
        (made(9, 81), 2),
        (made(9, 81, "F.\n\n        Many parameters: one an option of the command."), 0),
        (made(9, 81, "F.\n\n        Long: each line is a row of one table."), 1),
        (made(8, 81, "F.\n\n        Long: each line is a row of one table."), 0),
        (made(9, 10, "F has many parameters: nobody knows why."), 1),
        ("def f(a, b, /, c, d, *e, g, h, **i): pass", 0),
        ("def f(a, b, /, c, d, *e, g, h, j, **i): pass", 1),
        ("async def f(a, b, c, d, e, g, h, i, j): pass", 1),
        ("def f():\n    def g(a, b, c, d, e, g, h, i, j): pass", 1),
    ],
)
def test_what_is_found(source: str, expected: int) -> None:
    assert len(faults(source)) == expected
