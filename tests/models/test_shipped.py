"""The models that the package brings."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from medzip.models import shelf
from medzip.models.shelf import shipped_digests

if TYPE_CHECKING:
    import pytest

FOLDER = Path(shelf.__file__).parent


def test_folders_beside_the_models_are_no_models(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python keeps bytecode of the modules that lie there, wherever it is not told otherwise."""
    shutil.copytree(FOLDER / "fast", tmp_path / "fast")
    (tmp_path / "__pycache__").mkdir()
    monkeypatch.setattr(shelf, "_models", lambda: tmp_path)
    assert list(shipped_digests.__wrapped__().values()) == ["fast"]
