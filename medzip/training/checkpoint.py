"""One file that holds everything a training needs to go on: tensors and numbers, no code.

safetensors with a single metadata entry of canonical JSON: several entries would be written in no
certain order. It is replaced atomically, so there is always the last whole one.
"""

from __future__ import annotations

import fcntl
import json
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from medzip.atomic import write_atomic
from medzip.canonical import canonical_json
from medzip.errors import ModelError

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import torch

__all__ = ["Checkpoint", "only_run", "read_checkpoint", "write_checkpoint"]

_KEY = "medzip"


@dataclass(frozen=True)
class Checkpoint:
    """Everything a training needs to go on.

    Attributes
    ----------
    identity
        Digest of all that decides the model: what it is the state of.
    step, seconds
        Taken so far.
    tensors
        Weights, the optimiser's moments and what else the learner keeps; on the CPU.
    notes
        Its plain numbers.
    """

    identity: str
    step: int
    seconds: float
    tensors: dict[str, torch.Tensor]
    notes: dict[str, Any]


def write_checkpoint(path: Path, state: Checkpoint) -> None:
    """Replace the checkpoint; `read_checkpoint` is the inverse."""
    about = {
        "identity": state.identity,
        "step": state.step,
        "seconds": state.seconds,
        "notes": state.notes,
    }
    tensors = {name: tensor.cpu().contiguous() for name, tensor in state.tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, save(tensors, {_KEY: canonical_json(about).decode()}))


def read_checkpoint(path: Path, identity: str) -> Checkpoint | None:
    """A checkpoint; None if there is no file.

    Raises
    ------
    ModelError
        It is damaged, or of other settings or samples.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        found = Checkpoint(tensors=tensors, **about)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path}: expected a checkpoint, got {type(error).__name__}: {error}; remove it to "
            "train anew"
        ) from error
    if found.identity != identity:
        raise ModelError(
            f"{path}: expected a checkpoint of the same samples and settings, got one of other "
            "settings; name another folder, or remove it"
        )
    return found


@contextmanager
def only_run(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Hold a work folder, made if need be; the lock ends with the process, however that dies.

    Raises
    ------
    ModelError
        Another run holds it.
    """
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    with open(path / "lock", "wb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ModelError(
                f"{path}: expected to be the only run in this folder, got another one at work; "
                "wait until it ends, or name another folder"
            ) from error
        yield path
