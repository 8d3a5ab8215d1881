"""Raw slabs -> models and encoded slabs, each written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip.archive.layout import canonical_json, work_path, write_atomic
from medzip.archive.records import Fitted, SlabRecord, to_json
from medzip.archive.staging import raw_volume
from medzip.codec import Model, encode_slab
from medzip.training import fit_model

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.archive.records import ObjectRef, Staged

__all__ = ["encode", "fit", "read_fitted", "read_model", "read_slab"]


def fit(staged: Staged) -> Fitted:
    """Fit one model a volume and write it beside the slabs; models that are there are kept.

    Returns
    -------
    Fitted
        Digests of the models, and the bytes they take before the container packs them.
    """
    started = time.perf_counter()
    try:
        return read_fitted(staged)
    except (OSError, ValueError, KeyError):
        pass  # none yet, or half of them
    folder = _models(staged)
    folder.mkdir(exist_ok=True)
    models = []
    for number in range(len(staged.volumes)):
        model = fit_model(raw_volume(staged, number), staged.profile)
        write_atomic(folder / f"{number}.model", model.to_bytes())
        models.append(model)
    fitted = Fitted(
        archive=staged.archive,
        key=staged.key,
        profile=staged.profile,
        model_digests=tuple(model.digest for model in models),
        model_bytes=sum(len(model.to_bytes()) for model in models),
        seconds=time.perf_counter() - started,
    )
    write_atomic(folder / "fit.json", canonical_json(to_json(fitted)))
    return fitted


def read_fitted(ref: ObjectRef) -> Fitted:
    """Read the result of a complete fit back, models checked against their digests.

    Raises
    ------
    OSError, ValueError, KeyError
        When it is missing or broken.
    """
    fields = json.loads((_models(ref) / "fit.json").read_bytes())
    fields["archive"] = ref.archive
    fields["model_digests"] = tuple(fields["model_digests"])
    fitted = Fitted(**fields)
    for number, digest in enumerate(fitted.model_digests):
        if read_model(ref, number).digest != digest:
            raise ValueError(f"expected model {digest}, got another one; fit again")
    return fitted


def read_model(ref: ObjectRef, volume_index: int) -> Model:
    """Read the model of a volume."""
    return Model.from_bytes((_models(ref) / f"{volume_index}.model").read_bytes())


def encode(staged: Staged, volume_index: int, slab_index: int) -> SlabRecord:
    """Encode one slab, in any process and order.

    A slab that is there already is kept if its bytes have their digest and its model is the fitted
    one.

    Parameters
    ----------
    staged : Staged
        A staged and fitted object.
    volume_index, slab_index : int
        One of ``staged.slab_indices``.

    Returns
    -------
    SlabRecord
        Sizes, digest and seconds of the slab.

    Raises
    ------
    OSError
        When the archive cannot be read or written.
    """
    started = time.perf_counter()
    model = read_model(staged, volume_index)
    path = _slab(staged, volume_index, slab_index)
    try:
        record = _read_record(path)
        _check(path.read_bytes(), record, model)
        return SlabRecord(**{**to_json(record), "shape": record.shape, "reused": True})
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not there, half there, or of another model
    volume = staged.volumes[volume_index]
    low = slab_index * volume.depth
    high = min(low + volume.depth, volume.shape[0])
    voxels = np.ascontiguousarray(raw_volume(staged, volume_index)[low:high])
    data = encode_slab(voxels, model)
    record = SlabRecord(
        name=staged.name,
        volume=volume_index,
        slab=slab_index,
        shape=(high - low, volume.shape[1], volume.shape[2]),
        dtype=volume.dtype,
        voxels=voxels.size,
        raw_bytes=voxels.nbytes,
        encoded_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        model_digest=model.digest,
        seconds=time.perf_counter() - started,
        reused=False,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data)
    write_atomic(path.with_suffix(".json"), canonical_json(to_json(record)))
    return record


def read_slab(staged: Staged, volume_index: int, slab_index: int) -> tuple[bytes, SlabRecord]:
    """Read an encoded slab and its record back, checked.

    Raises
    ------
    OSError, ValueError, KeyError
        When it is missing or broken.
    """
    path = _slab(staged, volume_index, slab_index)
    record = _read_record(path)
    data = path.read_bytes()
    _check(data, record, read_model(staged, volume_index))
    return data, record


def _read_record(path: Path) -> SlabRecord:
    fields: dict[str, Any] = json.loads(path.with_suffix(".json").read_bytes())
    fields["shape"] = tuple(fields["shape"])
    return SlabRecord(**fields)


def _check(data: bytes, record: SlabRecord, model: Model) -> None:
    """Compare digest and model."""
    found = hashlib.sha256(data).hexdigest()
    if found != record.sha256 or record.model_digest != model.digest:
        raise ValueError(
            f"expected slab {record.sha256} of model {model.digest}, got {found} of "
            f"{record.model_digest}; encode it again"
        )


def _models(ref: ObjectRef) -> Path:
    return work_path(os.fspath(ref.archive), ref.key) / "models"


def _slab(ref: ObjectRef, volume_index: int, slab_index: int) -> Path:
    folder = work_path(ref.archive, ref.key) / "slabs" / str(volume_index)
    return folder / f"{slab_index}.slab"
