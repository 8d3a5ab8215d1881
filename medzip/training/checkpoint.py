"""One file that holds everything a run needs to go on: tensors and counters, no code.

safetensors with a single metadata entry of canonical JSON. It is replaced atomically, so there is
always the last whole one.
"""

from __future__ import annotations

import fcntl
import json
from contextlib import contextmanager
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

__all__ = ["only_run", "read_checkpoint", "write_checkpoint"]

_KEY = "medzip"


def write_checkpoint(path: Path, tensors: dict[str, torch.Tensor], about: dict[str, Any]) -> None:
    """Replace the checkpoint; `read_checkpoint` is the inverse."""
    write_atomic(path, save(tensors, {_KEY: canonical_json(about).decode()}))


def read_checkpoint(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Tensors and counters of a checkpoint; None if there is no file.

    Raises
    ------
    ModelError
        It is damaged.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            about = json.loads(file.metadata()[_KEY])
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{path}: expected a checkpoint, got {type(error).__name__}: {error}; remove it and "
            "train again"
        ) from error


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
