"""Every command, option, path and module that a document or docstring names is there."""

from __future__ import annotations

import importlib
import re
from typing import Any

import typer
import yaml
from medzip_flows.command import app as flow_app

from medzip.cli import app

from .doc_text import (
    CODE,
    PACKAGES,
    ROOT,
    commands,
    lines_of_code,
    module_name,
    modules,
    prose,
    spans,
)

DOTTED = re.compile(rf"(?:{'|'.join(PACKAGES)})(?:\.[A-Za-z_]\w*)+")
FOLDERS = "|".join((*CODE, "docs", "infra"))
# no path with a placeholder in it: tests/golden/archive-<version>, benchmarks/results/NAME.json
PATH = re.compile(rf"(?<![\w./<-])(?:{FOLDERS})/[\w./-]*+(?![<*{{\\])")
OTHERS = ("--param", "--pool")  # options of other programs
FILES = (
    "json",
    "jsonl",
    "lock",
    "md",
    "npy",
    "py",
    "safetensors",
    "tif",
    "toml",
    "txt",
    "yaml",
    "zip",
)


def test_commands_and_their_options_exist() -> None:
    wrong = []
    for where, words in commands("medzip"):
        command, name = typer.main.get_command(app), "medzip"
        if words[:1] == ["flow"]:  # an entry point, which a checkout may lack
            command, name = typer.main.get_command(flow_app), f"medzip {words.pop(0)}"
        while words and hasattr(command, "get_command") and re.match(r"[a-z]+$", words[0]):
            name, word = f"{name} {words[0]}", words.pop(0)
            command = command.get_command(typer.Context(command), word)
            if command is None:
                wrong.append(f"{where}: {name}")
                break
        else:
            options = {"--help"} | {
                text for one in command.params for text in (*one.opts, *one.secondary_opts)
            }
            named = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            wrong += [f"{where}: {name} {option}" for option in sorted(named - options)]
    assert not wrong, "\n".join(wrong)


def test_programs_that_are_modules_exist() -> None:
    wrong = []
    programs = {module_name(path): path for path in modules()}
    for where, words in commands("python -m"):
        if words[0].split(".")[0] not in PACKAGES:
            continue
        module = programs.get(words[0])
        if module is None or "__main__" not in module.read_text():
            wrong.append(f"{where}: python -m {words[0]}")
            continue
        sources = "".join(path.read_text() for path in module.parent.glob("*.py"))
        options = {word.split("=")[0] for word in words if word.startswith("--")}
        wrong += [f"{where}: {words[0]} {o}" for o in sorted(options) if f'"{o}"' not in sources]
    assert not wrong, "\n".join(wrong)


def test_targets_of_make_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong = [
        f"{where}: make {word}"
        for where, words in commands("make")
        for word in words
        if re.match(r"[a-z-]+$", word) and word not in targets
    ]
    assert not wrong, "\n".join(wrong)


def test_deployments_exist() -> None:
    known = {
        one["name"] for one in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    }
    sources = "".join(path.read_text() for path in (ROOT / "flows").rglob("*.py"))
    for where, words in [
        *commands("prefect deployment run"),
        *commands("prefect deployment schedule ls"),
    ]:
        flow, _, deployment = words[0].partition("/")
        assert deployment in known, f"{where}: {words[0]}"
        assert f'"{flow}"' in sources, f"{where}: {words[0]}"
        for name in re.findall(r"--param (\w+)=", " ".join(words)):
            assert re.search(rf"\b{name}:", sources), f"{where}: {words[0]} --param {name}"


def test_options_named_alone_exist() -> None:
    known = "".join(path.read_text() for path in (ROOT / "flows").rglob("*.py"))
    for one in (app, flow_app):
        known += " ".join(f'"{option}"' for option in options_of(typer.main.get_command(one)))
    wrong = [
        f"{said.where}: {option}"
        for said in prose()
        if said.where.endswith(".md")
        for span in spans(said.text)
        for option in re.findall(r"^(--[a-z-]+)", span)
        if f'"{option}"' not in known and option not in OTHERS
    ]
    assert not wrong, "\n".join(wrong)


def test_paths_exist() -> None:
    wrong = [
        f"{said.where}: {path}"
        for said in prose()
        if "MODEL_CARD" not in said.where  # origins name files of other projects
        for path in (match.group().rstrip("./-") for match in PATH.finditer(said.text))
        if not re.search(r"/[A-Z]+\b", path) and not (ROOT / path).exists()
    ]
    assert not wrong, "\n".join(wrong)


def test_dotted_names_resolve() -> None:
    wrong = [
        f"{said.where}: {name}"
        for said in prose()
        for line in lines_of_code(said.text)
        for name in DOTTED.findall(line)
        if not name.endswith(FILES) and not resolves(name)
    ]
    assert not wrong, "\n".join(wrong)


def test_short_dotted_names_resolve() -> None:
    """`slab.encode_slab`, `dicom.walk`: of some module or package called so.

    In documents and docstrings of modules; in those of functions `run.start` may be a parameter's.
    """
    called: dict[str, list[str]] = {}
    for path in modules():
        name = module_name(path)
        called.setdefault(name.rpartition(".")[2], []).append(name)
    wrong = []
    for said in prose():
        if not said.where.endswith((".md", ": module")):
            continue
        for span in spans(said.text):
            name = re.fullmatch(r"([a-z_]\w*)((?:\.[A-Za-z_]\w*)+)(?:\(.*\))?", span)
            if not name or name[1] in PACKAGES or name[2].endswith(FILES):
                continue
            homes = called.get(name[1], [])
            if homes and not any(resolves(home + name[2]) for home in homes):
                wrong.append(f"{said.where}: {span}")
    assert not wrong, "\n".join(wrong)


def options_of(command: Any) -> set[str]:
    """All options of a command and of the commands below it."""
    found = {text for one in command.params for text in (*one.opts, *one.secondary_opts)}
    for name in getattr(command, "commands", ()):
        found |= options_of(command.commands[name])
    return found


def resolves(name: str) -> bool:
    """A module, an attribute of one, or a field that only instances have."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for i, part in enumerate(parts[n:], n):
            if part in getattr(found, "__annotations__", {}) and not hasattr(found, part):
                return i == len(parts) - 1
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False
