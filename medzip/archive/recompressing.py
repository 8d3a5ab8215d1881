"""Objects of an archive, coded anew with registered models where that makes the archive smaller.

    unpack -> choose -> fit -> worth_coding -> encode -> seal -> is it smaller? -> prove -> replace

An object is replaced only by one of fewer bytes from which another process has got every file back;
until then the old one stays. A model costs its bytes once, when it is copied into the archive:
proven objects wait until together they save more than that. So the archive never grows, however
good or bad the models are. A run that is killed goes on where it was.
"""

from __future__ import annotations

import os
import shutil
import time
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.archive.committing import discard
from medzip.archive.describing import object_paths
from medzip.archive.encoding import choose, encode, fit, read_model
from medzip.archive.failures import failure_of
from medzip.archive.layout import object_path, open_archive
from medzip.archive.locking import archive_lock
from medzip.archive.models import model_bytes, models_path, references_of
from medzip.archive.pool import fan_out
from medzip.archive.proving import prove
from medzip.archive.reader import ObjectReader
from medzip.archive.records import NAME_DIGITS, Event, Failure, SeriesRecord
from medzip.archive.replacing import end_replacements, replace_object
from medzip.archive.sealing import seal
from medzip.archive.staging import raw_volume
from medzip.archive.unpacking import unpack
from medzip.codec.model import reference_of
from medzip.fitting.choose import coded_bytes, sample_of
from medzip.models.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from medzip.archive.layout import StrPath
    from medzip.archive.records import Fitted, ModelTrial, Proof, Staged

__all__ = [
    "Candidate",
    "Gate",
    "Outcome",
    "Prepared",
    "RecompressSummary",
    "Recompressed",
    "candidates",
    "end_recompressing",
    "not_smaller",
    "prepare",
    "recompress",
    "released",
    "worth_coding",
    "worth_fitting",
]

LEAST_GAIN = 0.0005
"""Share of the voxels' bytes that a sample has to promise before all of them are coded."""


class Outcome(StrEnum):
    """What became of an object."""

    REPLACED = "replaced"
    """A smaller object of the same content is in its place."""
    KEPT = "kept"
    """It stayed as it was: nothing found was smaller."""
    FAILED = "failed"
    """It stayed as it was, because a step failed."""


@dataclass(frozen=True)
class Candidate:
    """An object with voxels, as the index has it."""

    key: str
    size: int
    voxels: int

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]


@dataclass(frozen=True)
class Recompressed:
    """What became of one object.

    Attributes
    ----------
    key : str
        Its key.
    outcome : Outcome
        Whether there is a smaller one now.
    before_bytes, after_bytes : int
        Size of the object on disk; equal unless it was replaced.
    reason : str
        Why, in a sentence without any name of a file.
    seconds : float
        Of all steps.
    record : SeriesRecord or None
        Of the new object.
    trials : tuple of ModelTrial
        What the models made of a sample.
    failure : Failure or None
        What failed.
    """

    key: str
    outcome: Outcome
    before_bytes: int
    after_bytes: int
    reason: str
    seconds: float = 0.0
    record: SeriesRecord | None = None
    trials: tuple[ModelTrial, ...] = ()
    failure: Failure | None = None

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.key[:NAME_DIGITS]


@dataclass(frozen=True)
class RecompressSummary:
    """Result of ``recompress``.

    Attributes
    ----------
    archive : str
        The archive.
    objects : tuple of Recompressed
        One for each object with voxels.
    model_bytes : int
        Bytes of models that the archive has got.
    seconds : float
        Wall-clock time.
    """

    archive: str
    objects: tuple[Recompressed, ...]
    model_bytes: int
    seconds: float

    @property
    def failures(self) -> tuple[Failure, ...]:
        """What failed; the objects concerned are as they were."""
        return tuple(one.failure for one in self.objects if one.failure is not None)

    @property
    def before_bytes(self) -> int:
        """Bytes of the objects before."""
        return sum(one.before_bytes for one in self.objects)

    @property
    def after_bytes(self) -> int:
        """Bytes of the objects after, and of the models that came with them."""
        return sum(one.after_bytes for one in self.objects) + self.model_bytes

    @property
    def replaced(self) -> int:
        """Number of objects that are smaller now."""
        return sum(one.outcome is Outcome.REPLACED for one in self.objects)


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


@dataclass(frozen=True)
class Prepared:
    """An object laid out, with new models where they promise fewer bytes.

    Attributes
    ----------
    staged : Staged
        Its raw slabs.
    fitted : Fitted or None
        Its new models; None where it stays as it is.
    trials : tuple of ModelTrial
        What the models made of a sample.
    reason : str
        Why it stays, or "".
    seconds : float
        How long that took.
    """

    staged: Staged
    fitted: Fitted | None
    trials: tuple[ModelTrial, ...]
    reason: str
    seconds: float

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.staged.name


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
    return f"the new model promises {_signed(after / before - 1)} bytes on a sample"


@dataclass
class Gate:
    """Lets proven objects in when they have paid for the models that the archive has to take.

    Attributes
    ----------
    archive : str
        The archive, locked by this run.
    model_bytes : int
        Bytes of the models that it has taken.
    """

    archive: str
    model_bytes: int = 0
    _waiting: list[tuple[Proof, int, frozenset[str]]] = field(default_factory=list)

    def offer(self, proof: Proof) -> list[tuple[Proof, int, Exception | None]]:
        """Replace what pays for itself now.

        Returns
        -------
        list
            Proofs of objects that had their turn, the bytes before, and what went wrong: then the
            old object is still there.
        """
        before = object_path(proof.archive, proof.key).stat().st_size
        self._waiting.append((proof, before, references_of(Path(proof.path))))
        return self._release()

    def left(self) -> list[tuple[Proof, int, str]]:
        """Objects that do not pay for their models, with the reason; they stay as they are."""
        out = []
        for proof, before, models in self._waiting:
            cost = self._cost(models)
            reason = f"saves {before - proof.size} bytes, its model takes {cost}"
            out.append((proof, before, reason))
            discard(self.archive, proof.key)
        self._waiting.clear()
        return out

    def _release(self) -> list[tuple[Proof, int, Exception | None]]:
        released: list[tuple[Proof, int, Exception | None]] = []
        for models in sorted({one[2] for one in self._waiting}, key=sorted):
            # those that need no other models than these pay for them together
            group = [one for one in self._waiting if one[2] <= models]
            cost = self._cost(models)
            if sum(before - proof.size for proof, before, _ in group) <= cost:
                continue
            size = self._size()
            for proof, before, needs in group:
                self._waiting.remove((proof, before, needs))
                error = None
                try:
                    replace_object(proof)
                except Exception as raised:
                    error = raised
                released.append((proof, before, error))
            self.model_bytes += self._size() - size
        return released

    def _size(self) -> int:
        return sum(entry.size for entry in Registry.at(models_path(self.archive)).entries())

    def _cost(self, models: frozenset[str]) -> int:
        """Bytes of the models that the archive does not have yet."""
        there = {entry.digest for entry in Registry.at(models_path(self.archive)).entries()}
        return sum(model_bytes(self.archive, digest) for digest in models - there)


def recompress(
    archive: StrPath,
    models: StrPath | None = None,
    profile: str | None = None,
    workers: int = 1,
    on_event: Callable[[Event], None] | None = None,
) -> RecompressSummary:
    """Code the objects of an archive anew where that makes it smaller.

    Parameters
    ----------
    archive : path
        An archive; whoever reads it meanwhile finds every object whole.
    models : path, optional
        Registry of models; those that the archive has are tried, too.
    profile : str, optional
        Profile to code with; that of each object by default.
    workers : int
        Processes that code slabs.
    on_event : callable, optional
        Called with the progress.

    Returns
    -------
    RecompressSummary
        What became of each object. One that fails stays as it is and does not stop the others.

    Raises
    ------
    ArchiveError
        When the folder is no archive, or held by another run.
    """
    started = time.perf_counter()
    open_archive(archive)
    with archive_lock(archive):
        found, done = candidates(archive)
        run = _Run(os.fspath(archive), models, profile, workers)
        for count, one in enumerate(found, start=1):
            run.take(one)
            if on_event:
                on_event(Event("recompress", one.name, count, len(found)))
        run.finish()
        end_recompressing(archive, ok=not run.failed and not done)
    return RecompressSummary(
        os.fspath(archive),
        tuple(sorted([*done, *run.done.values()], key=lambda one: one.key)),
        run.gate.model_bytes,
        time.perf_counter() - started,
    )


def end_recompressing(archive: StrPath, *, ok: bool) -> None:
    """Bring the index up to date; drop the work, unless something failed and may go on from it."""
    end_replacements(archive)
    if ok:
        shutil.rmtree(Path(archive) / "work", ignore_errors=True)


class _Run:
    """One run without an orchestrator: object after object, slabs on several processes."""

    def __init__(
        self, archive: str, models: StrPath | None, profile: str | None, workers: int
    ) -> None:
        self.done: dict[str, Recompressed] = {}
        self.gate = Gate(archive)
        self._archive, self._models, self._profile = archive, models, profile
        self._workers = workers

    @property
    def failed(self) -> bool:
        """Whether a step failed."""
        return any(one.outcome is Outcome.FAILED for one in self.done.values())

    def take(self, one: Candidate) -> None:
        """Bring one object as far as it is worth."""
        started = time.perf_counter()
        try:
            self._steps(one, started)
        except Exception as error:
            failure = failure_of(one.key, "recompress", error)
            self._end(one, Outcome.FAILED, failure.kind, started, failure=failure)
            discard(self._archive, one.key)

    def _steps(self, one: Candidate, started: float) -> None:
        prepared = prepare(self._archive, one.key, self._models, self._profile)
        staged, trials = prepared.staged, prepared.trials
        if prepared.reason:
            self._end(one, Outcome.KEPT, prepared.reason, started, trials)
            return
        calls = [(staged, volume, slab) for volume, slab in staged.slab_indices]
        for _, result in fan_out(encode, calls, self._workers):
            if isinstance(result, BaseException):
                raise result
        sealed = seal(staged)
        if sealed.size >= one.size:
            self._end(one, Outcome.KEPT, not_smaller(sealed.size), started, trials)
            discard(self._archive, one.key)
            return
        self._end(one, Outcome.KEPT, "waits", started, trials)
        self._released(self.gate.offer(prove(sealed)))

    def finish(self) -> None:
        """End the objects whose models do not pay."""
        for proof, _, reason in self.gate.left():
            self.done[proof.key] = replace(self.done[proof.key], reason=reason)

    def _released(self, turns: Sequence[tuple[Proof, int, Exception | None]]) -> None:
        for proof, before, error in turns:
            self.done[proof.key] = released(self.done[proof.key], proof, before, error)

    def _end(
        self,
        one: Candidate,
        outcome: Outcome,
        reason: str,
        started: float,
        trials: tuple[ModelTrial, ...] = (),
        failure: Failure | None = None,
    ) -> None:
        seconds = time.perf_counter() - started
        self.done[one.key] = Recompressed(
            one.key, outcome, one.size, one.size, reason, seconds, None, trials, failure
        )


def not_smaller(size: int) -> str:
    """Why an object stays that was coded anew."""
    return f"{size} bytes with the new models"


def released(one: Recompressed, proof: Proof, before: int, error: Exception | None) -> Recompressed:
    """The end of an object that was let in: a smaller one is in its place, or something failed."""
    if error is not None:
        failure = failure_of(one.key, "recompress", error)
        return replace(one, outcome=Outcome.FAILED, reason=failure.kind, failure=failure)
    return replace(
        one,
        outcome=Outcome.REPLACED,
        after_bytes=proof.size,
        reason=f"{_signed(proof.size / before - 1)} bytes",
        record=proof.record,
    )


def _signed(share: float) -> str:
    return f"{100 * share:+.2f} %"
