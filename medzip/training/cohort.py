"""Which of the series that are found are learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from medzip.archive.describing import object_paths
from medzip.canonical import digest_of
from medzip.errors import SourceError
from medzip.fitting.fit import LEAST_VOXELS
from medzip.training.reserved import reserved
from medzip.volumes import find_volumes

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from medzip.volumes import Series

__all__ = ["cohort_name", "find_cohort"]


def find_cohort(
    sources: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], modality: str = ""
) -> tuple[Series, ...]:
    """Series to learn from, by key.

    Copies and series too small to train on are left out, and series of studies that are measured
    (`medzip.training.reserved`).

    Parameters
    ----------
    sources
        As `medzip.volumes.find_volumes` takes them.
    modality
        "CT" or "MR" for those alone; arrays without an index are of no modality.

    Raises
    ------
    SourceError
        A source is missing, an array cannot be read, or there is nothing to learn from.
    """
    found: dict[str, Series] = {}
    for series in find_volumes(sources):
        about = series.about
        if not about.voxels:
            series.load()  # says why
        fits = about.voxels >= LEAST_VOXELS and modality in ("", about.modality)
        if fits and not reserved(about.origin):
            found.setdefault(about.key, series)
    if not found:
        raise SourceError(
            f"expected series {f'of {modality} ' if modality else ''}with at least {LEAST_VOXELS} "
            "voxels, of studies that are not measured, got none; name a folder with images or an "
            "archive"
        )
    return tuple(found[key] for key in sorted(found))


def cohort_name(folders: Sequence[str], archive: str, **about: Any) -> str:
    """Name of the store that samples of folders go to, for an archive.

    Parameters
    ----------
    folders
        Where the samples come from.
    archive
        Once it holds more, and is among the folders, they are other samples.
    about
        What else decides the samples.
    """
    keys = sorted(path.stem for path in object_paths(archive)) if archive in folders else []
    return digest_of({"folders": list(folders), "objects": keys, **about})[:12]
