"""A model directory: everything about a model, named by the digest of its content.

::

    config.json          canonical JSON: kind and form, and the digest
    model.safetensors    its integers
    MODEL_CARD.md        for people: data, licences, figures, hardware
    training.json        how it was made
    curves.jsonl         how its training went
    golden/              a small slab and its stream: what this model has to give everywhere

Only the first two are needed to decode. What writes a directory and what checks one stand here
together; `medzip.models.files` looks at its files before any is read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.atomic import new_folder
from medzip.errors import ModelError
from medzip.models.files import files_of, read_limited
from medzip.models.golden import write_golden
from medzip.models.kinds import load_directory
from medzip.models.proof import prove_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medzip.codec.model import Model
    from medzip.models.files import StrPath

__all__ = [
    "DirectoryInfo",
    "check_directory",
    "training_of",
    "write_directory",
]

_MOST_TRAINING = 4 << 20


@dataclass(frozen=True)
class DirectoryInfo:
    """What a model directory holds.

    Attributes
    ----------
    digest : str
        Of its content, hexadecimal: the name that it has in a registry.
    form : str
        Its sizes, for people.
    files : tuple of (str, int)
        Names, with "/" where they lie in a folder, and bytes.
    """

    digest: str
    form: str
    files: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(size for _, size in self.files)


def write_directory(
    models: StrPath,
    model: Model,
    weights: Mapping[str, bytes],
    about: Mapping[str, Any],
    card: str,
    curves: bytes,
) -> Path:
    """Prove a model and write its directory, all of it or nothing; one that is there is kept.

    Parameters
    ----------
    models
        Folder of model directories, made if absent.
    model
        A base model, or one that its bytes are complete for.
    weights
        Its configuration and integers, as `medzip.models.weights.write_network` gives them.
    about
        How it was made; becomes training.json.
    card
        Markdown, for people.
    curves
        Content of the run's file of `medzip.training.curves`.

    Raises
    ------
    ModelError
        The model does not compute the same in the fast coder and the plain one.
    """
    target = Path(models) / model.origin
    if (target / "config.json").is_file():
        return target
    prove_model(model)
    files = {
        **weights,
        **write_golden(model),
        "training.json": (json.dumps(about, indent=1, sort_keys=True) + "\n").encode(),
        "MODEL_CARD.md": card.encode(),
        "curves.jsonl": curves,
    }
    with new_folder(target) as folder:
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
    return target


def check_directory(folder: StrPath) -> DirectoryInfo:
    """Check sizes, then configuration, arrays, their bounds and their digest.

    Raises
    ------
    ModelError
        The directory is unsafe, incomplete, or not what its digest says.
    """
    files = files_of(folder)
    root = Path(folder)
    missing = {"config.json", "model.safetensors"} - {name for name, _ in files}
    if missing:
        raise ModelError(
            f"expected {', '.join(sorted(missing))} in {root}, got {[n for n, _ in files]}; "
            "copy the whole model directory"
        )
    model = load_directory(root)
    return DirectoryInfo(model.origin, model.form, files)


def training_of(folder: StrPath) -> dict[str, object]:
    """What `training.json` tells; nothing where there is none or it is no such thing."""
    try:
        value = json.loads(read_limited(Path(folder) / "training.json", _MOST_TRAINING))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
