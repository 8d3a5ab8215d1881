"""What a model directory may hold, by the kind that its `config.json` names.

The codec's own network has no kind there; the papers' predictors have the names that they go by.
Each is read by a function that is loaded when a directory asks for it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.codec.model import MOST_CONFIG
from medzip.errors import ModelError
from medzip.models.files import read_limited

if TYPE_CHECKING:
    from medzip.codec.model import Model
    from medzip.models.files import StrPath

__all__ = ["KINDS", "NETWORK", "DirectoryKind", "is_offered", "kind_of", "load_directory"]


@dataclass(frozen=True)
class DirectoryKind:
    """How directories of a kind are treated.

    Attributes
    ----------
    reader
        "module:function": from a folder to a `Model`, every file of it checked.
    offered
        Whether encoders try it on every series. What travels whole with what it codes, or takes
        minutes a volume, they get by name only.
    """

    reader: str
    offered: bool


NETWORK = "network"
_SEQUENCE = DirectoryKind("medzip.papers.codec.model:read_sequence_model", offered=False)
KINDS = {
    NETWORK: DirectoryKind("medzip.models.network:read_directory", offered=True),
    "lstm": _SEQUENCE,
    "mlp": _SEQUENCE,
    "attention": _SEQUENCE,
}


def kind_of(folder: StrPath) -> str:
    """The kind of a directory by its configuration, which need not be in `KINDS`.

    `NETWORK` where that cannot be read: a damaged model must not hide the others of a registry from
    who lists them, and checking or opening it says what is wrong.
    """
    try:
        config = json.loads(read_limited(Path(folder) / "config.json", MOST_CONFIG))
    except (ModelError, OSError, ValueError, RecursionError):
        return NETWORK
    return str(config.get("kind", NETWORK)) if isinstance(config, dict) else NETWORK


def is_offered(kind: str) -> bool:
    """Whether encoders try models of a kind on every series; none that is not known."""
    return kind in KINDS and KINDS[kind].offered


def load_directory(folder: StrPath) -> Model:
    """The model of a directory, all of it checked.

    Raises
    ------
    ModelError
        Its kind is unknown, it is incomplete, or its digest does not match its content.
    """
    kind = kind_of(folder)
    if kind not in KINDS:
        raise ModelError(
            f"expected a model of a kind among {', '.join(KINDS)} in {folder}, got {kind[:40]!r}; "
            "use a newer MedZip"
        )
    module, _, function = KINDS[kind].reader.partition(":")
    model: Model = getattr(import_module(module), function)(Path(folder))
    return model
