"""Models as directories named by content: published, listed, pinned, retired, verified, chosen.

::

    entry = Registry(folder).publish(directory)     # checked, copied, named by its digest
    offered = offered_models([folder])              # what an encoder tries
    choice = choose_model(volume, "default", offered)  # by coding a sample

docs/models.md describes the files.
"""

from __future__ import annotations

from medzip.codec.golden import check_golden, write_golden
from medzip.registry.choosing import Choice, Trial, choose_model, sample_of
from medzip.registry.directory import DirectoryInfo, check_directory
from medzip.registry.store import Entry, Registry, offered_models

__all__ = [
    "Choice",
    "DirectoryInfo",
    "Entry",
    "Registry",
    "Trial",
    "check_directory",
    "check_golden",
    "choose_model",
    "offered_models",
    "sample_of",
    "write_golden",
]
