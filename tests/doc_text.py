"""What documents and docstrings name: code in them, commands, paths, dotted names."""

from __future__ import annotations

import ast
import io
import re
import shlex
import tokenize
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "medzip": ROOT / "medzip",
    "medzip_flows": ROOT / "flows" / "medzip_flows",
    "medzip_tasks": ROOT / "tasks" / "medzip_tasks",
}
"""Packages as they are imported, and where each lies."""
CODE = ("medzip", "flows", "tasks", "tests", "benchmarks")
"""Folders of the root that hold code."""
DOCUMENTED = (".github", "docs", "benchmarks", "infra", "medzip")


@dataclass(frozen=True)
class Said:
    """A piece of text that people read, and where it stands."""

    where: str
    text: str


def documents() -> list[Path]:
    """All Markdown of the project, without environments and what was generated."""
    found = list(ROOT.glob("*.md"))
    for folder in DOCUMENTED:
        found += (ROOT / folder).rglob("*.md")
    return sorted(found)


def modules() -> list[Path]:
    """All modules of the packages, tests and benchmarks."""
    return sorted(path for name in CODE for path in (ROOT / name).rglob("*.py"))


def module_name(path: Path) -> str:
    """How a module is imported: medzip/codec/slab.py -> medzip.codec.slab."""
    package, home = next(
        ((name, home) for name, home in PACKAGES.items() if path.is_relative_to(home)), ("", ROOT)
    )
    parts = path.relative_to(home).with_suffix("").parts
    return ".".join(filter(None, (package, *(parts[:-1] if parts[-1] == "__init__" else parts))))


@cache
def prose() -> tuple[Said, ...]:
    """Documents, docstrings and comments of code, comments of Makefile and deployments."""
    said = [Said(str(path.relative_to(ROOT)), path.read_text()) for path in documents()]
    for path in modules():
        said += _of_module(path)
    for name in ("Makefile", "prefect.yaml", "pyproject.toml"):
        said.append(Said(name, (ROOT / name).read_text()))
    return tuple(said)


def _of_module(path: Path) -> Iterator[Said]:
    source, where = path.read_text(), str(path.relative_to(ROOT))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            text = ast.get_docstring(node)
            if text:
                yield Said(f"{where}: {getattr(node, 'name', 'module')}", text)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Said(f"{where}:{token.start[0]}", token.string.lstrip("# "))


def spans(text: str) -> Iterator[str]:
    """Code between backticks, fences left out."""
    without = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for match in re.finditer(r"(?<!`)(`{1,2})(?!`)(.+?)(?<!`)\1(?!`)", without, re.DOTALL):
        yield " ".join(match.group(2).split())


def lines_of_code(text: str) -> Iterator[str]:
    """Code spans, and the lines of fenced and indented blocks."""
    yield from spans(text)
    for match in re.finditer(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from match.group(1).splitlines()
    for line in text.splitlines():
        if re.match(r"#? {3,}\S|\t\S", line):
            yield line.lstrip("# \t")


def commands(program: str) -> Iterator[tuple[str, list[str]]]:
    """Where a command is named, and its words after the program; alternatives a|b are apart."""
    for said in prose():
        for line in lines_of_code(said.text):
            bare = re.sub(r"\s#.*|[\[\]]|^\$ ", "", line.strip())
            if not re.match(rf"{re.escape(program)}\s", bare):
                continue
            try:
                words = shlex.split(bare[len(program) :])
            except ValueError:
                words = bare[len(program) :].split()
            for i, word in enumerate(words):
                if "|" in word and not word.startswith("-"):
                    for one in word.split("|"):
                        yield said.where, [*words[:i], one, *words[i + 1 :]]
                    break
            else:
                yield said.where, words
