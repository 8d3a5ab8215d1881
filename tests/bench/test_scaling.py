"""Many workers and fresh processes: what they code comes back, and what fails says so."""

from __future__ import annotations

import numpy as np
import pytest

from medzip.bench.measuring import Settings
from medzip.bench.optional import add_scaling, add_startup
from medzip.bench.peers import PEERS
from medzip.bench.phantom import mr_volume
from medzip.bench.runner import run_bench
from medzip.bench.scaling import ScalingError, measure_scaling, worker_counts
from medzip.bench.startup import SHAPE, measure_startup
from medzip.volumes import Series, middle


def test_counts() -> None:
    assert worker_counts(1) == [1]
    assert worker_counts(2) == [1, 2]
    assert worker_counts(6) == [1, 2, 4, 6]
    assert worker_counts(8) == [1, 2, 4, 8]


def test_two_workers() -> None:
    voxels = mr_volume((4, 64, 64), seed=1)
    told: list[int] = []
    one, two = measure_scaling("jpeg-ls", "mr", voxels, [1, 2], rounds=3, progress=told.append)
    assert told == [1, 2]
    assert (one.workers, two.workers) == (1, 2)
    for figure in (one, two):
        assert figure.lossless
        assert figure.voxels == 3 * voxels.size
        assert figure.encode_ns > 0
        assert figure.decode_ns > 0
        assert figure.rate("encode") > 0


def test_worker_that_fails() -> None:
    # Parents accept what workers refuse: jpeg-ls has nothing to prepare.
    with pytest.raises(ScalingError, match="UnsupportedVoxelsError"):
        measure_scaling("jpeg-ls", "x", np.zeros((1, 4, 4), np.float32), [1])


def test_added_to_results() -> None:
    volumes = [Series.held("mr", mr_volume((2, 32, 32), seed=1))]
    results = run_bench(volumes, ["zstd"], Settings(noise=False))
    told: list[tuple[str, str]] = []
    added = add_scaling(
        results, volumes, ["zstd", "jpeg-ls"], 1, lambda volume, what: told.append((volume, what))
    )
    assert [item.codec for item in added.scaling] == ["zstd", "jpeg-ls"]
    assert [codec.name for codec in added.codecs] == ["zstd", "jpeg-ls"]
    assert told == [("mr", "zstd -19 x 1"), ("mr", "JPEG-LS x 1")]
    assert added.measurements == results.measurements
    assert add_startup(results, volumes, ["zstd"]).startup == ()
    assert add_scaling(results, [], ["zstd"]).scaling == ()


def test_small_slab_is_the_middle() -> None:
    voxels = np.arange(6 * 200 * 130).reshape(6, 200, 130)
    cut = middle(voxels, *SHAPE)
    assert cut.shape == SHAPE
    assert cut[0, 0, 0] == voxels[1, 36, 1]
    assert middle(voxels[:2, :20, :30], *SHAPE).shape == (2, 20, 30)


def test_startup() -> None:
    state = PEERS["medzip-fast"].available()
    if not state.ok:
        pytest.skip(state.reason)
    figure = measure_startup("fast", mr_volume((2, 32, 32), seed=1), repeat=1)
    assert figure.codec == "medzip-fast"
    assert figure.voxels == 2 * 32 * 32
    assert 0 < figure.import_ns + figure.decode_ns < figure.wall_ns
