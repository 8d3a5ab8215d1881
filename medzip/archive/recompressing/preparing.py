"""An object of the archive -> raw slabs with new models, as far as that is worth it."""

from __future__ import annotations

import time
from collections import ChainMap
from typing import TYPE_CHECKING, Any

from medzip.archive.committing import discard
from medzip.archive.describing import object_paths
from medzip.archive.encoding import choose, fit, read_model
from medzip.archive.failures import failure_of
from medzip.archive.layout import object_path
from medzip.archive.line import Step
from medzip.archive.reader import ObjectReader
from medzip.archive.recompressing.records import Candidate, Outcome, Prepared, Recompressed, signed
from medzip.archive.staging import raw_volume
from medzip.archive.steps import FUNCTIONS as ARCHIVING
from medzip.archive.unpacking import unpack
from medzip.fitting.choose import coded_bytes, sample_of
from medzip.models import reference_of

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping, Sequence

    from medzip.archive.handles import Staged
    from medzip.archive.layout import StrPath
    from medzip.archive.records import ModelTrial

__all__ = ["FUNCTIONS", "candidates", "prepare", "worth_coding", "worth_fitting"]

LEAST_GAIN = 0.0005
"""Share of the voxels' bytes that a sample has to promise before all of them are coded."""


def candidates(archive: StrPath) -> tuple[list[Candidate], list[Recompressed]]:
    """Objects with voxels, those with most first; and failures for those that cannot be read.

    Raises
    ------
    ArchiveError
        When the folder is no archive.
    """
    found: list[Candidate] = []
    broken: list[Recompressed] = []
    for path in object_paths(archive):
        try:
            with ObjectReader(path) as reader:
                voxels = sum(volume.voxels for volume in reader.manifest.volumes)
            if voxels:
                found.append(Candidate(path.stem, path.stat().st_size, voxels))
        except Exception as error:
            failure = failure_of(path.stem, "recompress", error)
            broken.append(
                Recompressed(path.stem, Outcome.FAILED, 0, 0, failure.kind, 0.0, None, (), failure)
            )
    return sorted(found, key=lambda one: (-one.voxels, one.key)), broken


def prepare(
    archive: StrPath, key: str, models: StrPath | None = None, profile: str | None = None
) -> Prepared:
    """Lay an object out and fit new models, as far as that is worth it.

    Parameters
    ----------
    archive, models, profile
        As for `recompress`.
    key : str
        Key of a committed object with voxels.
    """
    started = time.perf_counter()
    staged = unpack(archive, key, profile)
    trials = choose(staged, models)
    reason = worth_fitting(staged, trials)
    fitted = None
    if not reason:
        fitted = fit(staged, models)
        reason = worth_coding(staged)
    if reason:
        discard(archive, key)
        fitted = None
    return Prepared(staged, fitted, trials, reason, time.perf_counter() - started)


def worth_fitting(staged: Staged, trials: Sequence[ModelTrial]) -> str:
    """Why an object need not be fitted again, or "": the same models would start it.

    Parameters
    ----------
    staged : Staged
        From ``unpack``.
    trials : sequence of ModelTrial
        From ``choose``.
    """
    with ObjectReader(object_path(staged.archive, staged.key)) as reader:
        if reader.manifest.profile != staged.profile:
            return ""
        now = [reference_of(reader.model(n).to_bytes()) for n in range(len(staged.volumes))]
    chosen = {trial.volume: trial for trial in trials if trial.chosen}
    best = [chosen[n].digest if n in chosen else now[n] for n in range(len(staged.volumes))]
    if best != now:
        return ""
    if not chosen:
        return "no models are registered"
    return f"coded with the best model already ({chosen[0].name if 0 in chosen else '?'})"


def worth_coding(staged: Staged) -> str:
    """Why an object need not be coded again, or "": its new models save too little on a sample."""
    before = after = 0.0
    with ObjectReader(object_path(staged.archive, staged.key)) as reader:
        for number in range(len(staged.volumes)):
            volume = raw_volume(staged, number)
            sample = sample_of(volume)
            share = sum(piece.size for piece in sample) / staged.volumes[number].voxels
            for model, new in ((reader.model(number), False), (read_model(staged, number), True)):
                size = coded_bytes(sample, model) / share + len(model.to_bytes())
                before, after = (before, after + size) if new else (before + size, after)
    if after < (1 - LEAST_GAIN) * before:
        return ""
    return f"the new model promises {signed(after / before - 1)} bytes on a sample"


FUNCTIONS: MutableMapping[Step, Callable[..., Any]] = ChainMap({Step.PREPARE: prepare}, ARCHIVING)
"""What runs each step: those of archiving, and the first one that is its own."""
