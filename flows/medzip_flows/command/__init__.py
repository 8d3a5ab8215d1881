"""`medzip flow`: the jobs of `medzip` on Prefect and Dask, with the same names of options.

The library's command finds this package by its entry point. It imports no orchestrator before a
flow runs, so `medzip --help` stays quick, and without the extra `flow` says what to install.
"""

from __future__ import annotations

import typer

from medzip_flows.command.archives import archive, recompress
from medzip_flows.command.learning import benchmarks, sample, train
from medzip_flows.home import prepare_home

__all__ = ["app"]

app = typer.Typer(
    help="The same jobs on Prefect and Dask: archive, recompress, sample, train, benchmarks.",
    no_args_is_help=True,
)


@app.callback()
def _before() -> None:
    """The same jobs on Prefect and Dask: archive, recompress, sample, train, benchmarks."""
    prepare_home()


for _flow, _help in (
    (archive, "Compress SOURCE... into ARCHIVE; nothing counts before it is proven."),
    (recompress, "Train a model on a cohort; code its archive anew where it gets smaller."),
    (sample, "Draw a training set from a cohort into a sample store."),
    (train, "Train a model on a sample store, on a GPU of the cluster where there is one."),
    (benchmarks, "Train and measure the papers' models on a cohort, beside other codecs."),
):
    app.command(help=_help)(_flow)
