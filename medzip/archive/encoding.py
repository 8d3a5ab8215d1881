"""Raw slabs -> models and encoded slabs, each written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from medzip import codec
from medzip.archive.handles import Fitted, from_fields, to_fields
from medzip.archive.layout import canonical_json, work_path
from medzip.archive.models import archive_models, keep_models, offered_to
from medzip.archive.records import ModelTrial, SlabRecord, to_json
from medzip.archive.staging import raw_volume
from medzip.atomic import write_atomic
from medzip.codec import Model, encode_slab
from medzip.fitting import fit_model
from medzip.fitting.choose import choose_model
from medzip.models import model_folders, model_of, reference_of
from medzip.models.shelf import shipped_digest, shipped_digests
from medzip.profile import profile_named

if TYPE_CHECKING:
    from pathlib import Path

    from medzip.archive.handles import Staged
    from medzip.archive.layout import StrPath

__all__ = ["choose", "encode", "fit", "read_fitted", "read_model", "read_slab"]


def fit(staged: Staged, models: StrPath | None = None) -> Fitted:
    """Fit one model a volume and write it beside the slabs; models that are there are kept.

    Where models are registered, each volume starts from the one that codes a sample of it best, the
    profile's own among them. What is referred to is copied into the archive's work.

    Parameters
    ----------
    staged : Staged
        A staged object.
    models : path, optional
        Registry to choose from, beside the models that the archive has already.

    Returns
    -------
    Fitted
        Digests of the models, and the bytes they take before the container packs them.
    """
    started = time.perf_counter()
    offered = offered_to(staged.archive, models)
    digests = tuple(sorted(entry.digest for entry in offered))
    try:
        fitted = read_fitted(staged)
        if fitted.offered == digests:
            return fitted
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none yet, or half of them
    trials = choose(staged, models)
    folder = _models(staged)
    folder.mkdir(exist_ok=True)
    durable = not staged.is_small
    found: list[Model] = []
    own = {shipped_digest(name) for name in profile_named(staged.profile).bases}
    with model_folders(*(entry.path.parent for entry in offered)):
        for number in range(len(staged.volumes)):
            chosen = [t.digest for t in trials if t.volume == number and t.chosen]
            # one of the profile's own: then it may fit all of them, as it would without a choice
            base = model_of(chosen[0]) if chosen and chosen[0] not in own else None
            model = fit_model(raw_volume(staged, number), staged.profile, base=base)
            reference = reference_of(model.to_bytes())
            if reference is not None and reference not in shipped_digests():
                keep_models(staged.archive, [reference], finished=False)
            write_atomic(folder / f"{number}.model", model.to_bytes(), durable=durable)
            found.append(model)
    fitted = Fitted(
        staged.ref,
        model_digests=tuple(model.digest for model in found),
        model_bytes=sum(len(model.to_bytes()) for model in found),
        seconds=time.perf_counter() - started,
        offered=digests,
        trials=trials,
    )
    write_atomic(folder / "fit.json", canonical_json(to_fields(fitted)), durable=durable)
    return fitted


def choose(staged: Staged, models: StrPath | None = None) -> tuple[ModelTrial, ...]:
    """Code a sample of each volume with all models on offer; one that was done is kept.

    Parameters
    ----------
    staged : Staged
        A staged object.
    models : path, optional
        As for `fit`.

    Returns
    -------
    tuple of ModelTrial
        One a volume and model; none where only the profile's own model is there.
    """
    offered = offered_to(staged.archive, models)
    if not offered:
        return ()
    digests = [entry.digest for entry in offered]
    path = _models(staged) / "choice.json"
    try:
        value = json.loads(path.read_bytes())
        if value["offered"] == digests:
            return tuple(ModelTrial(**trial) for trial in value["trials"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none yet
    trials: list[ModelTrial] = []
    with model_folders(*(entry.path.parent for entry in offered)):
        candidates = [(entry, model_of(entry.digest)) for entry in offered]
        for number in range(len(staged.volumes)):
            choice = choose_model(raw_volume(staged, number), staged.profile, candidates)
            trials += [ModelTrial(volume=number, **asdict(trial)) for trial in choice.trials]
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, canonical_json({"offered": digests, "trials": to_json(tuple(trials))}))
    return tuple(trials)


def read_fitted(staged: Staged) -> Fitted:
    """Read the result of a complete fit back, models checked against their digests.

    Raises
    ------
    OSError, ValueError, KeyError, TypeError
        When it is missing or broken.
    """
    value = json.loads((_models(staged) / "fit.json").read_bytes())
    fields = from_fields(staged.archive, value)
    for name in ("model_digests", "offered"):
        fields[name] = tuple(fields[name])
    fields["trials"] = tuple(ModelTrial(**trial) for trial in fields["trials"])
    fitted = Fitted(**fields)
    for number, digest in enumerate(fitted.model_digests):
        if read_model(staged, number).digest != digest:
            raise ValueError(f"expected model {digest}, got another one; fit again")
    return fitted


def read_model(staged: Staged, volume_index: int) -> Model:
    """Read the model of a volume."""
    with archive_models(staged.archive):
        return codec.read_model((_models(staged) / f"{volume_index}.model").read_bytes())


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
    durable = not staged.is_small
    write_atomic(path, data, durable=durable)
    write_atomic(path.with_suffix(".json"), canonical_json(to_json(record)), durable=durable)
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


def _models(staged: Staged) -> Path:
    return work_path(staged.archive, staged.key) / "models"


def _slab(staged: Staged, volume_index: int, slab_index: int) -> Path:
    folder = work_path(staged.archive, staged.key) / "slabs" / str(volume_index)
    return folder / f"{slab_index}.slab"
