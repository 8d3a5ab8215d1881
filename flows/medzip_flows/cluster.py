"""Where a run works: said in three words, and described by data, not by code."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import dask
import yaml
from medzip_tasks.worker import WORKER_ENVIRONMENT
from prefect_dask.task_runners import DaskTaskRunner
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from medzip.errors import MedZipError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

__all__ = ["LOCAL", "PRE_SPAWN", "ClusterError", "ClusterSpec", "Where"]

PRE_SPAWN = {"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}
"""Configuration of Dask under which a local cluster starts its workers."""
LOCAL_CLUSTER = "distributed.LocalCluster"
LOCAL_KWARGS: dict[str, Any] = {
    "n_workers": 2,
    "threads_per_worker": 1,
    "processes": True,
    "dashboard_address": "127.0.0.1:0",
}


class ClusterError(MedZipError, ValueError):
    """A description of a cluster that does not make sense, or a cluster without workers."""


class ClusterSpec(BaseModel):
    """Arguments of :class:`prefect_dask.DaskTaskRunner`; unknown keys are an error.

    Either ``address`` of a scheduler that already runs, or a class of cluster that is started for
    this run and stopped after it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str | None = None
    cluster_class: str | None = None
    cluster_kwargs: dict[str, Any] = {}
    adapt_kwargs: dict[str, Any] = {}
    client_kwargs: dict[str, Any] = {}

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        started = self.cluster_class or self.cluster_kwargs or self.adapt_kwargs
        if self.address and started:
            raise ValueError(
                "expected either `address` or `cluster_class` with its arguments, got both; "
                "an existing scheduler has its own workers"
            )
        return self

    @classmethod
    def load(cls, path: Path) -> ClusterSpec:
        """Read a YAML file such as those in infra/dask/.

        Raises
        ------
        ClusterError
            If it cannot be read or understood.
        """
        try:
            return cls.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except OSError as error:
            raise ClusterError(
                f"expected a readable cluster file, got {error.strerror} for {path}; "
                "see infra/dask/ for examples"
            ) from error
        except (ValidationError, yaml.YAMLError) as error:
            raise ClusterError(
                f"expected a cluster description in {path}, got: {error}; "
                "see infra/dask/ for examples"
            ) from error

    @contextmanager
    def start(self) -> Iterator[DaskTaskRunner]:
        """Open a task runner; the cluster starts with its first task and ends with the context.

        Worker processes are born with their environment: a variable such as NUMBA_NUM_THREADS that
        changes after its library was imported is an error there.
        """
        with dask.config.set(PRE_SPAWN), self.runner() as runner:
            yield runner

    def runner(self) -> DaskTaskRunner:
        """Build a task runner that is not open yet."""
        try:
            return DaskTaskRunner(**self.model_dump(exclude_defaults=True))
        except (ImportError, AttributeError, ValueError) as error:
            raise ClusterError(
                f"expected a class of Dask cluster, got {self.cluster_class!r} ({error}); "
                "install the package that provides it (dask-jobqueue for SLURM)"
            ) from error


@dataclass(frozen=True)
class Where:
    """Where a run works; the parameter `where` of every flow.

    One object, so that a flow hands on what it was given without looking at it. Nobody who starts
    a deployment has to type it: two workers on the machine at hand are the default. Who does types
    JSON, as for the `run` of a training (``--param 'where={"workers": 4}'``); a word that is not
    known is refused. On the command line it is three options.

    Attributes
    ----------
    workers
        Worker processes (one thread each) of a cluster that is started for this run; 2, or as the
        cluster file says.
    cluster
        YAML file that describes the Dask cluster, such as infra/dask/slurm.yaml.
    scheduler
        Address of a Dask scheduler that already runs; excludes the others.
    """

    workers: int | None = None
    cluster: str | None = None
    scheduler: str | None = None

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def spec(self) -> ClusterSpec:
        """Describe the cluster.

        Raises
        ------
        ClusterError
            If the words exclude one another, or the file cannot be read or understood.
        """
        if self.workers is not None and self.workers < 1:
            # Dask would queue the tasks silently and for ever
            raise ClusterError(f"expected at least one worker, got {self.workers}; name a number")
        if self.scheduler is not None:
            if self.cluster is not None or self.workers is not None:
                raise ClusterError(
                    "expected a scheduler's address alone, got a cluster file or a number of "
                    "workers too; an existing scheduler has its own workers, so drop the others"
                )
            return ClusterSpec(address=self.scheduler)
        if self.cluster is None:
            spec = ClusterSpec(cluster_class=LOCAL_CLUSTER)
        else:
            spec = ClusterSpec.load(Path(self.cluster))
        if spec.address is not None:
            if self.workers is not None:
                raise ClusterError(
                    f"expected no number of workers with {self.cluster}, got {self.workers}; it "
                    "names an existing scheduler, which has its own workers"
                )
            return spec
        kwargs = dict(spec.cluster_kwargs)
        if self.workers is not None:
            kwargs["n_workers"] = self.workers
        if spec.cluster_class in (None, LOCAL_CLUSTER):
            kwargs = LOCAL_KWARGS | kwargs
        return spec.model_copy(update={"cluster_kwargs": kwargs})


LOCAL = Where()
"""Two workers on this machine."""
