"""Folders of models that are not shipped with the package: where a network is looked up by digest.

A stream may refer to a network by its digest alone. Those of the package are found without ado;
others lie in folders, each network in a directory named by its digest (docs/models.md)::

    FOLDER/<digest>/config.json, model.safetensors, ...

Which folders: those that the process has opened with `model_folders`, the newest first, then those
of the environment variable ``MEDZIP_MODELS``. A digest is that of the content and is checked on
reading, so it does not matter which folder a network comes from.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["VARIABLE", "folders_in_use", "model_folders"]

VARIABLE = "MEDZIP_MODELS"
"""Folders of models, separated as in PATH."""

# Of the process and not of the context: a model may be needed in a thread that some library
# started. Zarr decodes in threads of its own, which need not have the context of whoever asked.
_opened: list[Path] = []
_lock = threading.Lock()


@contextmanager
def model_folders(*folders: str | os.PathLike[str]) -> Iterator[None]:
    """Look models up in these folders too, in all threads of this process.

    Folders that do not exist are allowed: they hold nothing.
    """
    paths = [Path(folder) for folder in folders]
    with _lock:
        _opened.extend(paths)
    try:
        yield
    finally:
        with _lock:
            for path in paths:
                _opened.remove(path)


def folders_in_use() -> tuple[Path, ...]:
    """Folders to look in, in order."""
    with _lock:
        opened = tuple(reversed(_opened))
    named = (part for part in os.environ.get(VARIABLE, "").split(os.pathsep) if part)
    return tuple(dict.fromkeys((*opened, *map(Path, named))))
