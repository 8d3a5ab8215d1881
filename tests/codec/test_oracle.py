"""Bytes do not depend on the products, the processor or the compiler behind the fast path."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import llvmlite.binding
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medzip.codec.fast.engine import Engine
from medzip.testing.networks import random_network
from medzip.testing.packed import packed
from medzip.testing.probe import probe
from medzip.testing.strategies import volumes

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


@given(volumes((4, 20, 20)), st.sampled_from(["deep", "small", "plane"]))
@settings(max_examples=40)
def test_bytes_do_not_depend_on_products(voxels: np.ndarray, form: str) -> None:
    """int8 or float32 products: the same bytes."""
    values, origin, count = packed(voxels)
    network = random_network(form)
    alone = Engine(network, values.shape).encode([values], [origin], [count])[0]
    floats = Engine(network, values.shape, exact_int8=False)
    assert floats.encode([values], [origin], [count])[0] == alone


def run_probe(**setting: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "medzip.testing.probe"],
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
