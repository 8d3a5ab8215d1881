"""`medzip models` and the options that name a registry."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from medzip.cli import app
from medzip.errors import ModelError
from medzip.testing.archives import same
from medzip.testing.models import changed_network, write_model
from medzip.testing.series import write_series

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result.stdout


@pytest.fixture
def published(tmp_path: Path) -> str:
    digest = write_model(tmp_path / "made", changed_network())
    run("models", "publish", tmp_path / "registry", tmp_path / "made")
    return digest


def test_state_of_a_model(tmp_path: Path, published: str) -> None:
    registry = tmp_path / "registry"

    def state() -> str:
        (row,) = json.loads(run("models", "list", registry, "--json"))
        assert row["digest"] == published
        return row["state"]

    assert state() == "offered"
    run("models", "pin", registry, published[:8])
    assert state() == "pinned"
    run("models", "unpin", registry, published[:8])
    run("models", "retire", registry, published[:8])
    assert state() == "retired"
    run("models", "publish", registry, tmp_path / "made")
    assert state() == "offered"
    assert published[:16] in run("models", "list", registry)


def test_show_has_the_card_and_no_escapes(tmp_path: Path, published: str) -> None:
    text = run("models", "show", tmp_path / "registry", published)
    assert "# A model" in text
    assert "\x1b" not in text
    about = json.loads(run("models", "show", tmp_path / "registry", published, "--json"))
    assert about["training"] == {"form": "fast"}
    assert about["files"]["config.json"] > 0


def test_verify_finds_damage(tmp_path: Path, published: str) -> None:
    registry = tmp_path / "registry"
    assert "1 models match, 1 golden streams" in run("models", "verify", registry)
    card = registry / published / "MODEL_CARD.md"
    card.write_text("another")
    report = json.loads(run("models", "verify", registry, "--json", code=1))
    assert report["ok"] is False
    assert report["models"] == []


def test_a_folder_that_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected a model directory"):
        run("models", "publish", tmp_path / "registry", tmp_path / "nothing")


def test_compress_and_recompress_with_a_registry(tmp_path: Path, published: str) -> None:
    write_series(tmp_path / "source" / "a")
    registry, archive = tmp_path / "registry", tmp_path / "archive"
    options = ["--profile", "fast", "--workers", "1", "--models", registry]
    text = run("compress", tmp_path / "source", archive, *options)
    assert "fewest bytes of 2 models on the sample" in text
    result = json.loads(run("recompress", archive, "--models", registry, "--json"))
    assert [one["outcome"] for one in result["objects"]] == ["kept"]
    assert "coded with the best model already" in result["objects"][0]["reason"]
    assert "0 of 1 objects replaced" in run("recompress", archive, "--models", registry)
    assert "1 objects, 6 files" in run("verify", archive, "--workers", "1")
    run("restore", archive, tmp_path / "out", "--workers", "1")
    same(tmp_path / "source", tmp_path / "out")
