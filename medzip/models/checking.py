"""A model directory, looked at before any of it is trusted or even read.

::

    config.json          canonical JSON: the form of the network, and its digest
    model.safetensors    its integers
    MODEL_CARD.md        for people: data, licences, figures, hardware
    training.json        how it was made
    golden/              a small slab and its stream: what this model has to give everywhere

Only the first two are needed to decode. None of it is code, and nothing is unpickled. A directory
may be anybody's, so sizes are taken from the file system and refused before a byte is read.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from medzip.codec.model import Model, network_digest, read_limited, read_network
from medzip.errors import ModelError

StrPath = str | os.PathLike[str]

__all__ = [
    "MOST_BYTES",
    "SUMS",
    "DirectoryInfo",
    "StrPath",
    "check_directory",
    "files_of",
    "sums_of",
]

MOST_BYTES = 160 << 20
"""Bytes of all files of a model: two and a half times the largest network."""
MOST_FILES = 64
SUMS = "SHA256SUMS"
"""Digests of all other files, as ``sha256sum --check`` takes them; written on publishing."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
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


def files_of(folder: StrPath) -> tuple[tuple[str, int], ...]:
    """Names and bytes of the files of a model directory; nothing is read.

    Raises
    ------
    ModelError
        Links, odd names, folders in folders, too many files or too many bytes.
    """
    root = Path(folder)
    if root.is_symlink() or not root.is_dir():
        raise ModelError(f"expected a model directory, got {root}; check the path")
    found: list[tuple[str, int]] = []
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode) and "/" not in name and _NAME.fullmatch(name):
            continue
        if (
            not stat.S_ISREG(status.st_mode)
            or name.count("/") > 1
            or not all(_NAME.fullmatch(part) for part in name.split("/"))
        ):
            raise ModelError(
                f"expected plain files in the model {root}, got {name!r}; take it out of the folder"
            )
        found.append((name, status.st_size))
        if len(found) > MOST_FILES or sum(size for _, size in found) > MOST_BYTES:
            raise ModelError(
                f"expected at most {MOST_FILES} files of {MOST_BYTES} bytes in all in {root}, got "
                "more; the model is unsafe"
            )
    return tuple(found)


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


def sums_of(folder: StrPath, files: tuple[tuple[str, int], ...]) -> bytes:
    """The content of `SUMS` for these files of a directory."""
    lines = []
    for name, _ in sorted(files):
        if name != SUMS:
            with open(os.path.join(os.fspath(folder), name), "rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines).encode()


def training_of(folder: StrPath) -> dict[str, object]:
    """What `training.json` tells; nothing where there is none or it is no such thing."""
    try:
        value = json.loads(read_limited(Path(folder) / "training.json", 4 << 20))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
