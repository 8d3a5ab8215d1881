"""Tasks on the way out: code the slabs, seal the object, prove it, give it its name."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prefect import task
from prefect.cache_policies import NO_CACHE, CacheKeyFnPolicy

from medzip import archive as steps
from medzip.archive.encoding import read_slab
from medzip.errors import ProverError
from medzip_tasks.apart import prove_apart
from medzip_tasks.policy import IO_RETRIES, TAGS, StepFailedError, cache_key, run_each

if TYPE_CHECKING:
    from prefect.context import TaskRunContext

    from medzip.archive import Committed, Failure, Proof, Sealed, SeriesRecord, SlabRecord, Staged

__all__ = [
    "SlabBatch",
    "commit_series",
    "encode_slabs",
    "prove_series",
    "publish_index",
    "seal_series",
    "slabs_are_there",
]

log = logging.getLogger("medzip.tasks")

HOUR = 3600.0


@dataclass(frozen=True)
class SlabBatch:
    """Slabs of one object that one task codes.

    Attributes
    ----------
    staged : Staged
        The object.
    model_digests : tuple of str
        Digest of the model of each volume.
    slabs : tuple of (int, int)
        Volume and slab index of each slab.
    """

    staged: Staged
    model_digests: tuple[str, ...]
    slabs: tuple[tuple[int, int], ...]

    @property
    def name(self) -> str:
        """Name of the object in logs and reports."""
        return self.staged.name


def encode_key(context: TaskRunContext, parameters: dict[str, Any]) -> str | None:
    """Key of a batch: voxels, models, slabs. None for a lot of several small objects."""
    items: tuple[SlabBatch, ...] = parameters["items"]
    if len(items) != 1:
        return None
    batch = items[0]
    return cache_key("encode", batch.staged, models=batch.model_digests, slabs=batch.slabs)


def _encode(batch: SlabBatch) -> tuple[SlabRecord, ...]:
    records = tuple(steps.encode(batch.staged, volume, slab) for volume, slab in batch.slabs)
    log.info(
        "%s: %d slabs, %d voxels, %d -> %d bytes",
        batch.name,
        len(records),
        sum(record.voxels for record in records),
        sum(record.raw_bytes for record in records),
        sum(record.encoded_bytes for record in records),
    )
    return records


@task(
    task_run_name="encode-{label}",
    tags=TAGS,
    timeout_seconds=6 * HOUR,
    cache_policy=CacheKeyFnPolicy(cache_key_fn=encode_key),
    persist_result=True,
    result_serializer="json",
    **IO_RETRIES,
)
def encode_slabs(
    label: str,
    items: tuple[SlabBatch, ...],
) -> list[tuple[SlabRecord, ...] | Failure]:
    """Code a batch of slabs of each object; a slab that is there with its digests is kept."""
    return run_each("encode", _encode, items)


def slabs_are_there(batch: SlabBatch) -> bool:
    """Whether the slabs that a cached result speaks of lie in the archive's work, unharmed."""
    try:
        for volume, slab in batch.slabs:
            read_slab(batch.staged, volume, slab)
    except (OSError, ValueError, KeyError):
        return False
    return True


@task(
    task_run_name="seal-{label}",
    tags=TAGS,
    timeout_seconds=6 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def seal_series(label: str, items: tuple[Staged, ...]) -> list[Sealed | Failure]:
    """Assemble each object at a temporary name."""
    return run_each("seal", steps.seal, items)


@task(
    task_run_name="prove-{label}",
    tags=TAGS,
    timeout_seconds=12 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def prove_series(label: str, items: tuple[Sealed, ...]) -> list[Proof | Failure]:
    """Decode each object from its stored bytes and compare every file.

    Always in another process than the one that sealed it: where both come to the same worker, a
    fresh interpreter does it. Never cached, and a mismatch is never retried. An interpreter that
    was killed says nothing about any object of the lot: each of them fails and may be tried again.
    """
    if all(sealed.pid != os.getpid() for sealed in items):
        return run_each("prove", steps.prove, items)
    answers: dict[Sealed, Proof | Exception]
    try:
        answers = dict(zip(items, prove_apart(items), strict=True))
    except ProverError as error:
        answers = dict.fromkeys(items, error)

    def answer_for(sealed: Sealed) -> Proof:
        answer = answers[sealed]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return run_each("prove", answer_for, items)


@task(
    task_run_name="commit-{label}",
    tags=TAGS,
    timeout_seconds=1 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def commit_series(label: str, items: tuple[Proof, ...]) -> list[Committed | Failure]:
    """Give each proven object its final name."""
    return run_each("commit", steps.commit, items)


@task(
    task_run_name="publish",
    tags=TAGS,
    timeout_seconds=1 * HOUR,
    cache_policy=NO_CACHE,
    persist_result=False,
    **IO_RETRIES,
)
def publish_index(archive: str, records: tuple[SeriesRecord, ...]) -> None:
    """Write the index of the whole archive."""
    try:
        steps.publish(archive, records)
    except Exception as error:
        raise StepFailedError.of("archive", "commit", error) from None
