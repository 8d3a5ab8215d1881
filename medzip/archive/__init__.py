"""A series <-> one object of an archive; nothing counts before it is proven.

The steps, in order (each a plain function on paths and small picklable records)::

    inventory = scan(sources)                                  # sources, never changed
    for plan in inventory.plans:
        record = already_proven(plan, archive)                 # None: not in the archive yet
        staged = stage(plan, archive, profile)                 # raw slabs and envelope, resumable
        fit(staged)                                            # one model a volume
        for volume, slab in staged.slab_indices:
            encode(staged, volume, slab)                       # any process, any order
        sealed = seal(staged)                                  # one zip store, temporary name
        proof = prove(sealed)                                  # decoded in another process
        committed = commit(proof)                              # rename; work is dropped
    publish(archive, records)                                  # index of the whole archive

The order stands once, in `medzip.archive.line`; drivers run its calls: `medzip.archive.driving`
here and in processes, a flow on a cluster. ``archive_lock`` guards an archive while steps write to
it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from medzip.archive.checking import already_proven
    from medzip.archive.committing import commit, discard, publish
    from medzip.archive.compressing import compress
    from medzip.archive.describing import StoredFile, inspect, stored_files
    from medzip.archive.encoding import encode, fit
    from medzip.archive.failures import failed_record, failure_of
    from medzip.archive.handles import (
        Committed,
        Fitted,
        Inventory,
        ObjectPlan,
        ObjectRef,
        Proof,
        Sealed,
        Staged,
        StagedVolume,
    )
    from medzip.archive.locking import archive_lock
    from medzip.archive.proving import prove
    from medzip.archive.recompressing import RecompressSummary, recompress
    from medzip.archive.records import (
        Failure,
        ModelTrial,
        PartBytes,
        SeriesRecord,
        SlabRecord,
        StageSeconds,
        Verdict,
        VolumeRecord,
        to_json,
    )
    from medzip.archive.restoring import Restored, restore
    from medzip.archive.scanning import scan
    from medzip.archive.sealing import seal
    from medzip.archive.staging import stage
    from medzip.archive.summary import Event, Summary
    from medzip.archive.verifying import Verified, verify

_MODULES = {
    "checking": ("already_proven",),
    "committing": (
        "commit",
        "discard",
        "publish",
    ),
    "compressing": ("compress",),
    "describing": ("StoredFile", "inspect", "stored_files"),
    "encoding": (
        "encode",
        "fit",
    ),
    "failures": (
        "failed_record",
        "failure_of",
    ),
    "handles": (
        "Committed",
        "Fitted",
        "Inventory",
        "ObjectPlan",
        "ObjectRef",
        "Proof",
        "Sealed",
        "Staged",
        "StagedVolume",
    ),
    "locking": ("archive_lock",),
    "proving": ("prove",),
    "recompressing": (
        "RecompressSummary",
        "recompress",
    ),
    "records": (
        "Failure",
        "ModelTrial",
        "PartBytes",
        "SeriesRecord",
        "SlabRecord",
        "StageSeconds",
        "Verdict",
        "VolumeRecord",
        "to_json",
    ),
    "restoring": (
        "Restored",
        "restore",
    ),
    "scanning": ("scan",),
    "sealing": ("seal",),
    "staging": ("stage",),
    "summary": (
        "Event",
        "Summary",
    ),
    "verifying": (
        "Verified",
        "verify",
    ),
}
"""Which module has what: loaded when it is asked for, since the steps bring torch, Zarr and the
kernels, of which a process that only finds, drives or restates needs none."""

__all__ = [
    "Committed",
    "Event",
    "Failure",
    "Fitted",
    "Inventory",
    "ModelTrial",
    "ObjectPlan",
    "ObjectRef",
    "PartBytes",
    "Proof",
    "RecompressSummary",
    "Restored",
    "Sealed",
    "SeriesRecord",
    "SlabRecord",
    "StageSeconds",
    "Staged",
    "StagedVolume",
    "StoredFile",
    "Summary",
    "Verdict",
    "Verified",
    "VolumeRecord",
    "already_proven",
    "archive_lock",
    "commit",
    "compress",
    "discard",
    "encode",
    "failed_record",
    "failure_of",
    "fit",
    "inspect",
    "prove",
    "publish",
    "recompress",
    "restore",
    "scan",
    "seal",
    "stage",
    "stored_files",
    "to_json",
    "verify",
]


def __getattr__(name: str) -> Any:
    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"medzip.archive.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
