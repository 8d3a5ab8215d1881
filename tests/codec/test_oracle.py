"""The fast path and the plain one give the same bytes and read each other's."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import llvmlite.binding
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import random_network
from volumes import volumes

from medzip.codec import packing
from medzip.codec.fast.engine import Engine
from medzip.codec.plain.reference import decode_reference, encode_reference


def packed(voxels: np.ndarray) -> tuple[np.ndarray, int, int]:
    low, counts = packing.histogram(voxels)
    chosen = packing.choose_packing(voxels.dtype.name, low, counts)
    values = packing.pack(voxels, chosen)
    return values, int(values[0, 0, 0]), chosen.count


@given(volumes((4, 12, 12)), st.sampled_from(["deep", "small", "plane"]), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_engine_and_reference_agree(voxels: np.ndarray, form: str, seed: int) -> None:
    values, origin, count = packed(voxels)
    if count > 4096:
        values, count = values >> 4, 4096
        origin = int(values[0, 0, 0])
    network = random_network(form, seed)
    engine = Engine(network, values.shape)
    data = engine.encode([values], [origin], [count])[0]
    assert data == encode_reference(values, origin, count, network)
    assert np.array_equal(engine.decode([data], [origin], [count])[0], values)
    assert np.array_equal(decode_reference(data, values.shape, origin, count, network), values)


@given(volumes((4, 20, 20)), st.sampled_from(["deep", "small", "plane"]))
@settings(max_examples=40, deadline=None)
def test_bytes_do_not_depend_on_kernel_or_batch(voxels: np.ndarray, form: str) -> None:
    """int8 or float32 products, alone or beside another slab: the same bytes."""
    values, origin, count = packed(voxels)
    network = random_network(form)
    alone = Engine(network, values.shape).encode([values], [origin], [count])[0]
    floats = Engine(network, values.shape, exact_int8=False)
    assert floats.encode([values], [origin], [count])[0] == alone
    other = np.ascontiguousarray(values[:, ::-1])
    start = int(other[0, 0, 0])
    pair = Engine(network, values.shape, slabs=2)
    both = pair.encode([other, values], [start, origin], [count, count])
    assert both[1] == alone
    back = pair.decode(both, [start, origin], [count, count])
    assert np.array_equal(back[0], other)
    assert np.array_equal(back[1], values)


PROBE = """
import sys; sys.path.insert(0, {tests!r})
from test_oracle import probe
print(probe())
"""


def probe() -> str:
    """SHA-256 of a slab's bytes, after it decoded."""
    generator = np.random.default_rng(0)
    values = (np.cumsum(generator.integers(-9, 10, (3, 40, 40)), axis=2) + 400).astype(np.uint16)
    values[:, :6] = 400
    engine = Engine(random_network("deep"), values.shape)
    data = engine.encode([values], [400], [800])[0]
    assert np.array_equal(engine.decode([data], [400], [800])[0], values)
    return hashlib.sha256(data).hexdigest()


def run_probe(**setting: str) -> str:
    script = PROBE.format(tests=str(Path(__file__).parent))
    run = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **setting},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


@pytest.mark.parametrize("isa", ["SSE41", "AVX2", "AVX512_CORE"])
def test_bytes_do_not_depend_on_the_product_kernel(isa: str) -> None:
    """oneDNN held to older processors gives the bytes of this one."""
    assert run_probe(ONEDNN_MAX_CPU_ISA=isa) == probe()


@pytest.mark.slow
@pytest.mark.parametrize(
    "isa",
    ["AVX", "AVX2_VNNI", "AVX2_VNNI_2", "AVX512_CORE_VNNI", "AVX512_CORE_BF16", "AVX512_CORE_FP16"],
)
def test_bytes_do_not_depend_on_rarer_product_kernels(isa: str) -> None:
    assert run_probe(ONEDNN_MAX_CPU_ISA=isa) == probe()


@pytest.mark.slow
@pytest.mark.parametrize("cpu", ["generic", "nehalem", "haswell", "skylake-avx512"])
def test_bytes_do_not_depend_on_the_compiled_kernel(tmp_path: Path, cpu: str) -> None:
    """Numba compiling for SSE2, SSE4.2, AVX2, AVX-512 gives the bytes of this processor."""
    needed = {"haswell": "avx2", "skylake-avx512": "avx512vl"}.get(cpu)
    if needed and not host_features().get(needed):
        pytest.skip(f"this processor has no {needed}")
    assert run_probe(NUMBA_CPU_NAME=cpu, NUMBA_CPU_FEATURES="", NUMBA_CACHE_DIR=str(tmp_path)) == (
        probe()
    )


def host_features() -> dict[str, bool]:
    return dict(llvmlite.binding.get_host_cpu_features())
