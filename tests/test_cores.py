"""Slabs on all cores, products on one thread."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading

import numpy as np
import pytest
import torch

import medzip
from medzip.codec import encode_stream
from medzip.cores import cores, on_threads, one_blas_thread, one_thread
from medzip.models import base_model


@pytest.fixture
def two_cores(monkeypatch):
    """Two cores and two threads, whatever the machine has."""
    monkeypatch.setattr("medzip.cores.cores", lambda: 2)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_at_least_one_core():
    assert cores() >= 1


def test_omp_num_threads_bounds_cores(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert cores() == len(os.sched_getaffinity(0))


@pytest.mark.parametrize("asked", ["", "0", "-1", "two", "\u00b2", " 1", "1e3", "9" * 30, "1,2"])
def test_any_omp_num_threads_is_some_cores(asked, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    assert 1 <= cores() <= (os.cpu_count() or 1)


def test_results_come_in_order_and_from_several_threads(two_cores):
    both = threading.Barrier(2, timeout=30)

    def call(number):
        both.wait()  # returns only if two calls run at once
        return number * number, torch.get_num_threads()

    assert on_threads(call, range(6)) == [(n * n, 1) for n in range(6)]
    assert torch.get_num_threads() == 2


def test_an_error_is_raised_and_threads_are_given_back(two_cores):
    with pytest.raises(ZeroDivisionError):
        on_threads(lambda n: 1 // n, [1, 0, 2])
    assert torch.get_num_threads() == 2


def test_one_core_stays_one(monkeypatch):
    monkeypatch.setattr("medzip.cores.cores", lambda: 1)
    assert set(on_threads(lambda _: threading.get_ident(), range(4))) == {threading.get_ident()}


def test_one_thread_gives_back_what_was_set(two_cores):
    with one_thread():
        assert torch.get_num_threads() == 1
        torch.set_num_threads(2)  # whoever sets what within
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 2


def test_blas_is_given_back_by_the_last(two_cores):
    def blas():
        from threadpoolctl import threadpool_info

        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = blas()
    first, second = one_blas_thread(), one_blas_thread()
    with first:
        second.__enter__()
    assert blas() == [1 for _ in before]
    second.__exit__(None, None, None)
    assert blas() == before


def test_streams_are_the_same_on_any_number_of_threads(monkeypatch):
    generator = np.random.default_rng(3)
    volume = generator.normal(800, 30, (7, 40, 36)).astype(np.int16)
    model = base_model("fast")
    monkeypatch.setattr("medzip.cores.cores", lambda: 2)
    together = encode_stream(volume, model, 2)
    assert np.array_equal(medzip.decode(together), volume)
    monkeypatch.setattr("medzip.cores.cores", lambda: 1)
    assert encode_stream(volume, model, 2) == together


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="counts threads in /proc")
@pytest.mark.parametrize("asked", [None, "4"])
def test_no_product_of_a_step_uses_a_second_thread(asked):
    """From fresh threads, whatever they or the environment set: no library starts any of its own.

    OpenMP keeps the threads that it starts for a thread, so they can be counted afterwards. That
    the count would show them is seen from a product that is left to torch.
    """
    script = """
        import asyncio, os, threading
        import numpy as np, torch, zarr
        import medzip
        from medzip.codec import decode_slab, encode_slab
        from medzip.models import base_model
        from medzip.zarr_codec import MedZipCodec

        model = base_model("default")
        voxels = np.random.default_rng(0).normal(500, 40, (4, 96, 96)).astype("i2")
        data = encode_slab(voxels, model)
        stream = medzip.encode(voxels, profile="fast")
        array = zarr.create_array({}, shape=(8, 96, 96), dtype="i2", chunks=(4, 96, 96),
                                  serializer=MedZipCodec.of(model), filters=None, compressors=None)
        def threads():
            return set(os.listdir("/proc/self/task"))
        def inside(call):
            def run():
                torch.set_num_threads(4)
                before = threads()
                call()
                found.append(len(threads() - before))
            found = []
            thread = threading.Thread(target=run)
            thread.start()
            thread.join()
            return found[0]
        print(inside(lambda: encode_slab(voxels, model)))
        print(inside(lambda: decode_slab(data, model)))
        print(inside(lambda: medzip.decode(stream)))
        array[:4] = voxels
        array[4:] = voxels
        array[:]                      # Zarr's threads are there now
        before = threads()
        assert (array[:4] == voxels).all()
        print(len(threads() - before))
        big = torch.ones((700, 700))  # the last, as its threads end some time after it
        print(inside(lambda: torch.mm(big, big)))
    """
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    if asked:
        environment["OMP_NUM_THREADS"] = asked
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    *ours, control = map(int, done.stdout.split())
    assert control >= 1
    assert ours == [0, 0, 0, 0]
