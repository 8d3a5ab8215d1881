"""Workers for a flow: a cluster that is open, set up, and knows where Prefect's API is."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

import dask
from medzip_tasks.worker import WorkerSetup
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from medzip_flows.cluster import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from prefect_dask import DaskTaskRunner

    from medzip_flows.cluster import ClusterSpec

__all__ = ["GPU", "on_gpu", "workers_of"]

WORKERS_TIMEOUT = 60
"""Seconds to wait for the first worker of a scheduler that already runs."""
GPU = "GPU"
"""Name of the Dask resource that workers with a GPU offer: `dask worker --resources GPU=1`."""


@contextmanager
def workers_of(spec: ClusterSpec) -> Iterator[tuple[DaskTaskRunner, int]]:
    """Open a cluster; gives its task runner and how many workers to plan for.

    Raises
    ------
    ClusterError
        If the cluster makes no sense or has no workers.
    """
    with _api_for_workers(), spec.start() as runner:
        yield runner, _prepare(runner, spec)


def on_gpu(runner: DaskTaskRunner) -> AbstractContextManager[object]:
    """Tasks submitted within take one GPU of a worker; anywhere where no worker offers one."""
    workers = runner.client.scheduler_info(n_workers=-1)["workers"]
    if any(worker.get("resources", {}).get(GPU, 0) >= 1 for worker in workers.values()):
        return dask.annotate(resources={GPU: 1})
    return nullcontext()


@contextmanager
def _api_for_workers() -> Iterator[None]:
    """Tell tasks where the API is.

    Without a server configured, Prefect starts one for this process; each worker would start
    another on the same database. The settings travel to the workers with every task.
    """
    with get_client(sync_client=True) as client:
        url = str(client.api_url)
    with temporary_settings({PREFECT_API_URL: url}):
        yield


def _prepare(runner: DaskTaskRunner, spec: ClusterSpec) -> int:
    """Set up all workers, present and to come; returns how many to plan for.

    An existing scheduler without any worker is an error: Dask would queue the tasks silently and
    for ever.
    """
    try:
        client = runner.client
    except OSError as error:
        raise ClusterError(
            f"expected a Dask scheduler at {spec.address or 'the cluster'}, got: {error}; "
            "check that it runs and can be reached from here"
        ) from error
    client.register_plugin(WorkerSetup())
    if spec.address is not None:
        try:
            client.wait_for_workers(1, timeout=WORKERS_TIMEOUT)
        except TimeoutError as error:
            raise ClusterError(
                f"expected a worker at {spec.address} within {WORKERS_TIMEOUT} s, got none; "
                f"start one: dask worker {spec.address} --nthreads 1"
            ) from error
    present = len(client.scheduler_info(n_workers=-1)["workers"])
    return max(1, present, int(spec.adapt_kwargs.get("maximum", 0)))
