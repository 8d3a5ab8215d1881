"""Options of all flows: where a run works, and what it leaves for people."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from medzip.cli.console import show_error

if TYPE_CHECKING:
    from collections.abc import Iterator

    from medzip_flows.cluster import Where

__all__ = [
    "Cluster",
    "Compare",
    "Page",
    "Report",
    "Scheduler",
    "Workers",
    "told_by_the_flow",
]

Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Worker processes (2, or as the cluster file says)."),
]
Cluster = Annotated[str | None, typer.Option(metavar="YAML", help="Description of a Dask cluster.")]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler that runs already.")
]
Report = Annotated[
    str | None, typer.Option(metavar="DIR", help="Folder of the report (ARCHIVE-report).")
]
Compare = Annotated[
    int,
    typer.Option(min=0, help="Measure other codecs on so many largest objects, for the report."),
]
Page = Annotated[str | None, typer.Option("--report", metavar="HTML", help="Page to write.")]


@contextmanager
def told_by_the_flow(
    workers: int | None, cluster: str | None, scheduler: str | None
) -> Iterator[Where]:
    """Where a flow runs, checked before anything starts; failures that the flow has told end it."""
    from medzip_tasks.policy import StepFailedError

    from medzip.archive import failure_of
    from medzip.errors import MedZipError
    from medzip_flows.cluster import ClusterError, Where

    try:
        where = Where(workers, cluster, scheduler)
        where.spec().runner()
        yield where
    except ClusterError as error:
        raise typer.BadParameter(str(error)) from error
    except StepFailedError as error:
        raise typer.Exit(1) from error
    except (MedZipError, OSError) as error:
        show_error(f"error: {failure_of(None, 'start', error).message}")
        raise typer.Exit(1) from error
