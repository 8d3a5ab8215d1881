"""What every Dask worker process sets before its first task."""

from __future__ import annotations

import gc
import logging
import warnings
from typing import TYPE_CHECKING

from distributed import WorkerPlugin

from medzip.cores import use_one_core

if TYPE_CHECKING:
    from distributed import Worker

__all__ = ["WORKER_ENVIRONMENT", "WorkerSetup"]

# Read by the libraries when they are imported, so they belong into a worker's environment before
# it starts (distributed's pre-spawn environment, the prologue of a batch job).
WORKER_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "DASK_LOGGING__DISTRIBUTED": "warning",
    "PREFECT_LOGGING_EXTRA_LOGGERS": "medzip",
    "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}


def _no_thread_timeout_warning(record: logging.LogRecord) -> bool:
    """Drop what Prefect says of every task with a timeout in a Dask worker.

    Dask runs tasks in threads, where a timeout waits for the current call into C to return. That is
    fine here: the library works in calls of seconds at most.
    """
    return "running in a worker thread" not in str(record.msg)


class WorkerSetup(WorkerPlugin):
    """Give each worker process one core and let the library's log through.

    A cluster runs one process a core, so a library that starts a pool of its own threads would
    only compete with its neighbours. Registered on the client, the plugin also reaches workers
    that join later and workers of a cluster that somebody else started.
    """

    name = "medzip-worker-setup"

    def setup(self, worker: Worker) -> None:
        """Set threads and log level of this process."""
        import numba
        import zarr

        use_one_core()
        numba.set_num_threads(1)
        zarr.config.set({"threading.max_workers": 1, "async.concurrency": 2})
        logging.getLogger("prefect.task_runs").addFilter(_no_thread_timeout_warning)
        # what pydicom says of odd files quotes their values, and those may be a patient's
        logging.getLogger("pydicom").setLevel(logging.CRITICAL)
        warnings.filterwarnings("ignore", module="pydicom")
        # PREFECT_LOGGING_EXTRA_LOGGERS attaches the handler but leaves the level at WARNING
        logging.getLogger("medzip").setLevel(logging.INFO)

    def teardown(self, worker: Worker) -> None:
        """Let the process end at once.

        At exit Python looks for garbage among the objects of all imported libraries, which takes
        seconds; distributed would kill the worker before it is done, with a warning.
        """
        gc.freeze()
