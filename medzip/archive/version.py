"""Version of the package that writes an archive, as manifests and reports name it."""

from __future__ import annotations

import importlib.metadata

__all__ = ["VERSION"]


def _version() -> str:
    try:
        return importlib.metadata.version("medzip")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"  # run from a checkout that is not installed


VERSION = _version()
