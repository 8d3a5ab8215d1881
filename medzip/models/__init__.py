"""Models as directories named by content: published, listed, pinned, retired, verified.

::

    entry = Registry(folder).publish(directory)     # checked, copied, named by its digest
    offered = offered_models([folder])              # what an encoder tries

`medzip.fitting.choose_model` chooses among them by coding a sample.

docs/models.md describes the files.
"""

from __future__ import annotations

from medzip.models.directory import (
    DirectoryInfo,
    check_directory,
    training_of,
    write_directory,
    write_sequence_directory,
)
from medzip.models.files import files_of
from medzip.models.golden import check_golden, write_golden
from medzip.models.registry import Entry, Registry, offered_models

__all__ = [
    "DirectoryInfo",
    "Entry",
    "Registry",
    "check_directory",
    "check_golden",
    "files_of",
    "offered_models",
    "training_of",
    "write_directory",
    "write_golden",
    "write_sequence_directory",
]
