"""The shelf: which networks there are, by digest: those of the package, and those of folders.

A stream refers to a network by its digest alone. A digest is that of the content and is checked on
reading, so it does not matter where a network comes from.
"""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

from medzip.errors import ModelError
from medzip.models.folders import VARIABLE, folders_in_use
from medzip.models.weights import network_digest, read_network
from medzip.profile import PROFILES

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from medzip.codec.plain.network import Network

__all__ = [
    "known_network",
    "network_name",
    "shipped_digest",
    "shipped_digests",
    "shipped_models",
]


@cache
def known_network(digest: str) -> Network:
    """The network of a digest, from the package or from a folder of models, or ModelError."""
    if digest in shipped_digests():
        return _load_shipped(shipped_digests()[digest])
    for folder in folders_in_use():
        if (folder / digest).is_dir():
            network = read_network(folder / digest)
            if network_digest(network) == digest:
                return network
    raise ModelError(
        f"expected a model of this package or of {VARIABLE}, got a reference to {digest[:16]}; "
        f"name the folder that holds it in {VARIABLE} (an archive's is ARCHIVE/models), or install "
        "the MedZip version that wrote it"
    )


def network_name(digest: str) -> str:
    """Name of a network, for people: as profiles call it, or its first digits."""
    return next(
        (name for name in shipped_models() if shipped_digest(name) == digest),
        f"model-{digest[:8]}",
    )


def shipped_models() -> tuple[str, ...]:
    """Names of the models that profiles start from."""
    return tuple(sorted({name for profile in PROFILES.values() for name in profile.bases}))


@cache
def shipped_digest(name: str) -> str:
    """Digest of a shipped model: SHA-256 over its configuration and integers, hexadecimal."""
    config = json.loads((_models() / name / "config.json").read_bytes())
    return str(config["digest"])


@cache
def shipped_digests() -> dict[str, str]:
    """Names of the folders of medzip/models by digest.

    Any folder counts, also those of bases that no profile starts from any more: what an archive
    refers to stays in the package.
    """
    # modules lie there as well, and the folder of their bytecode
    folders = (folder for folder in _models().iterdir() if (folder / "config.json").is_file())
    names = sorted(folder.name for folder in folders)
    return {shipped_digest(name): name for name in names}


def _models() -> Traversable:
    return resources.files("medzip") / "models"


@cache
def _load_shipped(name: str) -> Network:
    return read_network(_models() / name)
