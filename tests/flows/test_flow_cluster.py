"""Clusters are data: what is read from YAML and from the command line."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from medzip_flows.cluster import LOCAL, ClusterError, Where
from pydantic import TypeAdapter, ValidationError

INFRA = Path(__file__).parents[2] / "infra" / "dask"


def test_nothing_said_is_a_local_cluster_of_two() -> None:
    runner = LOCAL.spec().runner()
    assert runner.cluster_class == "distributed.LocalCluster"
    assert runner.cluster_kwargs["n_workers"] == 2
    assert runner.cluster_kwargs["threads_per_worker"] == 1


def test_local_file_says_the_same_as_nothing() -> None:
    assert Where(cluster=str(INFRA / "local.yaml")).spec() == LOCAL.spec()


def test_workers_of_the_command_line_win() -> None:
    spec = Where(7, str(INFRA / "local.yaml")).spec()
    assert spec.cluster_kwargs["n_workers"] == 7


def test_scheduler_by_address_and_by_file() -> None:
    spec = Where(scheduler="tcp://127.0.0.1:8786").spec()
    assert spec == Where(cluster=str(INFRA / "scheduler.yaml")).spec()
    assert spec.runner().address == "tcp://127.0.0.1:8786"


def test_slurm_file_is_understood_and_says_what_to_install() -> None:
    spec = Where(cluster=str(INFRA / "slurm.yaml")).spec()
    assert spec.cluster_class == "dask_jobqueue.SLURMCluster"
    assert spec.adapt_kwargs == {"minimum": 16, "maximum": 256}
    try:
        import dask_jobqueue  # noqa: F401
    except ImportError:
        with pytest.raises(ClusterError, match="install the package"):
            spec.runner()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n_workers: 2", "n_workers"),
        ("address: tcp://a:1\ncluster_kwargs: {n_workers: 2}", "either `address`"),
        ("cluster_class: [", "expected a cluster description"),
        ("- a list", "expected a cluster description"),
    ],
)
def test_files_that_make_no_sense_are_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "cluster.yaml"
    path.write_text(text)
    with pytest.raises(ClusterError, match=message) as caught:
        Where(cluster=str(path)).spec()
    assert str(path) in str(caught.value)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match=r"none\.yaml"):
        Where(cluster=str(tmp_path / "none.yaml")).spec()


def test_arguments_that_exclude_one_another() -> None:
    with pytest.raises(ClusterError, match="scheduler's address alone"):
        Where(3, scheduler="tcp://a:1").spec()
    with pytest.raises(ClusterError, match="at least one worker"):
        Where(0).spec()
    with pytest.raises(ClusterError, match="names an existing scheduler"):
        Where(3, str(INFRA / "scheduler.yaml")).spec()


@pytest.mark.parametrize(
    "where",
    [LOCAL, Where(3), Where(cluster="infra/dask/slurm.yaml"), Where(scheduler="tcp://a:1")],
)
def test_where_goes_through_a_deployment_as_json(where: Where) -> None:
    typed = json.dumps(dataclasses.asdict(where))
    assert TypeAdapter(Where).validate_json(typed) == where


def test_a_word_that_nobody_knows_is_refused() -> None:
    with pytest.raises(ValidationError, match="worker"):
        TypeAdapter(Where).validate_json('{"worker": 3}')
