"""prefect.yaml says only what Prefect understands; it ignores misspelt keys silently."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from prefect import Flow
from prefect.cli.deploy._models import PrefectYamlModel
from prefect.flows import load_flow_from_entrypoint

ROOT = Path(__file__).parents[2]
FILE = ROOT / "prefect.yaml"


def closed(schema: Any) -> Any:
    """Forbid unknown keys in every object of a schema that lists its properties."""
    if isinstance(schema, dict):
        out = {key: closed(value) for key, value in schema.items()}
        if "properties" in schema and "additionalProperties" not in schema:
            out["additionalProperties"] = False
        return out
    if isinstance(schema, list):
        return [closed(item) for item in schema]
    return schema


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    # the schema that Prefect publishes is generated from this model in just this way
    schema = closed(PrefectYamlModel.model_json_schema())
    schema["properties"]["definitions"] = {}  # YAML anchors live there, by Prefect's convention
    return Draft202012Validator(schema)


@pytest.fixture
def content() -> dict[str, Any]:
    return yaml.safe_load(FILE.read_text())


def test_every_key_is_known(validator: Draft202012Validator, content: dict[str, Any]) -> None:
    assert [error.message for error in validator.iter_errors(content)] == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda c: c.update(pulls=[]),
        lambda c: c["deployments"][0]["work_pool"].update(concurrency_limit=1),
        lambda c: c["deployments"][0].update(entry_point="x"),
        lambda c: c["deployments"][0]["concurrency_limit"].update(colision_strategy="ENQUEUE"),
        lambda c: c["deployments"][1]["schedules"][0].update(activ=False),
    ],
)
def test_the_check_finds_misspelt_keys(
    validator: Draft202012Validator, content: dict[str, Any], spoil: Any
) -> None:
    spoil(content)
    assert list(validator.iter_errors(content))


def test_first_line_names_the_schema() -> None:
    first = FILE.read_text().splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=https://")
    assert first.endswith("/prefect.yaml.schema.json")


def deployments_of(content: dict[str, Any]) -> dict[str, Any]:
    return {deployment["name"]: deployment for deployment in content["deployments"]}


def test_two_deployments_archive(content: dict[str, Any]) -> None:
    deployments = deployments_of(content)
    on_demand, nightly = deployments["on-demand"], deployments["nightly"]
    assert on_demand["entrypoint"] == nightly["entrypoint"]
    assert "schedules" not in on_demand
    assert [(s["cron"], s["active"]) for s in nightly["schedules"]] == [("0 1 * * *", False)]
    assert content["pull"], "without a pull step Prefect stores the folder of whoever deploys"


def test_training_waits_for_a_gpu_and_sampling_does_not(content: dict[str, Any]) -> None:
    deployments = deployments_of(content)
    pools = {name: deployments[name]["work_pool"]["name"] for name in ("sample", "train")}
    assert pools == {"sample": "medzip", "train": "gpu"}


def test_every_deployment_is_of_a_flow_that_is_there(content: dict[str, Any]) -> None:
    for deployment in content["deployments"]:
        assert isinstance(load_flow_from_entrypoint(deployment["entrypoint"]), Flow)
        assert deployment["concurrency_limit"]["limit"] == 1
        assert deployment["work_pool"]["job_variables"]["env"]["DO_NOT_TRACK"] == "1"


def test_version_is_the_one_that_is_tested(content: dict[str, Any]) -> None:
    import prefect

    assert content["prefect-version"] == prefect.__version__
