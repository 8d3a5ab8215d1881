"""What contributors and a forge are told to run exists."""

from __future__ import annotations

import re
import tomllib

import yaml

from .doc_text import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
WORKFLOW = ROOT / ".github" / "workflows" / "ci.yml"


def test_hooks_run_what_lint_runs() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in hooks] == ["local"]  # nothing is fetched
    programs = {hook["entry"].split()[0].rpartition("/")[2] for hook in hooks[0]["hooks"]}
    recipe = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert recipe
    assert programs == set(re.findall(r"\$\(BIN\)/([a-z-]+)", recipe[1]))


def test_workflow_runs_what_is_there() -> None:
    text = WORKFLOW.read_text()
    assert text.startswith("# This file has never run")
    jobs = yaml.safe_load(text)["jobs"]
    steps = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    for run in steps:
        for target in re.findall(r"^make ([a-z-]+)", run):
            assert target in targets, run
        for path in re.findall(r"tests/\S+", run):
            assert (ROOT / path).exists(), run
    for job in jobs.values():
        for needed in [job["needs"]] if "needs" in job else []:
            assert needed in jobs


def test_workflow_tries_what_the_package_says_it_runs_on() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    tried = yaml.safe_load(WORKFLOW.read_text())["jobs"]["test"]["strategy"]["matrix"]["python"]
    assert wanted == f">={tried[0]}"
