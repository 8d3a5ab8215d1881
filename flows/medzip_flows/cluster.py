"""Where the tasks run: a Dask cluster described by data, not by code."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask
import yaml
from medzip_tasks.worker import WORKER_ENVIRONMENT
from prefect_dask import DaskTaskRunner
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from medzip.errors import MedZipError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Self

__all__ = ["PRE_SPAWN", "ClusterError", "ClusterSpec"]

PRE_SPAWN = {"distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT}
"""Configuration of Dask under which a local cluster starts its workers."""
LOCAL_CLUSTER = "distributed.LocalCluster"


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
    def read(
        cls,
        *,
        path: Path | None = None,
        scheduler: str | None = None,
        workers: int | None = None,
    ) -> ClusterSpec:
        """Describe the cluster that the user asked for.

        Parameters
        ----------
        path : Path, optional
            A YAML file such as those in infra/dask/.
        scheduler : str, optional
            Address of a scheduler that already runs; excludes ``path`` and ``workers``.
        workers : int, optional
            Worker processes (one thread each) of a cluster started here; 2 if nothing says more.

        Raises
        ------
        ClusterError
            If the arguments exclude one another, or the file cannot be read or understood.
        """
        if scheduler is not None:
            if path is not None or workers is not None:
                raise ClusterError(
                    "expected a scheduler's address alone, got a cluster file or a number of "
                    "workers too; an existing scheduler has its own workers, so drop the others"
                )
            return cls(address=scheduler)
        spec = cls(cluster_class=LOCAL_CLUSTER) if path is None else cls._load(path)
        if spec.address is not None:
            if workers is not None:
                raise ClusterError(
                    f"expected no number of workers with {path}, got {workers}; it names an "
                    "existing scheduler, which has its own workers"
                )
            return spec
        kwargs = dict(spec.cluster_kwargs)
        if workers is not None:
            kwargs["n_workers"] = workers
        if spec.cluster_class in (None, LOCAL_CLUSTER):
            kwargs = {
                "n_workers": 2,
                "threads_per_worker": 1,
                "processes": True,
                "dashboard_address": "127.0.0.1:0",
                **kwargs,
            }
        return spec.model_copy(update={"cluster_kwargs": kwargs})

    @classmethod
    def _load(cls, path: Path) -> ClusterSpec:
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
