"""Which models there are: the codec's own networks, and directories named by content.

::

    model = base_model("default")                   # shipped with the package
    entry = Registry(folder).publish(directory)     # checked, copied, named by its digest
    offered = offered_models([folder])              # what an encoder tries

`network` has the models of a network, over `weights` (its files) and `shelf` (which there are, by
digest, in the package and in `folders`). `directory` writes and checks what `registry` holds, over
`kinds`, `card`, `golden` and `proof`. `medzip.fitting.choose_model` chooses among models by coding
a sample. docs/models.md describes the files.
"""

from __future__ import annotations

from medzip.models.directory import (
    DirectoryInfo,
    check_directory,
    training_of,
    write_directory,
)
from medzip.models.files import files_of
from medzip.models.folders import model_folders
from medzip.models.golden import check_golden, write_golden
from medzip.models.network import (
    NetworkModel,
    base_model,
    model_of,
    network_of,
    reference_of,
    shipped_model,
)
from medzip.models.registry import Entry, Registry, offered_models

__all__ = [
    "DirectoryInfo",
    "Entry",
    "NetworkModel",
    "Registry",
    "base_model",
    "check_directory",
    "check_golden",
    "files_of",
    "model_folders",
    "model_of",
    "network_of",
    "offered_models",
    "reference_of",
    "shipped_model",
    "training_of",
    "write_directory",
    "write_golden",
]
