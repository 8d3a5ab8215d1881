"""Workers for a flow: a cluster that is open, set up, and knows where Prefect's API is."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dask.base import annotate
from medzip_tasks.policy import StepFailedError
from medzip_tasks.worker import WorkerSetup
from prefect.client.orchestration import get_client
from prefect.futures import as_completed
from prefect.settings import PREFECT_API_URL, temporary_settings

from medzip_flows.cluster import ClusterError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AbstractContextManager

    from medzip_tasks.progress import Progress
    from prefect import Task
    from prefect.futures import PrefectFuture
    from prefect_dask.task_runners import DaskTaskRunner

    from medzip.archive import Failure
    from medzip_flows.cluster import ClusterSpec, Where

__all__ = ["GPU", "Workers", "gathered", "on_gpu", "workers_at"]

WORKERS_TIMEOUT = 60
"""Seconds to wait for the first worker of a scheduler that already runs."""
GPU = "GPU"
"""Name of the Dask resource that workers with a GPU offer: `dask worker --resources GPU=1`."""


@dataclass(frozen=True)
class Workers:
    """Workers that are there, or will be.

    Attributes
    ----------
    runner : DaskTaskRunner
        What their tasks are given to; open.
    count : int
        How many to plan for.
    """

    runner: DaskTaskRunner
    count: int

    @property
    def lots(self) -> int:
        """Lots of objects to have in hand, so that no worker waits for the next one."""
        return 2 * self.count + 2

    def begin(self, task: Task[..., Any], **parameters: Any) -> PrefectFuture[Any]:
        """Begin a task."""
        return self.runner.submit(task, parameters)

    def run(self, task: Task[..., Any], **parameters: Any) -> Any:
        """Run a task; gives what it returns, or raises what it raises."""
        return self.begin(task, **parameters).result()


@contextmanager
def workers_at(where: Where) -> Iterator[Workers]:
    """Open a cluster for a run.

    The runner is opened here and not bound to the flow, because which cluster to use is a
    parameter, and Prefect binds a runner before it knows the parameters.

    Raises
    ------
    ClusterError
        If the cluster makes no sense or has no workers.
    """
    spec = where.spec()
    with _api_for_workers(), spec.start() as runner:
        yield Workers(runner, _prepare(runner, spec))


def gathered(
    futures: Mapping[str, PrefectFuture[Any]], progress: Progress
) -> tuple[dict[str, Any], dict[str, Failure]]:
    """Wait for tasks, by any name; gives results by name, and what failed."""
    names = {id(future): name for name, future in futures.items()}
    done: dict[str, Any] = {}
    failed: dict[str, Failure] = {}
    with progress:
        for future in as_completed(list(futures.values())):
            name = names[id(future)]
            try:
                done[name] = future.result()
            except StepFailedError as error:
                failed[name] = error.failure
            progress.advance(f"{name} {'failed' if name in failed else 'done'}")
    return done, failed


def on_gpu(runner: DaskTaskRunner) -> AbstractContextManager[object]:
    """Tasks submitted within take one GPU of a worker; anywhere where no worker offers one."""
    workers = runner.client.scheduler_info(n_workers=-1)["workers"]
    if any(worker.get("resources", {}).get(GPU, 0) >= 1 for worker in workers.values()):
        return annotate(resources={GPU: 1})
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
