"""`medzip flow sample`, `train` and `benchmarks`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from medzip.cli.console import show_error, show_line
from medzip.cli.options import (
    Backend,
    Batch,
    CheckpointEvery,
    Configuration,
    Device,
    Epochs,
    Form,
    LeaveOut,
    Modality,
    Precision,
    Rate,
    SampleSeed,
    SourcesAndStore,
    Start,
    Steps,
    TrainSeed,
    Voxels,
    sources_and_last,
)
from medzip_flows.command.where import Cluster, Page, Scheduler, Workers, told_by_the_flow

__all__ = ["benchmarks", "sample", "train"]


def sample(
    paths: SourcesAndStore,
    voxels: Voxels = 1_000_000,
    form: Form = "default",
    modality: Modality = "",
    seed: SampleSeed = 0,
    report: Page = None,
    workers: Workers = None,
    cluster: Cluster = None,
    scheduler: Scheduler = None,
) -> None:
    """Run `sample_training_set`.

    Many parameters: each is an option of the command line.
    """
    sources, store = sources_and_last(paths, "STORE")
    with told_by_the_flow(workers, cluster, scheduler) as where:
        from medzip_flows.sample import sample_training_set

        done = sample_training_set(
            [str(source) for source in sources],
            str(store),
            voxels=voxels,
            form=form,
            modality=modality,
            seed=seed,
            report=report,
            where=where,
        )
    show_line(f"{done['samples']} samples of {done['series']} series in {done['store']}")


def train(
    store: Annotated[str, typer.Argument(help="A complete sample store.", metavar="STORE")],
    models: Annotated[
        str, typer.Argument(help="Folder that gets the model directory.", metavar="MODELS")
    ],
    steps: Steps = None,
    batch: Batch = None,
    rate: Rate = None,
    seed: TrainSeed = 0,
    start: Start = None,
    leave_out: LeaveOut = None,
    configuration: Configuration = None,
    epochs: Epochs = None,
    backend: Backend = None,
    device: Device = "auto",
    precision: Precision = None,
    checkpoint_every: CheckpointEvery = 500,
    work: Annotated[
        str | None, typer.Option(metavar="DIR", help="Folder of checkpoint and curves.")
    ] = None,
    publish: Annotated[
        str | None, typer.Option(metavar="REGISTRY", help="Publish the model there.")
    ] = None,
    report: Page = None,
    workers: Workers = None,
    cluster: Cluster = None,
    scheduler: Scheduler = None,
) -> None:
    """Run `train_on_samples`.

    Many parameters: each is an option of the command line.
    """
    with told_by_the_flow(workers, cluster, scheduler) as where:
        from medzip.training.kinds import run_of
        from medzip_flows.train import train_on_samples

        run: Any = run_of(
            {
                "steps": steps,
                "batch": batch,
                "rate": rate,
                "seed": seed,
                "start": start,
                "leave_out": tuple(leave_out) if leave_out else None,
                "configuration": configuration,
                "epochs": epochs,
                "backend": backend,
                "device": device,
                "precision": precision,
                "checkpoint_every": checkpoint_every,
            }
        )
        done = train_on_samples(store, models, run, work, publish, report, where)
    show_line(f"{done['bits']:.4f} bits a voxel held out: {done['folder']}")


def benchmarks(
    cohort: Annotated[str, typer.Argument(help="Volumes to train and test on.", metavar="COHORT")],
    out: Annotated[str, typer.Argument(help="Folder of this run; resumes.", metavar="OUT")],
    unseen: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="MR volumes to test on only.")
    ] = None,
    size: Annotated[str, typer.Option(help="small or full.")] = "small",
    results: Annotated[
        str | None, typer.Option(metavar="JSON", help="Where else the figures go.")
    ] = None,
    document: Annotated[
        str | None, typer.Option(metavar="MARKDOWN", help="Where else the page goes.")
    ] = None,
    device: Device = "auto",
    pictures: Annotated[
        bool,
        typer.Option("--pictures", help="Draw residual slices: guard them as the images."),
    ] = False,
    workers: Workers = None,
    cluster: Cluster = None,
    scheduler: Scheduler = None,
) -> None:
    """Run `run_benchmarks`.

    Many parameters: each is an option of the command line.
    """
    with told_by_the_flow(workers, cluster, scheduler) as where:
        from medzip_flows.benchmarks import run_benchmarks

        done = run_benchmarks(
            cohort,
            out,
            unseen=unseen,
            size=size,
            results=results,
            document=document,
            device=device,
            pictures=pictures,
            where=where,
        )
    show_line(f"{done['models']} models: {done['document']}")
    for key in done["failed"]:
        show_error(f"failed: {key}")
    if done["failed"]:
        raise typer.Exit(1)
