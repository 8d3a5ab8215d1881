"""Any series, its files named by chance: found by geometry, and back byte for byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings

from medzip import archive as steps
from medzip.archive.reader import ObjectReader
from medzip.testing.archives import archive_here, same
from medzip.testing.strategies import series

if TYPE_CHECKING:
    import pytest

    from medzip.testing.series import Series


@given(drawn=series())
@settings(max_examples=20)
def test_any_series_comes_back(drawn: Series, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("series")
    drawn.write(folder / "source")
    summary = archive_here([folder / "source"], folder / "archive")
    assert summary.ok
    (record,) = summary.objects
    assert (record.kind, record.files, record.voxels) == (
        "series",
        len(drawn.voxels),
        drawn.voxels.size,
    )
    with ObjectReader(folder / "archive" / "objects" / f"{record.key}.zip") as reader:
        found = reader.slab(0, 0, reader.model(0))  # one slab holds them all
    # a stack may begin at either end
    assert np.array_equal(found, drawn.voxels) or np.array_equal(found, drawn.voxels[::-1])
    assert steps.restore(folder / "archive", folder / "out").ok
    same(folder / "source", folder / "out")
