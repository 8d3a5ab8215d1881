"""`medzip flow archive` and `medzip flow recompress`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medzip.cli.console import ratio, show_json, show_line, sizes
from medzip.cli.options import (
    PROFILE_COSTS,
    AllowEmpty,
    ArchivePath,
    Json,
    Modality,
    Models,
    Pictures,
    PicturesOf,
    Profile,
    ProfileName,
    sources_and_last,
)
from medzip.cli.recompress import public_gains
from medzip.errors import SourceError
from medzip.units import size_text
from medzip_flows.command.where import (
    Cluster,
    Compare,
    Report,
    Scheduler,
    Workers,
    told_by_the_flow,
)

__all__ = ["archive", "recompress"]


def archive(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Folders or files, then the archive.", metavar="SOURCE... ARCHIVE"),
    ],
    profile: Profile = ProfileName.DEFAULT,
    models: Models = None,
    allow_empty: AllowEmpty = False,
    report: Report = None,
    compare: Compare = 24,
    pictures: Pictures = False,
    pictures_of: PicturesOf = None,
    workers: Workers = None,
    cluster: Cluster = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Run `archive_cohort`.

    Many parameters: each is an option of the command line.
    """
    sources, target = sources_and_last(paths, "ARCHIVE")
    with told_by_the_flow(workers, cluster, scheduler) as where:
        for source in sources:
            if not source.exists():
                raise SourceError(
                    f"{source}: expected a file or folder, got nothing; check the path"
                )
        from medzip_flows.archive import archive_cohort
        from medzip_flows.console import print_summary
        from medzip_flows.running import IncompleteError

        try:
            summary = archive_cohort(
                [str(source) for source in sources],
                str(target),
                profile.value,
                models=None if models is None else str(models),
                allow_empty=allow_empty,
                report=report,
                compare=compare,
                pictures=pictures,
                pictures_of=pictures_of or None,
                where=where,
            )
        except IncompleteError as error:
            summary = error.summary
    if as_json:
        show_json(summary.public())
    else:
        print_summary(summary)
    if not summary.ok:
        raise typer.Exit(1)


def recompress(
    archive: ArchivePath,
    source: Annotated[
        list[str] | None, typer.Option(help="DICOM files to archive first; again for more.")
    ] = None,
    learn_from: Annotated[
        list[str] | None,
        typer.Option(metavar="FOLDER", help="Learn from this instead of the archive."),
    ] = None,
    models: Annotated[
        str | None, typer.Option(metavar="REGISTRY", help="Registry (ARCHIVE-models).")
    ] = None,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Train; or try what is registered.")
    ] = True,
    modality: Modality = "",
    form: Annotated[str, typer.Option(help="fast, default or wide.")] = "default",
    voxels: Annotated[int, typer.Option(min=1000, help="Voxels to learn from.")] = 4_000_000,
    steps: Annotated[int, typer.Option(min=1, help="Gradient steps.")] = 10_000,
    batch: Annotated[int, typer.Option(min=16, help="Voxels a step.")] = 4096,
    rate: Annotated[float, typer.Option(min=0.0, help="Peak learning rate.")] = 2e-3,
    seed: Annotated[int, typer.Option(help="Of weights and sample.")] = 0,
    profile: Annotated[
        ProfileName | None, typer.Option(help=f"{PROFILE_COSTS} That of each object by default.")
    ] = None,
    report: Report = None,
    compare: Compare = 0,
    pictures: Pictures = False,
    pictures_of: PicturesOf = None,
    workers: Workers = None,
    cluster: Cluster = None,
    scheduler: Scheduler = None,
    as_json: Json = False,
) -> None:
    """Run `recompress_cohort`.

    Many parameters: each is an option of the command line.
    """
    with told_by_the_flow(workers, cluster, scheduler) as where:
        from medzip_flows.recompress import recompress_cohort
        from medzip_flows.running import IncompleteError

        try:
            summary = recompress_cohort(
                str(archive),
                source=source or None,
                learn_from=learn_from or None,
                models=models,
                train=train,
                modality=modality,
                form=form,
                voxels=voxels,
                training_steps=steps,
                batch=batch,
                rate=rate,
                seed=seed,
                profile=profile.value if profile else None,
                report=report,
                compare=compare,
                pictures=pictures,
                pictures_of=pictures_of or None,
                where=where,
            )
        except IncompleteError as error:
            summary = error.summary
    if as_json:
        show_json(public_gains(summary))
    else:
        show_line(
            f"{summary.replaced} of {len(summary.objects)} objects replaced, "
            f"{sizes(summary.before_bytes, summary.after_bytes)}"
            f"{ratio(summary.before_bytes, summary.after_bytes)} "
            f"({size_text(summary.model_bytes)} of models) in {summary.seconds:.0f} s"
        )
    if summary.failures:
        raise typer.Exit(1)
