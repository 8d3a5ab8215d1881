"""A model directory: everything about a model, named by the digest of its content.

::

    config.json          canonical JSON: the form of the network, and its digest
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
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medzip.atomic import new_folder
from medzip.codec.model import Model, network_digest, read_limited, read_network, write_network
from medzip.errors import ModelError
from medzip.models.card import model_card, sequence_card
from medzip.models.files import files_of
from medzip.models.golden import write_golden
from medzip.models.proof import prove_model

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medzip.codec.plain.network import Network
    from medzip.models.files import StrPath

__all__ = [
    "DirectoryInfo",
    "check_directory",
    "is_sequence",
    "read_sequence",
    "training_of",
    "write_directory",
    "write_sequence_directory",
]

_MOST_CONFIG = 1 << 16
_SEQUENCES = "medzip.papers.codec.model"


@dataclass(frozen=True)
class DirectoryInfo:
    """What a model directory holds.

    Attributes
    ----------
    digest : str
        Of its content, hexadecimal: the name that it has in a registry.
    form : str
        The form of the network, for people.
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
    models: StrPath, network: Network, about: Mapping[str, Any], curves: bytes
) -> Path:
    """Prove a network and write its directory, all of it or nothing; one that is there is kept.

    Parameters
    ----------
    models
        Folder of model directories, made if absent.
    network
        The integers.
    about
        As `medzip.models.card.model_card` takes it; becomes training.json.
    curves
        Content of the run's file of `medzip.training.curves`.

    Raises
    ------
    ModelError
        The network does not compute the same in the fast coder and the plain one.
    """
    digest = network_digest(network)
    form = network.architecture
    hidden = " x ".join(map(str, form.hidden))
    card = model_card(about, digest, len(form.neighbourhood), hidden)
    model = Model(network, network)
    return _write(Path(models) / digest, model, write_network(network), about, card, curves)


def write_sequence_directory(
    models: StrPath,
    model: Model,
    files: Mapping[str, bytes],
    about: Mapping[str, Any],
    curves: bytes,
) -> Path:
    """The same for a predictor of the papers, of which `files` are configuration and weights."""
    card = sequence_card(about, model.digest, model.name)
    return _write(Path(models) / model.digest, model, files, about, card, curves)


def _write(
    target: Path,
    model: Model,
    weights: Mapping[str, bytes],
    about: Mapping[str, Any],
    card: str,
    curves: bytes,
) -> Path:
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
    if is_sequence(root):
        model = read_sequence(root)
        return DirectoryInfo(model.digest, model.name, files)
    network = read_network(root)
    form = network.architecture
    shape = "-".join(map(str, form.hidden))
    return DirectoryInfo(
        network_digest(network), f"{len(form.neighbourhood)} voxels, {shape}", files
    )


def is_sequence(folder: StrPath) -> bool:
    """Whether a directory holds a sequence model, by its configuration.

    False where that cannot be read: a damaged model must not hide the others of a registry from
    who lists them, and checking or opening it says what is wrong.
    """
    try:
        config = json.loads(read_limited(Path(folder) / "config.json", _MOST_CONFIG))
    except (ModelError, OSError, ValueError, RecursionError):
        return False
    return isinstance(config, dict) and "kind" in config


def read_sequence(folder: StrPath) -> Model:
    """The model of a directory that `is_sequence`: loaded only where there is one."""
    model: Model = import_module(_SEQUENCES).read_sequence_model(Path(folder))
    return model


def training_of(folder: StrPath) -> dict[str, object]:
    """What `training.json` tells; nothing where there is none or it is no such thing."""
    try:
        value = json.loads(read_limited(Path(folder) / "training.json", 4 << 20))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
