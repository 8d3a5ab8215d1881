"""The state of a training, on disk: tensors and numbers, nothing that could run code.

A checkpoint is one safetensors file, written whole or not at all. Its one metadata entry is
canonical JSON: several entries would be written in no certain order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from medzip.atomic import write_atomic
from medzip.canonical import canonical_json
from medzip.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    import torch

__all__ = ["Checkpoint", "read_checkpoint", "write_checkpoint"]

_KEY = "medzip"


@dataclass(frozen=True)
class Checkpoint:
    """Everything a training needs to go on.

    Attributes
    ----------
    identity
        Digest of run and samples: what it is the state of.
    step
        Steps done.
    tensors
        Weights, the optimiser's moments, masks of pruning; on the CPU.
    notes
        Plain numbers, such as the curve so far.
    """

    identity: str
    step: int
    tensors: dict[str, torch.Tensor]
    notes: dict[str, Any]


def write_checkpoint(path: Path, state: Checkpoint) -> None:
    """Replace the checkpoint of this name."""
    about = {"identity": state.identity, "step": state.step, "notes": state.notes}
    tensors = {name: tensor.contiguous() for name, tensor in state.tensors.items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, save(tensors, {_KEY: canonical_json(about).decode()}))


def read_checkpoint(path: Path, identity: str) -> Checkpoint | None:
    """The checkpoint, the inverse of `write_checkpoint`; None if there is none.

    Raises
    ------
    ModelError
        It is damaged, or of another run or other samples.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"expected a checkpoint in {path}, got {type(error).__name__}; remove it to start anew"
        ) from error
    if about["identity"] != identity:
        raise ModelError(
            f"expected a checkpoint of this run in {path}, got one of other settings or samples; "
            "use another folder, or remove it to start anew"
        )
    return Checkpoint(identity, int(about["step"]), tensors, about["notes"])
