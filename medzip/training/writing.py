"""A series of voxels -> its group in a sample store.

windows -> samples in coding order (files of their own) -> shuffled rows -> Zarr arrays
"""

from __future__ import annotations

import hashlib
import shutil
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import zarr

from medzip.atomic import new_folder
from medzip.errors import SourceError
from medzip.training.drawing import central_window, draw_series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from medzip.fitting.fit import Volume
    from medzip.training.sampled import SampledSeries
    from medzip.training.store import SampleStore

__all__ = ["write_series"]

CHUNK_ROWS = 1 << 14


def write_series(store: SampleStore, key: str, volume: Volume) -> SampledSeries:
    """Sample one series into a store; one that is there already is kept.

    Memory holds a few windows of the volume and the samples of one, whatever the quota.

    Raises
    ------
    SourceError
        The store has no such series.
    UnsupportedVoxelsError
        Its voxels are not such that the codec takes.
    """
    about = next((one for one in store.series if one.key == key), None)
    if about is None:
        raise SourceError(f"expected a series of the store, got {key[:16]}; plan it again")
    done = store.found(key)
    if done is not None:
        return done
    seed = (store.seed, int(key[:12], 16))
    with _spool(store, key) as spool, new_folder(store.path(key)) as folder:
        rows, columns, about_rows = _draw(store, volume, store.quotas[key], seed, spool)
        order = np.random.default_rng((*seed, 1 << 20)).permutation(rows)
        window = central_window(volume)
        group = zarr.create_group(str(folder))
        digest = hashlib.sha256()
        for name, values in columns.items():
            shape = (rows, *values.shape[1:])
            chunks = (min(CHUNK_ROWS, max(1, rows)), *values.shape[1:])
            array = group.create_array(name, shape=shape, chunks=chunks, dtype=values.dtype)
            digest.update(f"{name} {values.dtype} {shape}".encode())
            for first in range(0, rows, CHUNK_ROWS):
                part = np.ascontiguousarray(values[order[first : first + CHUNK_ROWS]])
                digest.update(part.tobytes())
                array[first : first + len(part)] = part
        central = group.create_array(
            "window", shape=window.values.shape, dtype="uint16", chunks=window.values.shape
        )
        central[...] = window.values
        group.update_attributes(
            {
                "about": asdict(about),
                "form": store.form.describe(),
                "seed": store.seed,
                "rows": rows,
                "window": {"origin": window.origin, "count": window.count},
                "digest": digest.hexdigest(),
                **about_rows,
            }
        )
    return store.sampled_of(about)


def _draw(
    store: SampleStore, volume: Volume, quota: int, seed: Sequence[int], spool: Path
) -> tuple[int, dict[str, np.ndarray], dict[str, Any]]:
    """Samples of a series in files; how many, the columns, and what attributes say of them."""
    files = {
        name: np.lib.format.open_memmap(
            spool / name, "w+", np.dtype(dtype), (max(1, quota), *shape)
        )
        for name, (dtype, shape) in {**store.form.columns, "origin": ("int32", (3,))}.items()
    }
    at, looked = 0, []
    straight: list[Any] = []
    for drawn in draw_series(volume, store.form, quota, tuple(seed)):
        stop = at + len(drawn.origins)
        for name, values in {**drawn.columns, "origin": drawn.origins}.items():
            files[name][at:stop] = values
        at = stop
        looked.append(drawn.eligible)
        straight.append(drawn.straight.tolist())
    return at, dict(files), {"eligible": float(np.mean(looked)), "straight": straight[0]}


@contextmanager
def _spool(store: SampleStore, key: str) -> Iterator[Path]:
    """A folder for columns in coding order; what a killed run left in it is removed."""
    path = store.folder / f".draw-{key}"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
